import { describe, expect, test } from "vitest";
import { contourLines, makeField, smoothed } from "../../src/lib";

function fieldOf(height: number, width: number, value: (x: number, y: number) => number) {
  const values = new Float32Array(height * width);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) values[row * width + column] = value(column + 0.5, row + 0.5);
  }
  return makeField(values, height, width);
}

describe("contourLines", () => {
  test("of a cone is one closed ring at the level's radius", () => {
    const lines = contourLines(
      fieldOf(40, 40, (x, y) => Math.hypot(x - 20, y - 20)),
      12,
    );
    expect(lines).toHaveLength(1);
    const [ring = []] = lines;
    expect(ring[0]).toEqual(ring[ring.length - 1]);
    expect(ring.length).toBeGreaterThan(60);
    for (const [x, y] of ring) expect(Math.hypot(x - 20, y - 20)).toBeCloseTo(12, 1);
  });

  test("of a slope is one straight open line, exact", () => {
    const lines = contourLines(
      fieldOf(5, 8, (x) => x),
      3.25,
    );
    expect(lines).toHaveLength(1);
    expect(lines[0]).toHaveLength(5);
    for (const [x] of lines[0] ?? []) expect(x).toBeCloseTo(3.25, 6);
  });

  test("of two hills is two rings", () => {
    const hill = (x: number, y: number, at: number) => Math.exp(-((x - at) ** 2 + (y - 10) ** 2) / 8);
    expect(
      contourLines(
        fieldOf(20, 40, (x, y) => hill(x, y, 10) + hill(x, y, 30)),
        0.5,
      ),
    ).toHaveLength(2);
  });

  test("of a saddle does not cross itself", () => {
    const high = contourLines(makeField(Float32Array.from([1, 0, 0, 1]), 2, 2), 0.4);
    const low = contourLines(makeField(Float32Array.from([1, 0, 0, 1]), 2, 2), 0.6);
    expect(high).toHaveLength(2);
    expect(low).toHaveLength(2);
    // Above the mean the high corners are cut off, below it they are joined.
    expect(low.some((line) => line.every(([x, y]) => x + y < 1.75))).toBe(true);
    expect(high.some((line) => line.every(([x, y]) => x - y > 0.25))).toBe(true);
  });

  test("skips squares with a NaN", () => {
    const field = fieldOf(5, 8, (x, y) => (y < 2 ? Number.NaN : x));
    for (const [, y] of contourLines(field, 3.25).flat()) expect(y).toBeGreaterThan(2);
  });

  test("is empty where the field never reaches the level", () => {
    expect(
      contourLines(
        fieldOf(4, 4, () => 1),
        2,
      ),
    ).toEqual([]);
  });
});

describe("smoothed", () => {
  test("keeps a constant field", () => {
    const field = smoothed(
      fieldOf(9, 13, () => 2.5),
      1.5,
    );
    for (const value of field.values) expect(value).toBeCloseTo(2.5, 5);
  });

  test("spreads a point as the Gaussian's own weights", () => {
    const field = smoothed(
      fieldOf(21, 21, (x, y) => (x === 10.5 && y === 10.5 ? 1 : 0)),
      2,
    );
    const at = (row: number, column: number) => field.values[row * 21 + column] ?? Number.NaN;
    expect(at(10, 12) / at(10, 10)).toBeCloseTo(Math.exp(-0.5), 5);
    expect(at(12, 12) / at(10, 10)).toBeCloseTo(Math.exp(-1), 5);
  });

  test("fills a NaN from its neighbours", () => {
    const field = smoothed(
      fieldOf(5, 5, (x, y) => (x === 2.5 && y === 2.5 ? Number.NaN : 3)),
      1,
    );
    expect(field.values[12]).toBeCloseTo(3, 5);
  });
});
