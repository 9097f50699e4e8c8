/** The cells of the logit lens: what they say, and how they are coloured. */
import {
  colorScale,
  type Frame,
  formatNumber,
  formatPercent,
  inkOn,
  type Rgb,
  type Shading,
  type Theme,
  valueAt,
  valueToRgb,
} from "../../lib";
import { roleRamp } from "../../lib/roles";
import type { LensFacts } from "./protocol";

/** What the cells show: the likeliest token, or of the followed token its probability, rank, or change under edits. */
export type LensMode = "top" | "probability" | "rank" | "change";

/** Answers to one question `lens`: some lanes at all points. */
export interface LensChunk {
  facts: LensFacts;
  frames: Record<string, Frame>;
}

export interface LensCell {
  top: { id: number; text: string; probability: number }[];
  /** Of the followed token. */
  probability: number;
  /** Of the followed token, 1 for the likeliest. */
  rank: number;
  /** In nats. */
  entropy: number;
}

/** One cell; null where the answer does not hold it. */
export function lensCell({ facts, frames }: LensChunk, point: number, position: number): LensCell | null {
  const lane = position - facts.start;
  const { top, top_probability, probability, rank, entropy } = frames;
  if (lane < 0 || position >= facts.stop || point < 0 || point >= facts.points.length) return null;
  if (!top || !top_probability || !probability || !rank || !entropy) return null;
  const listed = Array.from({ length: top.shape[2] ?? 0 }, (_, nth) => {
    const id = valueAt(top, point, lane, nth);
    return { id, text: facts.texts[id] ?? `#${id}`, probability: valueAt(top_probability, point, lane, nth) };
  });
  return {
    top: listed,
    probability: valueAt(probability, point, lane),
    rank: valueAt(rank, point, lane),
    entropy: valueAt(entropy, point, lane),
  };
}

export interface Drawn {
  text: string;
  color: Rgb;
  ink: Rgb;
}

/** Colours of a change of probability, by its root with the sign kept: a change of 1 % can be seen. */
export function changeShading(theme: Theme): Shading {
  return { scale: colorScale("red-blue", theme), end: 1, sign: "all", signed: true };
}

/** How a cell looks. `other` is the same cell of the run that is compared with. */
export function drawnCell(mode: LensMode, cell: LensCell, other: LensCell | null, vocab: number, theme: Theme): Drawn {
  const [first] = cell.top;
  if (mode === "change") {
    const change = other ? cell.probability - other.probability : Number.NaN;
    const color = valueToRgb(Math.sign(change) * Math.sqrt(Math.abs(change)), changeShading(theme));
    return { text: changeWords(change), color, ink: inkOn(color) };
  }
  const share =
    mode === "top"
      ? (first?.probability ?? 0)
      : mode === "probability"
        ? cell.probability
        : rankShare(cell.rank, vocab);
  const color = roleRamp("attention", theme, share);
  const text =
    mode === "top" ? (first?.text ?? "") : mode === "probability" ? formatPercent(cell.probability) : `${cell.rank}`;
  return { text, color, ink: inkOn(color) };
}

/** "+7.75%", in points of probability. */
function changeWords(change: number): string {
  const sign = Math.abs(change) < 1e-4 ? "" : change < 0 ? "\u2212" : "+";
  return sign + formatPercent(Math.abs(change));
}

/** 1 for the first rank, 0 for the last, even steps for each factor. */
export function rankShare(rank: number, vocab: number): number {
  return vocab <= 1 ? 1 : Math.max(0, 1 - Math.log(rank) / Math.log(vocab));
}

/** "in" for what goes into the first block, else the number of the block that it comes out of. */
export function pointLabel({ name, block }: LensFacts["points"][number]): string {
  return name.endsWith("resid_pre") ? "in" : `${block - 1}`;
}

/** The cell as it is said. */
export function spokenCell(cell: LensCell, followed: string): string {
  const [first] = cell.top;
  return (
    `${first?.text ?? "nothing"} ${formatPercent(first?.probability ?? Number.NaN)}; ` +
    `${followed} rank ${cell.rank}, ${formatPercent(cell.probability)}; entropy ${formatNumber(cell.entropy, 3)} nats`
  );
}
