import { scaleEnd, sortedMagnitudes } from "./clip";
import { type Colors, colorScale, type Ground, type Shading, type Sign } from "./color-scales";
import { type Frame, type FrameHeader, valuesOf } from "./frame";

/** A matrix of scores with the facts about it that pictures and legends need. */
export interface Field {
  readonly height: number;
  readonly width: number;
  readonly values: Float32Array;
  /** Finite magnitudes, ascending. */
  readonly magnitudes: Float32Array;
  readonly low: number;
  readonly high: number;
  readonly nans: number;
  readonly infinities: number;
  /** Header of the frame it came from: range of the source, pooling, quantisation; null for derived values. */
  readonly header: FrameHeader | null;
}

/** How values become colours, as the user sets it. */
export interface ScaleSettings {
  sign: Sign;
  clipPercentile: number;
  colors: Colors;
}

/** A field from a frame of shape (height, width) or (width,). */
export function fieldOf(frame: Frame): Field {
  const [first = 0, second] = frame.shape;
  return makeField(valuesOf(frame), second === undefined ? 1 : first, second ?? first, frame);
}

export function makeField(
  values: Float32Array,
  height: number,
  width: number,
  header: FrameHeader | null = null,
): Field {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  let nans = 0;
  let infinities = 0;
  for (const value of values) {
    if (Number.isNaN(value)) nans++;
    else if (!Number.isFinite(value)) infinities++;
    else {
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return { height, width, values, magnitudes: sortedMagnitudes(values), low, high, nans, infinities, header };
}

/** The shading of a field under the user's settings. */
export function shadingOf(field: Field, settings: ScaleSettings, ground: Ground = "picture"): Shading {
  return {
    scale: colorScale(settings.colors, ground),
    end: scaleEnd(field.magnitudes, settings.clipPercentile),
    sign: settings.sign,
    signed: field.low < 0,
  };
}

/** How many finite values lie beyond the end of the colours. */
export function countBeyond(field: Field, end: number): number {
  let low = 0;
  let high = field.magnitudes.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((field.magnitudes[middle] ?? 0) > end) high = middle;
    else low = middle + 1;
  }
  return field.magnitudes.length - low;
}

/** Value of a cell; NaN outside. */
export function cellValue(field: Field, row: number, column: number): number {
  if (row < 0 || column < 0 || row >= field.height || column >= field.width) return Number.NaN;
  return field.values[row * field.width + column] ?? Number.NaN;
}
