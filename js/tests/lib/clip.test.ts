import { describe, expect, test } from "vitest";
import { countBeyond, makeField, scaleEnd, sortedMagnitudes } from "../../src/lib";
import { randomFrom } from "../../dev/samples";

test("sortedMagnitudes leaves out what is not finite", () => {
  const values = [3, -1, Number.NaN, Number.POSITIVE_INFINITY, -2, Number.NEGATIVE_INFINITY];
  expect([...sortedMagnitudes(values)]).toEqual([1, 2, 3]);
});

describe("scaleEnd", () => {
  test("is the largest magnitude without clipping", () => {
    expect(scaleEnd([1, 2, 3], 0)).toBe(3);
  });

  test.each([
    [19, 1, 0],
    [100, 1, 1],
    [300, 1, 3],
    [19, 50, 9],
    [1, 50, 0],
    [2, 50, 1],
  ])("cuts whole values: of %i at %f%%, %i", (count, clip, cut) => {
    const sorted = Array.from({ length: count }, (_, at) => at + 1);
    const end = scaleEnd(sorted, clip);
    expect(sorted.filter((value) => value > end)).toHaveLength(cut);
  });

  test("is the largest magnitude where it would be zero", () => {
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
