/** Where the colours of some numbers end. */
import { scaleEnd, sortedMagnitudes } from "../../../lib";

/** Percent of the numbers that may lie beyond the end of the colours, which is written beside them. */
const CLIPPED = 2;

/** The magnitude at which the colours of some values end: a few outliers do not wash out the rest. */
export function endOf(values: ArrayLike<number>): number {
  return scaleEnd(sortedMagnitudes(values), CLIPPED);
}
