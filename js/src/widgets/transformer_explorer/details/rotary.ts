/** Rotary positions, found in the vectors themselves: which numbers form pairs, and by how much each pair is turned. */

export interface TurnedPair {
  /** The two numbers along the vector. */
  at: readonly [number, number];
  before: readonly [number, number];
  after: readonly [number, number];
  /** From -pi to pi. */
  angle: number;
}

export interface Turning {
  /** "half": number i with i + half; "neighbours": 2 i with 2 i + 1. */
  pairing: "half" | "neighbours";
  pairs: TurnedPair[];
  /** Numbers of the vector, the last ones, that no pair turns. */
  still: number;
  /** Largest change of a pair's length relative to the longest pair: 0 for a pure turn. */
  stretch: number;
}

/** Beyond this the two vectors are not one turned into the other. */
export const MOST_STRETCH = 0.01;

/**
 * How `before` is turned into `after`, pair by pair; null if no pairing keeps lengths.
 *
 * Tried are both ways in which models pair numbers, on the whole vector and on its first half and quarter (partial rotary).
 */
export function turningOf(before: ArrayLike<number>, after: ArrayLike<number>): Turning | null {
  let best: Turning | null = null;
  for (const part of [1, 0.5, 0.25]) {
    const size = Math.round(before.length * part);
    if (size < 2 || size % 2 === 1 || !sameFrom(before, after, size)) continue;
    for (const pairing of ["half", "neighbours"] as const) {
      const found = paired(before, after, pairing, size);
      if (!best || found.stretch < best.stretch * 0.5) best = found;
    }
  }
  return best && best.stretch <= MOST_STRETCH ? best : null;
}

function sameFrom(before: ArrayLike<number>, after: ArrayLike<number>, size: number): boolean {
  for (let i = size; i < before.length; i++) {
    if (Math.abs((before[i] ?? 0) - (after[i] ?? 0)) > 1e-5 * (1 + Math.abs(before[i] ?? 0))) return false;
  }
  return true;
}

function paired(
  before: ArrayLike<number>,
  after: ArrayLike<number>,
  pairing: Turning["pairing"],
  size: number,
): Turning {
  const pairs: TurnedPair[] = [];
  let longest = 1e-12;
  let change = 0;
  for (let i = 0; i < size / 2; i++) {
    const at: [number, number] = pairing === "half" ? [i, i + size / 2] : [2 * i, 2 * i + 1];
    const from = pick(before, at);
    const to = pick(after, at);
    longest = Math.max(longest, Math.hypot(...from));
    change = Math.max(change, Math.abs(Math.hypot(...from) - Math.hypot(...to)));
    pairs.push({ at, before: from, after: to, angle: angleBetween(from, to) });
  }
  return { pairing, pairs, still: before.length - size, stretch: change / longest };
}

function pick(values: ArrayLike<number>, [one, other]: readonly [number, number]): [number, number] {
  return [values[one] ?? Number.NaN, values[other] ?? Number.NaN];
}

function angleBetween([x, y]: readonly [number, number], [u, v]: readonly [number, number]): number {
  return Math.atan2(x * v - y * u, x * u + y * v);
}
