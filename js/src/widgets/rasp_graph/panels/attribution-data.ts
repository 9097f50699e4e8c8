/** How well scores find the positions that truly matter. */

/** Scores this close to one another, as a share of the largest, are the same. */
const SAME = 1e-6;
/** A score of at least this share of the largest says that its token matters. */
const SAID = 0.01;

export interface Found {
  /** Of the positions that truly matter, how many are among as many of largest magnitude, ties included. */
  found: number;
  /** How many truly matter. */
  of: number;
  /** Positions that do not matter, with at least a hundredth of the largest magnitude. */
  others: number;
}

export function foundOf(scores: readonly number[], truth: readonly boolean[]): Found {
  const sizes = scores.map((score) => (Number.isFinite(score) ? Math.abs(score) : 0));
  const end = Math.max(0, ...sizes);
  const of = truth.filter(Boolean).length;
  const last = [...sizes].sort((a, b) => b - a)[of - 1] ?? 0;
  const found = sizes.filter((size, at) => truth[at] && size > SAME * end && size >= last - SAME * end).length;
  const others = sizes.filter((size, at) => !truth[at] && size > 0 && size >= SAID * end).length;
  return { found, of, others };
}

/** The largest magnitude; 1 where all are zero or not numbers. */
export function scoreEnd(scores: readonly number[]): number {
  return Math.max(0, ...scores.filter(Number.isFinite).map(Math.abs)) || 1;
}

/** Whether a score is what rounding leaves of zero. */
export function isTiny(score: number, end: number): boolean {
  return score !== 0 && Math.abs(score) < SAME * end;
}
