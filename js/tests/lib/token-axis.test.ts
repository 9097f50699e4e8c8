import { describe, expect, test } from "vitest";
import { type AxisLabel, axisLabels, elide, labelRoom, strideFor } from "../../src/lib";

const LINE = 12;

function overlaps(labels: readonly AxisLabel[]): boolean {
  return labels.some((label, at) => at > 0 && label.at_px - (labels[at - 1]?.at_px ?? -99) < LINE - 1e-6);
}

describe("axisLabels", () => {
  test("labels never overlap, at any zoom, with or without a pointed cell", () => {
    for (const cell_px of [0.06, 0.5, 1, 2.3, 5, 11.9, 12, 40]) {
      for (const start_px of [0, -137.5]) {
        for (const pointed of [null, 0, 3, 77, 499]) {
          const axis = { count: 500, cell_px, start_px, extent_px: 480, line_px: LINE, pointed };
          expect(overlaps(axisLabels(axis).labels), JSON.stringify(axis)).toBe(false);
        }
      }
    }
  });

  test("names every cell where there is room, each at its middle", () => {
    const { labels, stride } = axisLabels({
      count: 5,
      cell_px: 20,
      start_px: 0,
      extent_px: 100,
      line_px: LINE,
      pointed: 2,
    });
    expect(stride).toBe(1);
    expect(labels.map(({ at_px }) => at_px)).toEqual([10, 30, 50, 70, 90]);
    expect(labels.map(({ strong }) => strong)).toEqual([false, false, true, false, false]);
  });

  test("always names the pointed cell, with its neighbours in a row around it", () => {
    const axis = { count: 500, cell_px: 1, start_px: 0, extent_px: 480, line_px: LINE, pointed: 203 };
    const lens = axisLabels(axis).labels.filter(({ index }) => Math.abs(index - 203) <= 2);
    expect(lens.map(({ index }) => index)).toEqual([201, 202, 203, 204, 205]);
    expect(lens[2]).toEqual({ index: 203, at_px: 203.5, strong: true });
  });

  test("keeps the lens inside the axis", () => {
    for (const pointed of [0, 1, 478, 479]) {
      const { labels } = axisLabels({ count: 480, cell_px: 1, start_px: 0, extent_px: 480, line_px: LINE, pointed });
      const lens = labels.filter(({ index }) => Math.abs(index - pointed) <= 2);
      expect(Math.min(...lens.map(({ at_px }) => at_px))).toBeGreaterThanOrEqual(LINE / 2);
      expect(Math.max(...lens.map(({ at_px }) => at_px))).toBeLessThanOrEqual(480 - LINE / 2);
      expect(lens.some(({ strong, index }) => strong && index === pointed)).toBe(true);
    }
  });
});

test("strides are 1, 2, 5 and their tenfolds", () => {
  expect([0.3, 1, 1.1, 2.5, 5.1, 11, 21, 51, 600].map(strideFor)).toEqual([1, 1, 2, 5, 10, 20, 50, 100, 1000]);
});

describe("elide", () => {
  const measure = (text: string) => [...text].length * 10;

  test("keeps what fits and marks what it cuts", () => {
    expect(elide("token", 50, measure)).toBe("token");
    expect(elide("tokens", 50, measure)).toBe("toke\u2026");
    expect(elide("tokens", 5, measure)).toBe("\u2026");
  });

  test("never cuts a character in two", () => {
    expect(elide("\u{1d49c}\u{1d49c}\u{1d49c}\u{1d49c}", 30, measure)).toBe("\u{1d49c}\u{1d49c}\u2026");
  });
});

test("the room for labels is that of the widest, between its bounds", () => {
  const measure = (text: string) => text.length * 5;
  expect(labelRoom(["a", "bcd"], measure, [10, 90])).toBe(15);
  expect(labelRoom(["a"], measure, [10, 90])).toBe(10);
  expect(labelRoom(["a".repeat(99)], measure, [10, 90])).toBe(90);
});
