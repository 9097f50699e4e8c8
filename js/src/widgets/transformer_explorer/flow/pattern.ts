/** Weights of the current head from frames, whichever is finest. */
import type { Frame } from "../../../lib";

/** How much a number of a pattern may differ from the model's own. */
export interface Grain {
  /** Size of the steps that values were rounded to; 0 for none. */
  step: number;
  /** How many weights share a value, the largest of them. */
  cells: number;
}

/** The pattern of the current head, as far as it is known. */
export interface Pattern {
  /** Largest weight of a range of keys; NaN where it is not known. */
  weight(query: number, keys: readonly [first: number, stop: number]): number;
  /** How nearly a query's weights are known. */
  grain(query: number): Grain;
  /** Whether several queries share a value. */
  pooled: boolean;
}

/** The head's pattern out of the frame `patterns` (head, query, key), pooled or not. */
export function patternOf(frame: Frame, head: number): Pattern {
  const [heads = 0] = frame.shape;
  return reader(frame, Math.min(heads - 1, head), 0);
}

/** The rows of some lanes out of a view of one head (1, rows, columns), which begins with the lane `first`. */
export function rowsOf(frame: Frame, first: number): Pattern {
  return reader(frame, 0, first);
}

function reader({ shape, stored, quantised, pooled }: Frame, head: number, first: number): Pattern {
  const [, rows = 0, columns = 0] = shape;
  const [, down = 1, across = 1] = pooled.factor;
  const { scale, offset } = quantised ?? { scale: 1, offset: 0 };
  const grain = { step: quantised?.scale ?? 0, cells: down * across };
  return {
    pooled: down > 1 || across > 1,
    grain: () => grain,
    weight(query, [from, stop]) {
      const row = Math.floor((query - first) / down);
      if (row < 0 || row >= rows) return Number.NaN;
      const start = (head * rows + row) * columns;
      const left = Math.floor(from / across);
      const right = Math.min(columns, Math.max(left + 1, Math.ceil(stop / across)));
      let largest = Number.NaN;
      for (let column = left; column < right; column++) {
        const value = stored[start + column] ?? Number.NaN;
        if (!(value <= largest)) largest = value;
      }
      return offset + scale * largest;
    },
  };
}

/** The first pattern where it knows a weight, else the second. */
export function finest(fine: Pattern | null, coarse: Pattern | null): Pattern | null {
  if (!fine || !coarse) return fine ?? coarse;
  return {
    pooled: fine.pooled,
    grain: (query) => (Number.isNaN(fine.weight(query, [0, 1])) ? coarse : fine).grain(query),
    weight(query, keys) {
      const weight = fine.weight(query, keys);
      return Number.isNaN(weight) ? coarse.weight(query, keys) : weight;
    },
  };
}
