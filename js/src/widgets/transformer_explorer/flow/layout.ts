/**
 * Where everything in the picture goes: pure, from the room there is and what the model is.
 *
 * A lane is one token, level across the whole picture. Inside its height `pitch` lie, from the top: the bars, all
 * around one middle line, and below them the channel in which what skips a part of the block passes by.
 */
import type { Box } from "../../../lib/scene";
import type { ModelFacts } from "../protocol";
import { type Architecture, architectureOf, columnsOf, fitted } from "./columns";

export interface Room {
  width: number;
  /** Most height for the lanes, in pixels. */
  height: number;
  /** Where given, most height for the whole picture instead; lanes are then lower before they are scrolled. */
  within?: number | null;
  tokens: number;
  /** How far the lanes are scrolled, in pixels. */
  scroll: number;
}

export interface Column {
  x: number;
  width: number;
}

export interface Layout {
  width: number;
  height: number;
  /** Where lanes are drawn, from below the header of the card. */
  lanes: Box;
  pitch: number;
  /** Height of a bar as long as the residual stream. */
  unit: number;
  tokens: number;
  /** Lanes that are drawn, half-open. */
  visible: [first: number, stop: number];
  scroll: number;
  /** Height of all lanes; more than `lanes.height` where they must be scrolled. */
  total: number;
  columns: ReadonlyMap<string, Column>;
  form: Architecture;
  card: Box | null;
  matrix: Matrix | null;
  list: Box | null;
  /** Of one lane, with y from its middle line. */
  bars: ReadonlyMap<string, Box>;
  /** Height of a stage's bar. */
  barHeight(stage: string): number;
  /** The middle line of a lane, and of its channel. */
  middle(lane: number): number;
  channel(lane: number): number;
  /** Most that a ribbon in the channel is wide, as a part of its width elsewhere. */
  channelPart: number;
  /** Whether hidden layers are too long to be drawn to scale. */
  cut: boolean;
}

export interface Matrix {
  /** Left edge of the first column. */
  x: number;
  width: number;
  columns: number;
  cell: number;
  /** How key tokens are written above: level, upright, or not at all. */
  labels: "level" | "upright" | "none";
}

export const CARD_HEAD = 30;
const UPRIGHT_PX = 52;
const LEVEL_PX = 20;
const TOP_PX = 4;
/** The titles and captions above the lanes. */
const WORDS_PX = 52;
const FOOT_PX = 26;
export const LANE_LEAST = 24;
/** Where the whole picture must fit, lanes are not lower than this, nor is the picture. */
const LANE_FITTED = 16;
const LEAST_FITTED = 230;
const LANE_MOST = 92;
const LEAST_HEIGHT = 250;
/** The list of probabilities beside the lanes. */
const LEAST_LIST = 336;
/** Parts of a lane's height: bars, then the channel, then air. */
const BARS_PART = 0.8;
const CHANNEL_PART = 0.14;
/** Longest vector that is drawn to scale, in lengths of the residual stream. */
const LONGEST = 5;
export const LIST_FROM = 860;

export interface Shape {
  model: ModelFacts;
  stages: readonly string[];
  sizes: Readonly<Record<string, number>>;
  block: number;
}

export function layOut(room: Room, { model, stages, sizes, block }: Shape): Layout {
  const form = architectureOf(model, stages);
  const list = room.width >= LIST_FROM;
  const width = Math.max(1, room.width);
  const bars = { least: width < 700 ? 6 : 8, good: 12 };
  const pieces = columnsOf(form, { before: block, after: Math.max(0, model.blocks - 1 - block), list }, bars);
  const widths = fitted(pieces, width);
  const columns = new Map<string, Column>();
  let x = 0;
  pieces.forEach(({ key }, at) => {
    columns.set(key, { x, width: widths[at] ?? 0 });
    x += widths[at] ?? 0;
  });
  const card = columns.get("card");
  const matrix = card ? matrixIn(card, room.tokens) : null;
  const labels = matrix?.labels === "upright" ? UPRIGHT_PX : matrix?.labels === "level" ? LEVEL_PX : 6;
  const top = TOP_PX + Math.max(WORDS_PX, card ? CARD_HEAD + labels : 0);
  const whole = room.within ? Math.max(room.within, LEAST_FITTED) : null;
  const most = whole === null ? room.height : whole - top - FOOT_PX;
  const even = most / Math.max(1, room.tokens);
  // Where not even the lowest lanes would do, those that are scrolled are as high as anywhere.
  const least = whole !== null && even >= LANE_FITTED ? LANE_FITTED : LANE_LEAST;
  const pitch = Math.min(LANE_MOST, Math.max(least, even));
  const total = pitch * room.tokens;
  const shown = Math.min(total, Math.max(most, pitch));
  const height = Math.max(top + shown + FOOT_PX, whole ?? (list ? LEAST_LIST : LEAST_HEIGHT));
  const lanes = { x: 0, y: top, width, height: shown };
  const scroll = Math.min(Math.max(0, room.scroll), Math.max(0, total - shown));
  const lengths = lengthsOf(model, sizes);
  const unit = (pitch * BARS_PART) / Math.max(lengths.longest, 1);
  const barHeight = (stage: string) => unit * lengths.of(stage);
  const middle = (lane: number) => top + (lane + BARS_PART / 2 + 0.02) * pitch - scroll;
  return {
    width,
    height,
    lanes,
    pitch,
    unit,
    tokens: room.tokens,
    visible: [
      Math.max(0, Math.floor(scroll / pitch)),
      Math.min(room.tokens, Math.ceil((scroll + shown) / pitch - 1e-9)),
    ],
    scroll,
    total,
    columns,
    form,
    card: card ? { x: card.x, y: TOP_PX, width: card.width, height: top - TOP_PX + shown + 10 } : null,
    matrix,
    list: listBox(columns, height),
    bars: barsOf(columns, form, stages, pitch, barHeight),
    barHeight,
    middle,
    channel: (lane) => middle(lane) + (BARS_PART / 2 + 0.03 + CHANNEL_PART / 2) * pitch,
    channelPart: Math.min(1, (CHANNEL_PART * pitch) / unit),
    cut: lengths.cut,
  };
}

