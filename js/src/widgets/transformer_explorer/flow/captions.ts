/** The small words above the columns, and the token names before the lanes. */
import { formatCount, type Rgb, spokenText } from "../../../lib";
import { mixed } from "../../../lib/roles";
import type { ModelFacts, TokenFacts } from "../protocol";
import type { Layout } from "./layout";
import { inks } from "../../../lib/inks";
import type { Marks, Pen } from "./pen";
import { termOfColumn } from "./terms";
import { elided, textWidth } from "../../../lib/text-width";

const SIZE = 11;
const NAME_SIZE = 13;
const APART = 6;

interface Caption {
  column: string;
  text: string;
  /** Said where the text has no room. */
  short?: string;
  /** The higher, the sooner it gets its place. */
  weight: number;
  part?: number;
  /** Of an intervention. */
  tint?: boolean;
}

/** What stands above a column of this model; only what is there, in the model's own words. */
function captions({ columns, form, cut }: Layout, model: ModelFacts, encoder: number | null): Caption[] {
  const norm = (name: string) => ({
    text: name.replace(/^.*(?=(RMS|Layer)Norm$)/, "") || "norm",
    short: /rms/i.test(name) ? "RMS" : name ? "norm" : "",
  });
  const all: Caption[] = [
    { column: "embed", text: model.learned_positions ? "token" : "embed", weight: 5 },
    { column: "pos_embed", text: "position", weight: 3 },
    {
      column: "norm1",
      ...(form.postNorm || !form.has("ln1.out") ? { text: "" } : norm(model.norms.attention)),
      weight: 4,
      part: 0.34,
    },
    {
      column: "qkv",
      text: model.kv_heads < model.heads ? `q  k\u00d7${model.kv_heads}  v\u00d7${model.kv_heads}` : "q  k  v",
      weight: 9,
    },
    { column: "lattice", text: model.rotary ? "rotary" : "", weight: 2 },
    { column: "attn.z", text: "z", weight: 8 },
    { column: "W_O", text: "W_O", weight: 7 },
    { column: "add1", text: "+", weight: 6 },
    { column: "normx", text: !form.postNorm && form.has("ln_cross.out") ? "norm" : "", weight: 4 },
    { column: "cross", ...encoderCaption(encoder), weight: 6 },
    { column: "cross.z", text: "z", weight: 5 },
    { column: "addx", text: "+", weight: 5 },
    { column: "normxb", text: "norm", weight: 3 },
    { column: "norm1b", ...norm(model.norms.attention), weight: 4 },
    {
      column: "norm2in",
      ...(form.postNorm || !form.has("ln2.out") ? { text: "" } : norm(model.norms.mlp)),
      weight: 4,
      part: 0.34,
    },
    { column: "activation", text: model.activation.replace(/Activation$/, ""), short: "act", weight: 5 },
    { column: "mlp.post", text: cut ? "not to scale" : "", weight: 1 },
    { column: "W_out", text: "W_out", weight: 3 },
    { column: "add2", text: "+", weight: 6 },
    { column: "norm2", ...norm(model.norms.mlp), weight: 4 },
    { column: "norm3", ...norm(model.norms.final), weight: 5 },
    { column: "unembed", text: "W_U", weight: 6 },
  ];
  return all.filter(({ column, text }) => text !== "" && columns.has(column));
}

function encoderCaption(encoder: number | null): { text: string; short: string } {
  if (encoder === null) return { text: "encoder", short: "enc" };
  return { text: `encoder, ${formatCount(encoder)} tokens`, short: "encoder" };
}

/** Captions that have room, the weightier first; none overlap. */
export function captionMarks(
  pen: Pen,
  model: ModelFacts,
  edited: ReadonlyMap<string, string>,
  encoder: number | null,
): Marks {
  const { layout, theme } = pen.subject;
  const { soft } = inks(theme);
  const taken: [number, number][] = layout.card ? [[layout.card.x - 4, layout.card.x + layout.card.width + 24]] : [];
  const marks: Marks = [];
  const all: Caption[] = [
    ...captions(layout, model, encoder),
    ...[...edited].map(([column, text]) => ({ column, text, weight: 10, tint: true })),
  ];
  for (const { column, text, short = "", part = 0.5, tint = false } of all.sort((a, b) => b.weight - a.weight)) {
    const box = layout.columns.get(column);
    const place =
      box && [text, short].map((words) => placed(words, box.x + box.width * part, layout.width, taken)).find(Boolean);
    if (!place) continue;
    taken.push([place.left, place.right]);
    const common = { kind: "text", y: layout.lanes.y - 9, size: SIZE, align: "middle" } as const;
    const look = tint
      ? ({ weight: 600, color: pen.hue("change").ink } as const)
      : ({ weight: 400, color: soft } as const);
    const term = tint ? "" : termOfColumn(column);
    const about = term === "" ? {} : { about: { kind: "term", term, text: place.text } as const };
    marks.push({ ...common, ...look, x: place.x, text: place.text, ...about });
  }
  return marks;
}

