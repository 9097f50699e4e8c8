import { describe, expect, test } from "vitest";
import {
  clampView,
  fitSize,
  panBy,
  spanning,
  sumInside,
  makeField,
  toPicture,
  visibleRange,
  WHOLE,
  windowOf,
  zoomAt,
} from "../../src/lib";

describe("zoomAt", () => {
  test("keeps the point under the pointer where it is", () => {
    const before = zoomAt(WHOLE, 4, 0.5, 0.5);
    const after = zoomAt(before, 1.5, 0.3, 0.8);
    const [x, y] = toPicture(before, 0.3, 0.8);
    expect(toPicture(after, 0.3, 0.8)[0]).toBeCloseTo(x, 12);
    expect(toPicture(after, 0.3, 0.8)[1]).toBeCloseTo(y, 12);
  });

  test("comes back to the whole picture", () => {
    expect(zoomAt(zoomAt(WHOLE, 8, 0.1, 0.9), 1e-3)).toEqual(WHOLE);
  });
});

test("panning stops at the picture's edge", () => {
  expect(panBy({ zoom: 2, x: 0.5, y: 0.5 }, -10, 10)).toEqual({ zoom: 2, x: 0.25, y: 0.75 });
  expect(clampView({ zoom: 0.5, x: 3, y: -3 })).toEqual(WHOLE);
});

test("the visible range covers every cell that shows, and no cell outside", () => {
  expect(visibleRange(0.5, 1, 10)).toEqual([0, 10]);
  expect(visibleRange(0.25, 2, 9)).toEqual([0, 5]);
  expect(visibleRange(0.75, 2, 9)).toEqual([4, 9]);
});

describe("fitSize", () => {
  test("gives all cells equally many screen pixels where that costs little", () => {
    expect(fitSize(64, 64, 512, 333)).toEqual([320, 320]);
    expect(fitSize(64, 64, 512, 314, 2)).toEqual([314 - (314 % 32), 314 - (314 % 32)]);
  });

  test("fills the width where even cells would lose a tenth of it", () => {
    expect(fitSize(64, 64, 512, 310)).toEqual([310, 310]);
  });

  test("keeps the shape when it shrinks a large picture", () => {
    const [height, width] = fitSize(1000, 2000, 512, 500);
    expect([height, width]).toEqual([250, 500]);
  });

  test("is nothing for nothing", () => {
    expect(fitSize(0, 0, 512, 500)).toEqual([0, 0]);
  });
});

test("a window on a pooled tensor is asked for in cells of the source, whole cells, further axes whole", () => {
  const header = { name: "image", shape: [256, 512, 3], dtype: "uint8" as const, range: null, quantised: null };
  const { index, place } = windowOf(
    { ...header, pooled: { kind: "mean", factor: [4, 4, 1] } },
    { zoom: 4, x: 0.5, y: 0.125 },
  );
  expect(index).toEqual([
    [0, 256],
    [768, 1280],
    [0, 3],
  ]);
  expect(place).toEqual({ top: 0, bottom: 0.25, left: 0.375, right: 0.625 });
});

describe("rectangles", () => {
  test("span two corners, both inside, in any order", () => {
    expect(spanning([5, 9], [2, 11])).toEqual([
      [2, 6],
      [9, 12],
    ]);
  });

  test("sum what is inside, whatever is not finite left out", () => {
    const field = makeField(Float32Array.from([1, 2, 3, 4, Number.NaN, 6, 7, 8, 9]), 3, 3);
    expect(
      sumInside(
        field,
        [
          [0, 2],
          [1, 3],
        ],
        3,
        3,
      ),
    ).toBe(2 + 3 + 6);
  });

  test("sum a coarse map by the cells whose middle is inside", () => {
    const field = makeField(Float32Array.from([1, 2, 3, 4]), 2, 2);
    expect(
      sumInside(
        field,
        [
          [0, 8],
          [0, 3],
        ],
        8,
        8,
      ),
    ).toBe(1 + 3);
    expect(
      sumInside(
        field,
        [
          [0, 8],
          [0, 2],
        ],
        8,
        8,
      ),
    ).toBe(0);
  });
});
