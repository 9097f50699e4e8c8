/** Where the colours of a weight matrix end. */

export interface WeightEnd {
  end: number;
  /** How many weights lie beyond it. */
  beyond: number;
}

const FAR = 8;

/**
 * The largest magnitude; where it is more than eight times what three in four of the weights stay within, twice that:
 * what masks the padding is a hundred times what the program says, and would leave all of it pale.
 */
export function weightEnd(values: Float32Array): WeightEnd {
  const sizes = [...values].filter((value) => Number.isFinite(value) && value !== 0).map(Math.abs);
  sizes.sort((a, b) => a - b);
  const most = sizes[sizes.length - 1] ?? 1;
  const usual = sizes[Math.floor(0.75 * (sizes.length - 1))] ?? most;
  if (most <= FAR * usual) return { end: most, beyond: 0 };
  const end = 2 * usual;
  return { end, beyond: sizes.filter((size) => size > end).length };
}
