import { describe, expect, it } from "vitest";
import { decodeFrame, type Frame } from "../../../src/lib";
import {
  fitted,
  inSight,
  kept,
  opening,
  showing,
  toPicture,
  zoomed,
} from "../../../src/widgets/rasp_graph/graph/camera";
import { cardLayout, cellPx, partAt } from "../../../src/widgets/rasp_graph/graph/card";
import { cellStates, wrongPositions } from "../../../src/widgets/rasp_graph/graph/picture";
import { node } from "./graph-data";

const EMPTY = { keys: [], queries: [], folded: 0 };

function selectFrame(label: string, size: number, cells: number[]): [string, Frame] {
  const header = { name: `select:${label}`, shape: [size, size], axes: ["query", "key"], dtype: "uint8" };
  return [`select:${label}`, decodeFrame({ ...header, data: new Uint8Array(cells) } as never)];
}

describe("cards", () => {
  const values = ["a", null, "a much longer value", "b"];
  const facts = { ...EMPTY, node: node("x", "elementwise", []), values, positions: 4 };

  it("have a chip for each position, side by side and inside the card", () => {
    const { chips, width, height } = cardLayout(facts);
    expect(chips).toHaveLength(4);
    chips.forEach((chip, at) => {
      expect(chip.x).toBeGreaterThanOrEqual(at === 0 ? 0 : (chips[at - 1]?.x ?? 0) + (chips[at - 1]?.width ?? 0));
      expect(chip.x + chip.width).toBeLessThanOrEqual(width);
      expect(chip.y + chip.height).toBeLessThanOrEqual(height);
    });
  });

  it("say which value or cell lies under a point", () => {
    const layout = cardLayout(facts);
    const chip = layout.chips[2];
    expect(partAt(layout, (chip?.x ?? 0) + 3, (chip?.y ?? 0) + 3)).toEqual({ position: 2, cell: null });
    expect(partAt(layout, 4, 4)).toEqual({ position: -1, cell: null });
    const keys = ["0", "1", "2"];
    const select = cardLayout({
      ...EMPTY,
      node: node("s", "select", ["i", "i"]),
      values: [],
      positions: 3,
      keys,
      queries: keys,
    });
    const { grid, cell } = select;
    // Queries down, keys across.
    expect(partAt(select, (grid?.x ?? 0) + 2.5 * cell, (grid?.y ?? 0) + 0.5 * cell).cell).toEqual([0, 2]);
    expect((grid?.x ?? 0) + (grid?.width ?? 0)).toBeLessThanOrEqual(select.width);
    expect((grid?.y ?? 0) + (grid?.height ?? 0)).toBeLessThanOrEqual(select.height);
  });

  it("have smaller cells for more positions, and always some", () => {
    expect(cellPx(5)).toBe(17);
    expect(cellPx(10)).toBe(12);
    expect(cellPx(20)).toBe(9);
    expect(cellPx(400)).toBe(2);
  });
});

describe("what the model holds", () => {
  it("is wrong where it is another value, and not where a number was only rounded", () => {
    expect(wrongPositions(["a", null, "1/3", "2", "True"], ["a", null, "0.3333", "3", "False"])).toEqual([3, 4]);
    expect(wrongPositions(["a", null], ["a", "b"])).toEqual([1]);
    expect(wrongPositions(["a"], undefined)).toEqual([]);
  });
});

it("shows of two selectors put together where only one is on", () => {
  const frames = Object.fromEntries([
    selectFrame("p", 2, [1, 1, 0, 0]),
    selectFrame("q", 2, [1, 0, 1, 0]),
    selectFrame("both", 2, [1, 0, 0, 0]),
  ]);
  expect([...(cellStates(node("both", "selector_and", ["p", "q"]), frames) ?? [])]).toEqual([1, 2, 3, 0]);
  expect([...(cellStates(node("p", "select", ["p", "q"]), frames) ?? [])]).toEqual([1, 1, 0, 0]);
  expect(cellStates(node("other", "select", []), frames)).toBeNull();
});

describe("the camera", () => {
  const bounds = { x: -50, y: 0, width: 1000, height: 3000 };
  const window = { width: 600, height: 500 };

  it("keeps the point under the pointer where it is", () => {
    const camera = { x: 10, y: 20, scale: 0.7 };
    const after = zoomed(camera, 1.3, [200, 100], 0.1);
    expect(toPicture(after, [200, 100])[0]).toBeCloseTo(toPicture(camera, [200, 100])[0]);
    expect(toPicture(after, [200, 100])[1]).toBeCloseTo(toPicture(camera, [200, 100])[1]);
    expect(zoomed(camera, 100, [0, 0], 0.1).scale).toBe(2);
    expect(zoomed(camera, 1e-6, [0, 0], 0.1).scale).toBe(0.1);
  });

  it("fits all of it, but opens where it can be read", () => {
    const whole = fitted(bounds, window);
    expect(bounds.height * whole.scale).toBeLessThanOrEqual(window.height);
    const open = opening(bounds, window);
    expect(open.scale).toBeGreaterThanOrEqual(0.588);
    expect(open.y).toBeGreaterThanOrEqual(0);
  });

  it("never loses the picture, and brings a card into sight", () => {
    const lost = kept({ x: 9e4, y: -9e4, scale: 1 }, bounds, window);
    expect(inSight(lost, bounds, window)).toBe(true);
    const card = { x: 700, y: 2500, width: 120, height: 90 };
    const camera = showing({ x: 0, y: 0, scale: 1 }, card, window);
    expect(card.x + camera.x).toBeGreaterThanOrEqual(0);
    expect(card.x + card.width + camera.x).toBeLessThanOrEqual(window.width);
    expect(card.y + card.height + camera.y).toBeLessThanOrEqual(window.height);
    const still = showing(camera, card, window);
    expect(still).toEqual(camera);
  });
});
