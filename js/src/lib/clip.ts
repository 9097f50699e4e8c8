/** Where a colour scale ends: short of the largest magnitudes, so that a few large values do not wash out the rest. */

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
 * The magnitude at which the colours end: the largest once `clip` percent of the values, whole ones only, are cut off.
 *
 * Where that is zero (all but those few values are), the largest magnitude; 1 when all are zero.
 */
export function scaleEnd(sorted: ArrayLike<number>, clipPercentile: number): number {
  const last = sorted.length - 1;
  const end = sorted[last - Math.floor((sorted.length * clipPercentile) / 100)] ?? 0;
  if (end > 0) return end;
  const largest = sorted[last] ?? 0;
  return largest > 0 ? largest : 1;
}
