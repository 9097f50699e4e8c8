/** Vectors and matrices folded to the room there is, knowing for each stripe which number it shows. */
import { type Rgb, type Shading, valueToRgb } from "../../../lib";

export interface Bins {
  rows: number;
  bins: number;
  /** Numbers along a row before folding. */
  length: number;
  /** Row by row: of each window the number of largest magnitude, with its sign. */
  values: Float32Array;
  /** Row by row: where along the row that number stands. */
  at: Int32Array;
}

/**
 * Folds each row of a matrix to at most `room` stripes, each the number of largest magnitude in its window.
 *
 * Windows are as even as whole numbers allow, and cover all. A window that holds a NaN shows it.
 */
export function foldRows(values: ArrayLike<number>, rows: number, length: number, room: number): Bins {
  const bins = Math.max(1, Math.min(length, Math.floor(room)));
  const folded: Bins = { rows, bins, length, values: new Float32Array(rows * bins), at: new Int32Array(rows * bins) };
  for (let row = 0; row < rows; row++) {
    for (let bin = 0; bin < bins; bin++) {
      const [start, stop] = binSpan(folded, bin);
      let best = start;
      for (let i = start; i < stop; i++) {
        const value = values[row * length + i] ?? Number.NaN;
        const held = values[row * length + best] ?? Number.NaN;
        if (Number.isNaN(value) || Math.abs(value) > Math.abs(held)) best = i;
        if (Number.isNaN(value)) break;
      }
      folded.values[row * bins + bin] = values[row * length + best] ?? Number.NaN;
      folded.at[row * bins + bin] = best;
    }
  }
  return folded;
}

/** The numbers along a row that one stripe stands for. */
export function binSpan({ bins, length }: Pick<Bins, "bins" | "length">, bin: number): [start: number, stop: number] {
  return [Math.floor((bin * length) / bins), Math.max(1, Math.floor(((bin + 1) * length) / bins))];
}

/** The stripe that shows, or stands for, a number. */
export function binOf({ bins, length }: Pick<Bins, "bins" | "length">, index: number): number {
  const guess = Math.min(bins - 1, Math.floor((index * bins) / length));
  const [start, stop] = binSpan({ bins, length }, guess);
  return index < start ? guess - 1 : index >= stop ? guess + 1 : guess;
}

/** Rows of stripes as RGBA bytes, `bins` wide: `height` pixels for each row, `gap` clear ones between. */
export function stripePixels(
  { rows, bins, values }: Bins,
  shading: Shading,
  height: number,
  gap: number,
): Uint8ClampedArray<ArrayBuffer> {
  const pixels = new Uint8ClampedArray(stripesHeight(rows, height, gap) * bins * 4);
  for (let row = 0; row < rows; row++) {
    const top = row * (height + gap);
    for (let bin = 0; bin < bins; bin++) {
      paint(pixels, (top * bins + bin) * 4, valueToRgb(values[row * bins + bin] ?? Number.NaN, shading));
    }
    const line = pixels.subarray(top * bins * 4, (top + 1) * bins * 4);
    for (let y = 1; y < height; y++) pixels.set(line, (top + y) * bins * 4);
  }
  return pixels;
}

/** Pixels from the top of the first row to the end of the last. */
export function stripesHeight(rows: number, height: number, gap: number): number {
  return Math.max(1, rows * (height + gap) - gap);
}

function paint(pixels: Uint8ClampedArray, at: number, [red, green, blue]: Rgb): void {
  pixels[at] = red;
  pixels[at + 1] = green;
  pixels[at + 2] = blue;
  pixels[at + 3] = 255;
}

/** "each stripe the largest of 4 in magnitude"; null where none is folded. */
export function foldedWords({ bins, length }: Pick<Bins, "bins" | "length">): string | null {
  if (bins === length) return null;
  const each = length / bins;
  if (each < 1.1) return "some stripes the largest of 2 in magnitude";
  const count = Number.isInteger(each) ? `${each}` : `about ${each.toFixed(1)}`;
  return `each stripe the largest of ${count} in magnitude`;
}

/** Where the number of largest magnitude stands; -1 in an empty list. */
export function largestAt(values: ArrayLike<number>): number {
  let best = -1;
  for (let i = 0; i < values.length; i++) {
    if (best < 0 || Math.abs(values[i] ?? 0) > Math.abs(values[best] ?? 0)) best = i;
  }
  return best;
}

/** Euclidean length. */
export function normOf(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (values[i] ?? 0) ** 2;
  return Math.sqrt(sum);
}
