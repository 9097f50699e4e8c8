import { describe, expect, test } from "vitest";
import {
  fitPlot,
  type Frame,
  isEnough,
  type MatrixWindow,
  pixelsFor,
  pooledIndex,
  readTile,
  regionFor,
  type Tile,
  TileCache,
  visibleCells,
} from "../../src/lib";

function frame(rows: number, columns: number, factor: number, change: Partial<Frame> = {}): Frame {
  return {
    name: "t",
    shape: [1, rows, columns],
    dtype: "float32",
    range: [0, rows * columns],
    pooled: { kind: factor > 1 ? "max" : "none", factor: [1, factor, factor] },
    quantised: null,
    stored: Float32Array.from({ length: rows * columns }, (_, at) => at),
    ...change,
  };
}

test("a source cell is read from the stored cell that covers it", () => {
  for (const [source, stored] of [
    [7, 3],
    [1024, 471],
    [100, 99],
    [5, 5],
    [8192, 560],
  ] as const) {
    for (let cell = 0; cell < stored; cell++) {
      const [from, to] = [Math.floor((cell * source) / stored), Math.floor(((cell + 1) * source) / stored)];
      for (let index = from; index < to; index++) expect(pooledIndex(index, source, stored)).toBe(cell);
    }
  }
});

describe("readTile", () => {
  test("reads exact cells as exact, at their place in the matrix", () => {
    const tile: Tile = { rows: [10, 14], columns: [20, 25], frame: frame(4, 5, 1) };
    expect(readTile(tile, 11, 23)).toEqual({ value: 8, exact: true });
    expect(readTile(tile, 14, 23)).toBeNull();
    expect(readTile(tile, 11, 19)).toBeNull();
  });

  test("never calls pooled or quantised cells exact", () => {
    const pooled: Tile = { rows: [0, 8], columns: [0, 10], frame: frame(4, 5, 2) };
    expect(readTile(pooled, 7, 9)).toEqual({ value: 19, exact: false });
    const bytes = frame(2, 2, 1, { stored: Uint8Array.of(0, 1, 2, 3), quantised: { scale: 0.5, offset: -1 } });
    expect(readTile({ rows: [0, 2], columns: [0, 2], frame: bytes }, 1, 1)).toEqual({ value: 0.5, exact: false });
  });
});

describe("what to ask for", () => {
  const plot = fitPlot(1000, 1000, [500, 500]);
  const view: MatrixWindow = { zoom: 10, row: 300, column: 0 };

  test("is what is seen with a margin, no further than the matrix goes", () => {
    expect(visibleCells(plot, view)).toEqual({ rows: [300, 400], columns: [0, 100] });
    expect(regionFor(plot, view)).toEqual({ rows: [250, 450], columns: [0, 150] });
  });

  test("in as many pixels as the screen has, at most one for each cell", () => {
    const region = regionFor(plot, view);
    expect(pixelsFor(plot, view, region, 1)).toEqual([200, 150]);
    expect(pixelsFor(plot, { zoom: 1, row: 0, column: 0 }, { rows: [0, 1000], columns: [0, 1000] }, 1)).toEqual([
      500, 500,
    ]);
    expect(pixelsFor(plot, { zoom: 1, row: 0, column: 0 }, { rows: [0, 1000], columns: [0, 1000] }, 2)).toEqual([
      1000, 1000,
    ]);
  });

  test("nothing while the tile at hand covers the window sharply enough", () => {
    const exact: Tile = { rows: [250, 450], columns: [0, 150], frame: frame(200, 150, 1) };
    expect(isEnough(exact, plot, view, 1)).toBe(true);
    expect(isEnough(exact, plot, { ...view, row: 351 }, 1)).toBe(false);
    const coarse: Tile = { rows: [0, 1000], columns: [0, 1000], frame: frame(500, 500, 2) };
    expect(isEnough(coarse, plot, { zoom: 1.2, row: 0, column: 0 }, 1)).toBe(true);
    expect(isEnough(coarse, plot, view, 1)).toBe(false);
  });
});

test("the cache forgets what was not used for longest once it holds too much", () => {
  const cache = new TileCache(100);
  const ten = () => frame(1, 10, 1);
  cache.set("a", ten());
  cache.set("b", ten());
  cache.get("a");
  cache.set("c", ten());
  expect(["a", "b", "c"].map((key) => cache.get(key) !== undefined)).toEqual([true, false, true]);
});