/** Where some words may stand around x, or null where they have no room. */
function placed(text: string, at: number, width: number, taken: readonly [number, number][]) {
  const half = textWidth(text, SIZE) / 2;
  const x = Math.min(width - half, at);
  const [left, right] = [x - half - APART / 2, x + half + APART / 2];
  if (text === "" || left < 0 || taken.some(([from, to]) => left < to && right > from)) return null;
  return { text, x, left, right };
}

/** Token names, right before their lanes, and their numbers. */
export function nameMarks(pen: Pen, tokens: readonly TokenFacts[]): Marks {
  const { layout, theme, position, data } = pen.subject;
  const column = layout.columns.get("labels");
  if (!column) return [];
  const { ink, soft, paper } = inks(theme);
  const purple = pen.hue("attention");
  const marks: Marks = [];
  const right = column.x + column.width - 12;
  const [first, stop] = layout.visible;
  const inSight = tokens.slice(first, stop).map(({ text }, at) => [first + at, spokenText(text)] as const);
  const number = numberLook(column.width, new Map(inSight));
  for (let lane = first; lane < stop; lane++) {
    const token = tokens[lane];
    if (!token) continue;
    const y = layout.middle(lane);
    const selected = lane === position;
    if (selected) {
      const height = Math.min(24, layout.pitch - 3);
      marks.push({
        kind: "card",
        x: column.x,
        y: y - height / 2,
        width: column.width - 6,
        height,
        radius: 6,
        fill: mixed(paper, purple.faint, 0.95),
        shadow: 0,
      });
    }
    if (layout.form.has("pos_embed")) marks.push(...plusMark(layout, y, soft));
    const color = token.generated ? purple.ink : token.special ? soft : ink;
    const room = number?.names ?? column.width - 18;
    const text = elided(spokenText(token.text), room, NAME_SIZE);
    marks.push({
      kind: "text",
      x: right,
      y,
      text,
      size: NAME_SIZE,
      weight: selected || token.generated ? 600 : 400,
      align: "end",
      color,
      about: { kind: "token", lane },
    });
    if (number)
      marks.push({
        kind: "text",
        x: column.x + number.x,
        y: y + 0.5,
        text: String(lane),
        size: number.size,
        weight: 400,
        align: "start",
        color: soft,
        opacity: 0.85,
      });
    if (data.edited && data.change("final", lane) + data.change("resid_post", lane) > 1e-6) {
      marks.push({ kind: "dot", x: right + 6, y, radius: 2.2, fill: pen.hue("change").base });
    }
  }
  return marks;
}

/** Narrower columns have no numbers. */
const NUMBERED_FROM = 64;

interface NumberLook {
  /** From the column's left edge. */
  x: number;
  size: number;
  /** Width that is left for the names. */
  names: number;
}

/** How the numbers of some lanes are written beside their names: all alike, and small where a name would be cut. */
function numberLook(width: number, names: ReadonlyMap<number, string>): NumberLook | null {
  if (width < NUMBERED_FROM) return null;
  const number = String(Math.max(...names.keys(), 0));
  const look = (x: number, size: number, air: number) => ({
    x,
    size,
    names: width - 12 - x - textWidth(number, size) - air,
  });
  const [usual, small] = [look(6, 10.5, 6), look(3, 9.5, 4)];
  const wide = [...names.values()].map((name) => textWidth(name, NAME_SIZE));
  return wide.some((name) => name > usual.names && name <= small.names) ? small : usual;
}

/** Between token and position. */
function plusMark({ columns, pitch }: Layout, y: number, color: Rgb): Marks {
  const column = columns.get("plus");
  if (!column || column.width < 9) return [];
  const size = Math.min(12, pitch * 0.4);
  return [{ kind: "text", x: column.x + column.width / 2, y, text: "+", size, weight: 400, align: "middle", color }];
}
