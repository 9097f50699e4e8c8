import { describe, expect, test } from "vitest";
import { isDone } from "../../../src/widgets/transformer_explorer/tour-done";
import {
  bestCorner,
  cornerBy,
  covered,
  dimPath,
  inside,
  intersection,
  merged,
  nearCorner,
  spotOf,
} from "../../../src/widgets/transformer_explorer/tour-place";
import { resolved } from "../../../src/widgets/transformer_explorer/tour-show";

const FRAME = { width: 1100, height: 800 };
const CARD = { width: 372, height: 400 };
const box = (left: number, top: number, width: number, height: number) => ({ left, top, width, height });

describe("the card's place", () => {
  test("covers nothing lit where a corner is free", () => {
    const parts = [box(0, 0, 300, 800), box(800, 500, 300, 300), box(0, 0, 1100, 300), box(700, 0, 400, 800)];
    for (const lit of parts) {
      const corner = bestCorner("bottom-right", FRAME, CARD, [lit]);
      expect(covered(spotOf(corner, FRAME, CARD), CARD, [lit])).toBe(0);
    }
  });

  test("stays as long as it covers nothing, and lies low where all is lit", () => {
    expect(bestCorner("top-left", FRAME, CARD, [box(800, 0, 100, 100)])).toBe("top-left");
    expect(bestCorner("top-left", FRAME, CARD, [box(0, 0, 1100, 800)])).toBe("bottom-right");
  });

  test("is measured by overlap", () => {
    expect(covered({ x: 100, y: 100 }, { width: 50, height: 50 }, [box(140, 90, 100, 20), box(300, 300, 9, 9)])).toBe(
      100,
    );
  });

  test("snaps near a corner, and stays inside", () => {
    const right = spotOf("bottom-right", FRAME, CARD);
    expect(nearCorner({ x: right.x - 80, y: right.y - 10 }, FRAME, CARD)).toBe("bottom-right");
    expect(nearCorner({ x: right.x - 300, y: right.y }, FRAME, CARD)).toBeNull();
    expect(inside({ x: -40, y: 900 }, FRAME, CARD)).toEqual({ x: 0, y: 400 });
  });

  test("moves by arrow keys", () => {
    expect(cornerBy("bottom-right", "ArrowUp")).toBe("top-right");
    expect(cornerBy("top-right", "ArrowLeft")).toBe("top-left");
    expect(cornerBy("top-left", "Home")).toBe("top-left");
  });
});

describe("the veil", () => {
  test("has one hole for what overlaps or nearly touches, or the even-odd rule would darken it", () => {
    expect(merged([box(0, 0, 10, 10), box(100, 0, 10, 10), box(5, 5, 100, 3)])).toEqual([box(0, 0, 110, 10)]);
    expect(merged([box(0, 0, 10, 10), box(60, 60, 10, 10)])).toHaveLength(2);
    expect(dimPath(FRAME, [box(50, 50, 20, 20)]).match(/M/g)).toHaveLength(2);
  });

  test("ends where the view does", () => {
    expect(intersection(box(0, 0, 100, 100), box(50, -20, 100, 60))).toEqual(box(50, 0, 50, 40));
    expect(intersection(box(0, 0, 10, 10), box(50, 50, 10, 10))).toMatchObject({ width: 0, height: 0 });
  });
});

describe("what a step shows in a model", () => {
  const model = { blocks: 2, heads: 4 } as never;

  test("counts from the end, and takes the last for what is not there", () => {
    expect(resolved({ block: -1, head: 9, position: -2, view: "mlp" }, model, 5)).toEqual({
      block: 1,
      head: 3,
      position: 3,
      view: "mlp",
    });
  });

  test("leaves out what has no count yet", () => {
    expect(resolved({ position: -1, block: 1 }, {}, 0)).toEqual({});
  });
});

describe("what a step waits for", () => {
  test("is a value, a change, or a change inside", () => {
    expect(isDone({ view: "mlp" }, { view: "" }, { view: "mlp" })).toBe(true);
    expect(isDone({ head: { changed: true } }, { head: 1 }, { head: 1 })).toBe(false);
    const wanted = { sampler: { temperature: { changed: true } } };
    const opening = { sampler: { temperature: 1, top_k: null } };
    expect(isDone(wanted, opening, { sampler: { temperature: 1, top_k: 5 } })).toBe(false);
    expect(isDone(wanted, opening, { sampler: { temperature: 0.5, top_k: null } })).toBe(true);
  });

  test("is all of it", () => {
    expect(isDone({ view: "mlp", head: 2 }, {}, { view: "mlp", head: 1 })).toBe(false);
    expect(isDone({ ids: { changed: true } }, { ids: [1, 2] }, { ids: [1, 2] })).toBe(false);
    expect(isDone({ ids: { changed: true } }, { ids: [1, 2] }, { ids: [1, 2, 3] })).toBe(true);
  });
});
