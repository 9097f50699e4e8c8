/** Labels along an axis of many tokens, at any zoom: none covers another. */

export interface Axis {
  count: number;
  cell_px: number;
  /** Where cell 0 begins, relative to the axis: negative once it has left the window. */
  start_px: number;
  extent_px: number;
  /** Room that one label needs along the axis. */
  line_px: number;
  /** The cell whose neighbours are read as under a lens; null for none. */
  pointed: number | null;
}

export interface AxisLabel {
  index: number;
  /** Its middle along the axis. */
  at_px: number;
  /** The pointed one. */
  strong: boolean;
}

export interface AxisLabels {
  labels: AxisLabel[];
  /** Every so manieth cell has a label; with more than one, an index beside the text says which it is. */
  stride: number;
}

/** So many neighbours on each side are named around the pointed cell where cells are too small for a label each. */
const LENS = 2;

/** Labels in the window: all where they fit, else every 2nd, 5th, 10th and so on, and a lens around the pointed one. */
export function axisLabels(axis: Axis): AxisLabels {
  const { cell_px, line_px, pointed, count } = axis;
  if (cell_px <= 0 || count <= 0) return { labels: [], stride: 1 };
  const stride = strideFor(line_px / cell_px);
  const lens = pointed === null || stride === 1 ? [] : lensOf(axis, pointed);
  const [first, last] = [lens[0], lens[lens.length - 1]];
  const labels = regular(axis, stride)
    .filter(({ at_px }) => !first || !last || at_px <= first.at_px - line_px || at_px >= last.at_px + line_px)
    .map((label) => ({ ...label, strong: label.index === pointed }));
  return { labels: [...labels, ...lens].sort((a, b) => a.at_px - b.at_px), stride };
}

/** The smallest of 1, 2, 5, 10, 20, 50, ... that is at least `least`. */
export function strideFor(least: number): number {
  for (let power = 1; ; power *= 10) {
    for (const step of [1, 2, 5]) if (step * power >= least) return step * power;
  }
}

function regular({ count, cell_px, start_px, extent_px }: Axis, stride: number): AxisLabel[] {
  const labels: AxisLabel[] = [];
  const seen = Math.max(0, Math.floor(-start_px / cell_px / stride) * stride);
  for (let index = seen; index < count; index += stride) {
    const at_px = start_px + (index + 0.5) * cell_px;
    if (at_px > extent_px) break;
    if (at_px >= 0) labels.push({ index, at_px, strong: false });
  }
  return labels;
}

function lensOf({ count, cell_px, start_px, extent_px, line_px }: Axis, pointed: number): AxisLabel[] {
  const middle = start_px + (pointed + 0.5) * cell_px;
  if (middle < 0 || middle > extent_px) return [];
  const [low, high] = [Math.max(0, pointed - LENS), Math.min(count - 1, pointed + LENS)];
  const half = line_px / 2;
  // The lens moves inwards at the ends of the axis, as a whole.
  const shift =
    Math.max(0, half - (middle - (pointed - low) * line_px)) -
    Math.max(0, middle + (high - pointed) * line_px - (extent_px - half));
  return Array.from({ length: high - low + 1 }, (_, at) => ({
    index: low + at,
    at_px: middle + (low + at - pointed) * line_px + shift,
    strong: low + at === pointed,
  }));
}

/** A text cut to fit, with an ellipsis where something is missing; whole characters only. */
export function elide(text: string, room_px: number, measure: (text: string) => number): string {
  if (measure(text) <= room_px) return text;
  const characters = [...text];
  let [low, high] = [0, characters.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (measure(`${characters.slice(0, middle).join("")}\u2026`) <= room_px) low = middle;
    else high = middle - 1;
  }
  return `${characters.slice(0, low).join("")}\u2026`;
}

/** Texts by index: an array of strings, or anything as long as it knows its length. */
export interface Labels {
  readonly length: number;
  at(index: number): string | undefined;
}

const SAMPLED = 300;

/** The room that labels take across the axis, between `least` and `most` pixels. */
export function labelRoom(
  labels: Labels,
  measure: (text: string) => number,
  [least, most]: readonly [number, number],
): number {
  const step = Math.max(1, Math.floor(labels.length / SAMPLED));
  let widest = least;
  for (let index = 0; index < labels.length && widest < most; index += step) {
    widest = Math.max(widest, measure(labels.at(index) ?? ""));
  }
  return Math.ceil(Math.min(most, widest));
}
