import { describe, expect, test } from "vitest";
import type { Frame, Rgb } from "../../../src/lib";
import { keysBeyond } from "../../../src/widgets/attention_explorer/arcs-canvas";
import {
  askedRows,
  FAINTEST,
  headHue,
  largest,
  lineOpacity,
  linesOf,
  lineWidth,
  ROW_PX,
  visibleRows,
} from "../../../src/widgets/attention_explorer/arcs-lines";
import { neighbourHead, neighbourLayer, type Shown, toggled } from "../../../src/widgets/attention_explorer/explorer";
import { patchAt, placeOf, stepPatch, strongestPatch } from "../../../src/widgets/attention_explorer/patches";
import { type Rows, rowOf, strongest } from "../../../src/widgets/attention_explorer/rows";
import { absence, meaning, scaleOptions } from "../../../src/widgets/attention_explorer/words";

const NAN = Number.NaN;
const PURPLE: Rgb = [98, 54, 208];
const BLUE: Rgb = [33, 96, 196];

function rows(first: number, values: number[][]): Rows {
  const keys = values[0]?.length ?? 0;
  return {
    queries: [first, first + values.length],
    keys,
    values: Float32Array.from(values.flat()),
    frame: {} as Frame,
  };
}

describe("rows of weights", () => {
  test("are found by query, and only where they are", () => {
    const held = rows(4, [
      [1, 2],
      [3, 4],
    ]);
    expect([...(rowOf(held, 5) ?? [])]).toEqual([3, 4]);
    expect(rowOf(held, 6)).toBeNull();
    expect(rowOf(null, 4)).toBeNull();
  });

  test("strongest keys go by magnitude, ranks by place; hidden keys and zeros are none", () => {
    const row = [0.1, -0.5, NAN, 0, 0.3, -3.4e38];
    expect(strongest(row, 9).map(({ key }) => key)).toEqual([1, 4, 0]);
    expect(strongest(row, 1)).toEqual([{ key: 1, value: -0.5 }]);
    expect(strongest([3, 1, NAN, 2], 2, true).map(({ key }) => key)).toEqual([1, 3]);
  });
});

describe("keys out of sight", () => {
  const line = (key: number, share: number) => ({ query: 5, key, value: share, share, color: PURPLE });
  const place = { queries: [4, 8] as [number, number], keys: [4, 8] as [number, number], width_px: 400, label_px: 90 };
  const picture = { ...place, top_px: 4 * ROW_PX, window_px: 4 * ROW_PX };

  test("are counted once each, and the strongest is named", () => {
    const lines = [line(1, 0.2), line(1, 0.1), line(2, 0.7), line(5, 1), line(9, 0.3)];
    expect(keysBeyond({ ...picture, lines })).toEqual({
      above: { count: 2, strongest: 2 },
      below: { count: 1, strongest: 9 },
    });
    expect(keysBeyond({ ...picture, lines: [line(6, 1)] })).toEqual({ above: null, below: null });
  });
});

