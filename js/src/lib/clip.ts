/** Where a colour scale ends: a percentile of the magnitudes, so that a few large values do not wash out the rest. */

/** The finite magnitudes in ascending order. */
export function sortedMagnitudes(values: ArrayLike<number>): Float32Array {
  const magnitudes = new Float32Array(values.length);
  let count = 0;
  for (let i = 0; i < values.length; i++) {
    const magnitude = Math.abs(values[i] ?? Number.NaN);
    if (Number.isFinite(magnitude)) magnitudes[count++] = magnitude;
  }
  return magnitudes.subarray(0, count).sort();
}

/**
 * The percentile of sorted numbers, linear between neighbours (NumPy's default rule).
 *
 * Returns NaN for an empty list.
 */
export function percentile(sorted: ArrayLike<number>, percent: number): number {
  const last = sorted.length - 1;
  if (last < 0) return Number.NaN;
  const position = (Math.min(100, Math.max(0, percent)) / 100) * last;
  const below = Math.floor(position);
  const low = sorted[below] ?? Number.NaN;
  const high = sorted[Math.min(last, below + 1)] ?? Number.NaN;
  return low + (high - low) * (position - below);
}

/**
 * The magnitude at which the colours end: the (100 - clip)th percentile of |value|.
 *
 * Where that is zero (more than `100 - clip` percent of the values are), the largest magnitude; 1 when all are zero.
 */
export function scaleEnd(sorted: ArrayLike<number>, clipPercentile: number): number {
  const end = percentile(sorted, 100 - clipPercentile);
  if (end > 0) return end;
  const largest = sorted.length > 0 ? (sorted[sorted.length - 1] ?? 0) : 0;
  return largest > 0 ? largest : 1;
}
