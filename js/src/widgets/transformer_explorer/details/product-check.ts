/** Whether a drawn product is the whole way to its result: some models put a norm or a further map between. */
import { useMemo } from "preact/hooks";
import { type Range, valuesOf } from "../../../lib";
import type { Explorer } from "../explorer";
import { largestAt } from "./bins";
import { only, type Vectors, type Weight } from "./places";
import type { Here, Rows } from "./reading";
import { useView } from "./use-view";

/** Share of the largest term by which rounding may make the sum miss; half-precision models need this much. */
const ROUNDING = 0.03;

interface Parts {
  input: Vectors;
  weight: Weight;
  output: Vectors;
  bias: Float32Array | null;
  read: Rows | null;
  made: Rows | null;
}

/** True unless the largest number of the result, worked out from the exact column of the weight, is another one. */
export function useIsWhole(explorer: Explorer, here: Here, parts: Parts): boolean {
  const { input, weight, output, bias, read, made } = parts;
  const x = rowOf(read, here.position, input.length);
  const y = rowOf(made, here.position, output.length);
  const at = useMemo(() => (y ? largestAt(y) : -1), [made, here.position]);
  const index: Range[] = [...weight.fixed.map(only), [0, input.length], only(Math.max(0, at))];
  const view = at < 0 ? null : { tensor: weight.tensor, index, pixels: [input.length, 1] as [number, number] };
  const { frame, view: shown } = useView(explorer.channel, view, here.run);
  const settled = frame && shown && JSON.stringify(shown.index) === JSON.stringify(index);
  if (!x || !y || !settled) return true;
  return isSum(x, valuesOf(frame), bias?.[at] ?? 0, y[at] ?? 0);
}

function rowOf(rows: Rows | null, position: number, length: number): Float32Array | null {
  if (!rows || position < rows.rows[0] || position >= rows.rows[1]) return null;
  const row = position - rows.rows[0];
  return rows.values.subarray(row * length, (row + 1) * length);
}

/** Whether `x \u00b7 column + bias` is a value, to within rounding. */
export function isSum(x: ArrayLike<number>, column: ArrayLike<number>, bias: number, value: number): boolean {
  let sum = bias;
  let largest = Math.max(Math.abs(bias), Math.abs(value));
  for (let i = 0; i < x.length; i++) {
    const term = (x[i] ?? 0) * (column[i] ?? 0);
    sum += term;
    largest = Math.max(largest, Math.abs(term));
  }
  return Math.abs(sum - value) <= ROUNDING * largest;
}
