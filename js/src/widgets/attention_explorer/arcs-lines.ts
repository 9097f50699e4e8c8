/** Lines between queries and keys: which are drawn, and how. Pure; lengths in CSS pixels. */
import { isHidden, type Rgb, type Theme } from "../../lib";
import { type Rows, rowOf } from "./rows";

export const ROW_PX = 24;

export interface ArcLine {
  query: number;
  key: number;
  value: number;
  /** 0 to 1: the magnitude's share of the strongest line's. */
  share: number;
  color: Rgb;
}

/** Below this share of the strongest a line would not be seen. */
export const FAINTEST = 0.02;
const MOST_PER_QUERY = 96;

interface Choice {
  /** Of one head. */
  rows: Rows;
  color: Rgb;
  /** Where values have signs: the colour of those below zero. */
  negative: Rgb | null;
  /** The magnitude of the strongest line of all heads. */
  strongest: number;
  /** Queries whose lines are wanted. */
  queries: readonly number[];
  /** Only lines into this key; null for all. */
  key: number | null;
}

/** The lines of one head, faint ones first, so that strong ones lie on top. */
export function linesOf({ rows, color, negative, strongest, queries, key }: Choice): ArcLine[] {
  const lines: ArcLine[] = [];
  for (const query of queries) {
    const row = rowOf(rows, query);
    if (!row || strongest <= 0) continue;
    const own: ArcLine[] = [];
    for (let at = key ?? 0; at < (key === null ? row.length : key + 1); at++) {
      const value = row[at] as number;
      const share = Math.abs(value) / strongest;
      if (isHidden(value) || share < FAINTEST) continue;
      own.push({ query, key: at, value, share: Math.min(1, share), color: value < 0 && negative ? negative : color });
    }
    if (own.length > MOST_PER_QUERY) own.sort((a, b) => b.share - a.share).length = MOST_PER_QUERY;
    lines.push(...own);
  }
  return lines.sort((a, b) => a.share - b.share);
}

/** The largest magnitude among some rows. */
export function largest(rows: Rows, queries: readonly number[]): number {
  let most = 0;
  for (const query of queries) {
    for (const value of rowOf(rows, query) ?? []) {
      const size = Math.abs(value);
      if (!isHidden(value) && size > most) most = size;
    }
  }
  return most;
}

export function lineWidth(share: number): number {
  return 0.75 + 3.5 * share;
}

export function lineOpacity(share: number): number {
  return 0.1 + 0.85 * share ** 0.75;
}

/** Rows of a list of lines of text that are in a window, with some beyond its edges. */
export function visibleRows(top_px: number, window_px: number, count: number, beyond = 2): [number, number] {
  return [
    Math.max(0, Math.floor(top_px / ROW_PX) - beyond),
    Math.min(count, Math.ceil((top_px + window_px) / ROW_PX) + beyond),
  ];
}

/** The block of rows to ask for, so that scrolling a little asks for nothing new. */
export function askedRows([from, to]: readonly [number, number], count: number, block = 32): [number, number] {
  return [Math.floor(from / block) * block, Math.min(count, Math.ceil(to / block) * block)];
}

const HUES: Record<Theme, readonly Rgb[]> = {
  light: [
    [98, 54, 208],
    [8, 131, 149],
    [201, 108, 0],
    [200, 42, 106],
    [46, 125, 50],
    [37, 99, 235],
    [140, 84, 48],
    [85, 94, 115],
  ],
  dark: [
    [177, 152, 255],
    [77, 208, 225],
    [255, 183, 77],
    [255, 128, 171],
    [129, 212, 132],
    [130, 177, 255],
    [214, 168, 136],
    [180, 188, 205],
  ],
};

/** One hue for each head that is on; they come round again after eight. */
export function headHue(at: number, theme: Theme): Rgb {
  const hues = HUES[theme];
  return hues[at % hues.length] ?? [98, 54, 208];
}

/** Red for above zero, blue for below. */
export const SIGN_HUES: Record<Theme, { plus: Rgb; minus: Rgb }> = {
  light: { plus: [194, 58, 53], minus: [33, 96, 196] },
  dark: { plus: [245, 139, 127], minus: [120, 171, 248] },
};
