import { type Field, makeField } from "./field";

/**
 * The field blurred by a Gaussian of `sigma` cells along both axes.
 *
 * Cells that are not finite take no part: weights are renormalised over those that are. Contours are drawn from this,
 * since lines through raw gradients are all islands; the legend says so.
 */
export function smoothed(field: Field, sigma: number): Field {
  if (sigma <= 0) return field;
  const kernel = gaussian(sigma);
  const { height, width } = field;
  const across = blurRows(field.values, height, width, kernel);
  const down = transpose(blurRows(transpose(across, height, width), width, height, kernel), width, height);
  return makeField(down, height, width, field.header);
}

function gaussian(sigma: number): Float64Array {
  const reach = Math.max(1, Math.ceil(3 * sigma));
  return Float64Array.from({ length: 2 * reach + 1 }, (_, i) => Math.exp(-((i - reach) ** 2) / (2 * sigma * sigma)));
}

function blurRows(values: Float32Array, height: number, width: number, kernel: Float64Array): Float32Array {
  const reach = (kernel.length - 1) / 2;
  const out = new Float32Array(values.length);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      let sum = 0;
      let weight = 0;
      const first = Math.max(0, column - reach);
      const last = Math.min(width - 1, column + reach);
      for (let at = first; at <= last; at++) {
        const value = values[row * width + at] ?? Number.NaN;
        if (!Number.isFinite(value)) continue;
        const part = kernel[at - column + reach] ?? 0;
        sum += part * value;
        weight += part;
      }
      out[row * width + column] = weight > 0 ? sum / weight : Number.NaN;
    }
  }
  return out;
}

function transpose(values: Float32Array, height: number, width: number): Float32Array {
  const out = new Float32Array(values.length);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) out[column * height + row] = values[row * width + column] ?? 0;
  }
  return out;
}
