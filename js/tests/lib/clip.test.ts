import { describe, expect, test } from "vitest";
import { countBeyond, makeField, percentile, scaleEnd, sortedMagnitudes } from "../../src/lib";
import { randomFrom } from "../../dev/samples";

/** The percentile by its definition: the piecewise linear curve through (100 * i / (n - 1), sorted[i]). */
function bruteForce(numbers: number[], percent: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  for (let i = 0; i + 1 < sorted.length; i++) {
    const [from, to] = [(100 * i) / (sorted.length - 1), (100 * (i + 1)) / (sorted.length - 1)];
    const [low, high] = [sorted[i] ?? 0, sorted[i + 1] ?? 0];
    if (percent >= from && percent <= to) return low + ((high - low) * (percent - from)) / (to - from);
  }
  return sorted[0] ?? Number.NaN;
}

describe("percentile", () => {
  test.each([1, 2, 3, 10, 257])("agrees with its definition on %i numbers", (count) => {
    const random = randomFrom(count);
    const numbers = Array.from({ length: count }, () => Math.round(1000 * random()) / 8);
    const sorted = Float64Array.from(numbers).sort();
    for (let percent = 0; percent <= 100; percent += 0.5) {
      expect(percentile(sorted, percent)).toBeCloseTo(bruteForce(numbers, percent), 9);
    }
  });

  test("is NaN for no numbers", () => {
    expect(percentile([], 50)).toBeNaN();
  });
});

test("sortedMagnitudes leaves out what is not finite", () => {
  const values = [3, -1, Number.NaN, Number.POSITIVE_INFINITY, -2, Number.NEGATIVE_INFINITY];
  expect([...sortedMagnitudes(values)]).toEqual([1, 2, 3]);
});

describe("scaleEnd", () => {
  test("is the largest magnitude without clipping", () => {
    expect(scaleEnd([1, 2, 3], 0)).toBe(3);
  });

  test("is the largest magnitude where the percentile is zero", () => {
    expect(scaleEnd([0, 0, 0, 0, 0.5], 50)).toBe(0.5);
  });

  test("is one where all values are zero or there are none", () => {
    expect(scaleEnd([0, 0], 1)).toBe(1);
    expect(scaleEnd([], 1)).toBe(1);
  });
});

test("countBeyond counts magnitudes above the end, as a loop does", () => {
  const random = randomFrom(1);
  const values = Float32Array.from({ length: 500 }, () => Math.round(20 * (random() - 0.5)) / 4);
  const field = makeField(values, 20, 25);
  for (const end of [0, 0.25, 1, 1.1, 2.5, 3]) {
    expect(countBeyond(field, end)).toBe([...values].filter((value) => Math.abs(value) > end).length);
  }
});
