/**
 * A picture as a list of marks: what is drawn, exported and pointed at are the same list.
 *
 * Lengths are CSS pixels, y goes down. A mark may say what it is `about`; that is all that hit testing gives back.
 */
import type { Rgb } from "./color-scales";

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

interface Common<About> {
  /** 0 to 1; 1 by default. */
  opacity?: number;
  about?: About;
}

/** The image of a vector: one colour per entry, or pooled group of entries, from the top. */
export interface Bar<About = unknown> extends Common<About>, Box {
  kind: "bar";
  colors: readonly Rgb[];
  radius: number;
  outline?: Rgb;
}

/** The image of a matrix, one RGBA pixel per cell, row by row. */
export interface Cells<About = unknown> extends Common<About>, Box {
  kind: "cells";
  rows: number;
  columns: number;
  pixels: Uint8ClampedArray<ArrayBuffer>;
  /** Air between rows, in pixels of their height; none by default. */
  air?: number;
}

/** An end of a ribbon: its middle and how wide it is there. */
export interface RibbonEnd {
  x: number;
  y: number;
  width: number;
}

/** A band whose two edges are cubic curves with horizontal tangents; its colours run from left to right. */
export interface Ribbon<About = unknown> extends Common<About> {
  kind: "ribbon";
  from: RibbonEnd;
  to: RibbonEnd;
  stops: readonly [offset: number, color: Rgb, alpha: number][];
}

/** Straight pieces with rounded corners, or with a corner radius of 0 sharp ones. */
export interface Line<About = unknown> extends Common<About> {
  kind: "line";
  points: readonly [x: number, y: number][];
  corner: number;
  width: number;
  color: Rgb;
  /** Where given, the colour runs to this one from the line's left end to its right end. */
  toColor?: Rgb;
  dash?: readonly number[];
}

export interface Text<About = unknown> extends Common<About> {
  kind: "text";
  x: number;
  /** Of the text's vertical middle. */
  y: number;
  text: string;
  size: number;
  weight: 400 | 500 | 600;
  align: "start" | "middle" | "end";
  color: Rgb;
  /** Degrees clockwise around (x, y). */
  turn?: number;
}

export interface Dot<About = unknown> extends Common<About> {
  kind: "dot";
  x: number;
  y: number;
  radius: number;
  fill: Rgb | null;
  stroke?: Rgb;
  strokeWidth?: number;
}

export interface Card<About = unknown> extends Common<About>, Box {
  kind: "card";
  radius: number;
  fill: Rgb;
  stroke?: Rgb;
  strokeWidth?: number;
  /** Softness of the shadow below; 0 for none. */
  shadow: number;
}

export type Mark<About = unknown> =
  | Bar<About>
  | Cells<About>
  | Ribbon<About>
  | Line<About>
  | Text<About>
  | Dot<About>
  | Card<About>;

/** Marks that are cut off at a common box. */
export interface Layer<About = unknown> {
  clip: Box | null;
  marks: readonly Mark<About>[];
  /** The same list of marks comes again in later scenes: worth keeping as a bitmap. */
  lasting?: boolean;
}

export interface Scene<About = unknown> {
  width: number;
  height: number;
  paper: Rgb;
  /** The last one in front. */
  layers: readonly Layer<About>[];
}

/** How far the curves of a ribbon lead straight on before they bend, as a share of its length. */
export const BEND = 0.5;

export const FONT = '-apple-system, BlinkMacSystemFont, "Segoe UI", Inter, Roboto, "Helvetica Neue", Arial, sans-serif';

/** Middle and width of a ribbon at an x between its ends. */
export function ribbonAt({ from, to }: Pick<Ribbon, "from" | "to">, x: number): { y: number; width: number } {
  const part = (x - from.x) / (to.x - from.x || 1);
  let [low, high] = [0, 1];
  for (let step = 0; step < 24; step++) {
    const middle = (low + high) / 2;
    if (bezier(0, BEND, 1 - BEND, 1, middle) < part) low = middle;
    else high = middle;
  }
  const t = (low + high) / 2;
  return {
    y: bezier(from.y, from.y, to.y, to.y, t),
    width: bezier(from.width, from.width, to.width, to.width, t),
  };
}

function bezier(a: number, b: number, c: number, d: number, t: number): number {
  const s = 1 - t;
  return s * s * s * a + 3 * s * s * t * b + 3 * s * t * t * c + t * t * t * d;
}

/** The four corners and the control offset of a ribbon, as both the canvas and SVG draw it. */
export function ribbonEdges({ from, to }: Pick<Ribbon, "from" | "to">) {
  const bend = (to.x - from.x) * BEND;
  return {
    bend,
    top: [from.y - from.width / 2, to.y - to.width / 2] as const,
    bottom: [from.y + from.width / 2, to.y + to.width / 2] as const,
  };
}

/** Where the rows of cells with air between them lie, and the pixels of each. */
export function cellRows({ x, y, width, height, rows, columns, pixels, air = 0 }: Cells) {
  const each = height / Math.max(1, rows);
  return Array.from({ length: rows }, (_, row) => ({
    box: { x, y: y + row * each + air / 2, width, height: Math.max(0.5, each - air) },
    pixels: pixels.subarray(4 * row * columns, 4 * (row + 1) * columns),
  }));
}

/** A line's pieces: where to go, and around which corner. */
export function linePieces({ points, corner }: Pick<Line, "points" | "corner">) {
  const pieces: { corner: readonly [number, number] | null; radius: number; to: readonly [number, number] }[] = [];
  for (let at = 1; at < points.length; at++) {
    const here = points[at];
    const before = points[at - 1];
    const next = points[at + 1];
    if (!here || !before) continue;
    if (!next || corner <= 0) pieces.push({ corner: null, radius: 0, to: here });
    else {
      const radius = Math.min(corner, distance(before, here) / 2, distance(here, next) / 2);
      pieces.push({ corner: here, radius, to: toward(here, next, radius) });
    }
  }
  return pieces;
}

function distance(one: readonly [number, number], other: readonly [number, number]): number {
  return Math.hypot(one[0] - other[0], one[1] - other[1]);
}

/** The point some way from one towards another. */
export function toward(
  from: readonly [number, number],
  to: readonly [number, number],
  by: number,
): readonly [number, number] {
  const part = by / (distance(from, to) || 1);
  return [from[0] + (to[0] - from[0]) * part, from[1] + (to[1] - from[1]) * part];
}

/** A mark some way to the right and down. */
export function moved(mark: Mark, dx: number, dy: number): Mark {
  if (mark.kind === "line") return { ...mark, points: mark.points.map(([x, y]) => [x + dx, y + dy] as const) };
  if (mark.kind !== "ribbon") return { ...mark, x: mark.x + dx, y: mark.y + dy };
  const end = (from: typeof mark.from) => ({ ...from, x: from.x + dx, y: from.y + dy });
  return { ...mark, from: end(mark.from), to: end(mark.to) };
}