function listBox(columns: ReadonlyMap<string, Column>, height: number): Box | null {
  const column = columns.get("list");
  return column ? { x: column.x, y: 0, width: column.width, height } : null;
}

const INSET = 14;
const NAMES_PX = 64;

/** Columns of the matrix inside the card; where there is room, the words of the queries stand before them. */
function matrixIn(card: Column, tokens: number): Matrix {
  const names = card.width >= 240 && tokens <= 40 ? NAMES_PX : 0;
  const width = card.width - 2 * INSET - names;
  const cell = width / Math.max(1, tokens);
  const labels = cell >= 46 ? "level" : cell >= 11.5 ? "upright" : "none";
  return { x: card.x + INSET + names, width, columns: tokens, cell, labels };
}

interface Lengths {
  /** Of a stage, in lengths of the residual stream. */
  of(stage: string): number;
  longest: number;
  cut: boolean;
}

function lengthsOf(model: ModelFacts, sizes: Readonly<Record<string, number>>): Lengths {
  const long = (stage: string) => (sizes[stage] ?? 0) / Math.max(1, model.d_model);
  const of = (stage: string) => Math.min(LONGEST, long(stage) || 1);
  const projections = ["attn.q", "attn.k", "attn.v"].map(long);
  const together = projections.reduce((sum, length) => sum + length, 0);
  const hidden = Math.max(long("mlp.pre"), long("mlp.post"));
  const scale = together > LONGEST ? LONGEST / together : 1;
  return {
    of: (stage) =>
      (stage.startsWith("attn.") && stage !== "attn.out") || stage === "cross.z"
        ? (long(stage) || 1) * scale
        : of(stage),
    longest: Math.max(1, Math.min(LONGEST, Math.max(together, hidden))),
    cut: hidden > LONGEST || together > LONGEST,
  };
}

/** The bar of a stage in a lane; null for a stage that has none. */
export function barBox(layout: Layout, stage: string, lane: number): Box | null {
  const bar = layout.bars.get(stage);
  return bar ? { x: bar.x, y: layout.middle(lane) + bar.y, width: bar.width, height: bar.height } : null;
}

const PROJECTIONS: readonly string[] = ["attn.q", "attn.k", "attn.v"];

/** Bars of one lane, from its middle line. */
function barsOf(
  columns: ReadonlyMap<string, Column>,
  form: Architecture,
  stages: readonly string[],
  pitch: number,
  heightOf: (stage: string) => number,
): Map<string, Box> {
  const bars = new Map<string, Box>();
  for (const stage of stages) {
    const column = columns.get(stage);
    const height = heightOf(stage);
    if (column) bars.set(stage, { x: column.x, y: -height / 2, width: column.width, height });
  }
  // Query, key and value stand on top of each other in one column.
  const column = columns.get("qkv");
  const known = PROJECTIONS.filter(form.has);
  let y = -known.reduce((sum, stage) => sum + heightOf(stage), 0) / 2;
  for (const stage of column ? known : []) {
    const height = heightOf(stage);
    const drawn = Math.max(0.5, height - (pitch > 40 ? 1.5 : 0.5));
    bars.set(stage, { x: column?.x ?? 0, y, width: column?.width ?? 0, height: drawn });
    y += height;
  }
  return bars;
}

/** The current head's part of a box that holds all heads. */
export function headSlice(box: Box, head: number, heads: number): Box {
  const height = box.height / Math.max(1, heads);
  return { ...box, y: box.y + head * height, height };
}

/** How far to scroll so that a lane is in sight, from where it is scrolled now. */
export function scrollTo(layout: Layout, lane: number): number {
  const top = lane * layout.pitch;
  const bottom = top + layout.pitch - layout.lanes.height;
  return Math.max(bottom, Math.min(top, layout.scroll));
}
