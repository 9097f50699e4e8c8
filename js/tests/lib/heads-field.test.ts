import { describe, expect, test } from "vitest";
import { fieldLayout, foldThumbnail, type Frame, orderByScore, stepTile, thumbnailOf, tileAt } from "../../src/lib";
import { sharesOf } from "../../src/lib/heads-field-drawing";
import { isNamed } from "../../src/lib/heads-field-canvas";

const upTo = (count: number) => Array.from({ length: count }, (_, at) => at);

function grid(layers: number, heads: number, width_px: number, scored = true) {
  const shape = { layers: upTo(layers), heads: upTo(layers).map(() => heads), order: null, width_px, scored };
  return fieldLayout({ ...shape, largest_px: 56 });
}

describe("fieldLayout", () => {
  test.each([
    [12, 12, 340],
    [32, 32, 420],
    [32, 32, 303],
    [4, 4, 300],
    [2, 16, 600],
  ])("gives %i layers of %i heads tiles that do not touch", (layers, heads, width) => {
    const { tiles, side_px, bar_px, width_px } = grid(layers, heads, width);
    expect(tiles).toHaveLength(layers * heads);
    expect(width_px).toBeLessThanOrEqual(width);
    const [first, right, below] = [tiles[0], tiles[1], tiles[heads]];
    expect((right?.x ?? 0) - (first?.x ?? 0)).toBeGreaterThan(side_px);
    expect((below?.y ?? 0) - (first?.y ?? 0)).toBeGreaterThan(side_px + bar_px + 1);
  });

  test("names every head and layer only where the numbers have room", () => {
    expect(grid(4, 4, 300).head_stride).toBe(1);
    const many = grid(32, 32, 420);
    expect(many.head_stride * (many.side_px + many.gap_px)).toBeGreaterThanOrEqual(18);
    const named = upTo(32).filter((at) => isNamed(at, many.head_stride, 5));
    named.forEach((at, place) => {
      const before = named[place - 1];
      if (before !== undefined) expect(at - before).toBeGreaterThanOrEqual(many.head_stride);
    });
    expect(named).toContain(5);
  });

  test("wraps a sorted list, each tile with room for its name", () => {
    const order = [
      [3, 1],
      [0, 0],
      [2, 2],
    ] as const;
    const { tiles, side_px, across } = fieldLayout({
      layers: upTo(4),
      heads: [4, 4, 4, 4],
      order,
      width_px: 100,
      scored: true,
      largest_px: 48,
    });
    expect(tiles.map(({ layer, head }) => [layer, head])).toEqual(order.map((ref) => [...ref]));
    expect(side_px).toBeGreaterThanOrEqual(36);
    expect(across).toBe(2);
    expect(tiles[2]?.x).toBe(tiles[0]?.x);
  });

  test("has tiles only for heads that a layer has", () => {
    const layout = fieldLayout({
      layers: [0, 5],
      heads: [2, 3],
      order: null,
      width_px: 300,
      scored: false,
      largest_px: 40,
    });
    expect(layout.tiles.map(({ layer, head }) => `${layer}.${head}`)).toEqual(["0.0", "0.1", "5.0", "5.1", "5.2"]);
  });
});

test("the tile under a point is the one whose box holds it", () => {
  const layout = grid(3, 5, 300);
  layout.tiles.forEach((tile, at) => {
    expect(tileAt(layout, tile.x + layout.side_px / 2, tile.y + layout.side_px / 2)).toBe(at);
    expect(tileAt(layout, tile.x + 1, tile.y + layout.side_px + 2)).toBe(at);
  });
  expect(tileAt(layout, 2, 2)).toBeNull();
});

test("arrows go to the neighbours, and stop at the edges", () => {
  const layout = grid(3, 4, 300);
  expect(stepTile(layout, 5, 1, 0)).toBe(9);
  expect(stepTile(layout, 5, -1, 0)).toBe(1);
  expect(stepTile(layout, 1, -1, 0)).toBe(1);
  expect(stepTile(layout, 11, 0, 1)).toBe(11);
});

describe("orderByScore", () => {
  const shape = { layers: [0, 1], heads: [2, 2] };

  test("puts the best first and heads without a score last", () => {
    const values = [0.1, Number.NaN, 0.9, 0.5];
    const refs = orderByScore(shape, values, 2, true).map(([layer, head]) => `${layer}.${head}`);
    expect(refs).toEqual(["1.0", "1.1", "0.0", "0.1"]);
  });

  test("turns round for scores where less is better, and keeps ties in order", () => {
    expect(orderByScore(shape, [2, 1, 1, Number.NaN], 2, false).map((ref) => ref.join("."))).toEqual([
      "0.1",
      "1.0",
      "0.0",
      "1.1",
    ]);
  });
});

test("bars are shares of the scores' range from zero", () => {
  const layout = grid(1, 4, 300);
  expect(sharesOf(layout, [1, 2, Number.NaN, 0], 4)).toEqual([0.5, 1, Number.NaN, 0]);
  expect(sharesOf(layout, [-1, 1, 0, 0], 4)).toEqual([0, 1, 0.5, 0.5]);
});

describe("thumbnails", () => {
  const field: Frame = {
    name: "field",
    shape: [2, 3, 4, 4],
    dtype: "float32",
    range: [-50, 95],
    pooled: { kind: "max", factor: [1, 1, 2, 2] },
    quantised: null,
    stored: Float32Array.from({ length: 96 }, (_, at) => at),
  };

  test("are cut from the field by layer and head", () => {
    const thumbnail = thumbnailOf(field, 1, 2);
    expect(thumbnail?.shape).toEqual([4, 4]);
    expect(thumbnail?.stored[0]).toBe(80);
    expect(thumbnail?.pooled.factor).toEqual([2, 2]);
    expect(thumbnailOf(field, 2, 0)).toBeNull();
    expect(thumbnailOf(field, 0, 3)).toBeNull();
  });

  const square = (values: number[]): Frame => ({ ...field, shape: [2, 2], stored: Float32Array.from(values) });

  test("fold to their strongest cell: of largest magnitude, or lowest rank", () => {
    expect([...foldThumbnail(square([0.1, 0.4, 0.3, 0.2]), 1, "attention").stored]).toEqual([Math.fround(0.4)]);
    expect([...foldThumbnail(square([-5, 4, 1, 2]), 1, "signed").stored]).toEqual([-5]);
    expect([...foldThumbnail(square([7, 2, 9, 30]), 1, "rank").stored]).toEqual([2]);
  });

  test("fold around hidden cells, and stay hidden where there is nothing else", () => {
    const nan = Number.NaN;
    expect([...foldThumbnail(square([nan, 1, nan, -3.4e38]), 1, "signed").stored]).toEqual([1]);
    expect([...foldThumbnail(square([nan, nan, nan, nan]), 1, "signed").stored]).toEqual([nan]);
  });

  test("fold bytes by the values they stand for", () => {
    const bytes = { ...square([]), stored: Uint8Array.of(0, 130, 128, 200), quantised: { scale: 1, offset: -128 } };
    expect([...foldThumbnail(bytes, 1, "signed").stored]).toEqual([0]);
  });
});