describe("lines", () => {
  const held = rows(10, [
    [0.5, 0.25, NAN],
    [-1, 0.004, 0.03],
  ]);
  const choice = { rows: held, color: PURPLE, negative: BLUE, strongest: 1, queries: [10, 11], key: null };

  test("are one for each weight that can be seen, faint ones beneath", () => {
    const lines = linesOf(choice);
    expect(lines.map(({ query, key }) => [query, key])).toEqual([
      [11, 2],
      [10, 1],
      [10, 0],
      [11, 0],
    ]);
    expect(lines.every(({ share }) => share >= FAINTEST)).toBe(true);
    expect(lines.at(-1)).toMatchObject({ value: -1, share: 1, color: BLUE });
  });

  test("are only those into one key, where one is pointed at", () => {
    expect(linesOf({ ...choice, key: 1 }).map(({ query }) => query)).toEqual([10]);
  });

  test("are measured against the strongest of the queries asked for", () => {
    expect(largest(held, [10])).toBe(0.5);
    expect(largest(held, [10, 11, 99])).toBe(1);
    expect(linesOf({ ...choice, strongest: 0 })).toEqual([]);
  });

  test("grow wider and stronger with their weight", () => {
    expect(lineWidth(1)).toBeGreaterThan(lineWidth(0.5));
    expect(lineOpacity(0.02)).toBeGreaterThan(0.05);
    expect(lineOpacity(1)).toBeLessThanOrEqual(1);
  });

  test("only rows in sight are drawn, and asked for in blocks", () => {
    expect(visibleRows(0, 10 * ROW_PX, 1024, 0)).toEqual([0, 10]);
    expect(visibleRows(100 * ROW_PX, 10 * ROW_PX, 1024)).toEqual([98, 112]);
    expect(visibleRows(0, 900, 5)).toEqual([0, 5]);
    expect(askedRows([98, 112], 1024)).toEqual([96, 128]);
    expect(askedRows([0, 12], 20)).toEqual([0, 20]);
  });

  test("hues come round again, and neighbours differ", () => {
    expect(headHue(8, "dark")).toEqual(headHue(0, "dark"));
    expect(headHue(1, "light")).not.toEqual(headHue(0, "light"));
  });
});

describe("moving through heads", () => {
  const shown = {
    kind: { name: "self", title: "", layers: [2, 5], heads: [2, 3] },
    heads: [2, 3],
    layer: 2,
    head: 1,
  } as unknown as Shown;

  test("goes on over the ends of layers and of the model", () => {
    expect(neighbourHead(shown, 1)).toEqual([5, 0]);
    expect(neighbourHead({ ...shown, head: 0 }, -1)).toEqual([5, 2]);
  });

  test("keeps the head in the next layer if it has one", () => {
    expect(neighbourLayer({ ...shown, layer: 5, head: 2 }, -1)).toEqual([2, 1]);
    expect(neighbourLayer({ ...shown, layer: 5 }, 1)).toEqual([5, 1]);
  });

  test("puts heads in and out of those drawn together, beginning with the current one", () => {
    expect(toggled([], shown, [5, 2])).toEqual([
      [2, 1],
      [5, 2],
    ]);
    expect(toggled([[5, 2]], shown, [5, 2])).toEqual([]);
  });
});

describe("patches", () => {
  const grid = { rows: 2, columns: 3, prefix: 1 };

  test("are positions after the special tokens", () => {
    expect(patchAt(grid, 0.99, 0.99)).toBe(6);
    expect(patchAt(grid, 0, 0)).toBe(1);
    expect(patchAt(grid, 1, 0)).toBeNull();
    for (let position = 1; position <= 6; position++) {
      const [row, column] = placeOf(grid, position) ?? [9, 9];
      expect(patchAt(grid, (column + 0.5) / 3, (row + 0.5) / 2)).toBe(position);
    }
    expect(placeOf(grid, 0)).toBeNull();
  });

  test("arrows stay on the picture", () => {
    expect(stepPatch(grid, 1, 1, 1)).toBe(5);
    expect(stepPatch(grid, 3, 0, 1)).toBe(3);
    expect(stepPatch(grid, 0, 1, 0)).toBe(1);
  });

  test("the special tokens' weight does not dim the picture", () => {
    expect(strongestPatch(grid, [0.9, 0.1, 0, 0, -0.4, NAN, 0])).toBe(0.4);
  });
});

describe("words", () => {
  test("say what a difference is, and what a scale does", () => {
    expect(meaning("pattern", "linear", false)).toBe(
      "How much of each query\u2019s attention a key gets. Every row adds up to 1.",
    );
    expect(meaning("pattern", "linear", true)).toContain("subtracted");
    expect(meaning("pattern", "rank", false)).toContain("1 is the row\u2019s strongest key");
  });

  test("say why a cell has no value", () => {
    expect(absence("scores", "linear", false)).toBe("hidden by the mask");
    expect(absence("scores", "linear", true)).toBe("not in both runs");
  });

  test("a difference has one scale", () => {
    expect(scaleOptions("pattern", true).map(({ value }) => value)).toEqual(["linear"]);
  });
});
