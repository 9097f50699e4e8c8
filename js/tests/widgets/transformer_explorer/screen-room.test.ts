import { describe, expect, it } from "vitest";
import { layOut } from "../../../src/widgets/transformer_explorer/flow/layout";
import { litSpan, PARTS, spanOf, titlesOf } from "../../../src/widgets/transformer_explorer/flow/titles";
import { largestFor } from "../../../src/widgets/transformer_explorer/shell/heads-panel";
import { roomFor } from "../../../src/widgets/transformer_explorer/shell/screen-room";
import { makeFacts, makeModel, SEQUENTIAL } from "./flow-data";

function laid(within: number | null, tokens = 14, width = 1200) {
  const model = makeModel();
  const { sizes } = makeFacts(SEQUENTIAL, model);
  return layOut({ width, height: 500, within, tokens, scroll: 0 }, { model, stages: SEQUENTIAL, sizes, block: 1 });
}

describe("the room on a full screen", () => {
  it("is what the parts above and below leave", () => {
    expect(roomFor({ screen: 950, top: 200, bottom: 600, end: 680, below: 10 })).toBe(950 - 200 - 80 - 10);
    expect(roomFor({ screen: 100, top: 200, bottom: 600, end: 680, below: 10 })).toBe(0);
  });

  it.each([800, 560, 400, 345])("holds all lanes in a picture of %i pixels, and all of the picture", (within) => {
    const layout = laid(within);
    expect(layout.height).toBeLessThanOrEqual(within + 1e-9);
    expect(layout.total).toBeLessThanOrEqual(layout.lanes.height + 1e-9);
    expect(layout.visible).toEqual([0, 14]);
  });

  it("scrolls lanes that would be too low to be told apart", () => {
    const layout = laid(400, 100);
    expect(layout.height).toBeLessThanOrEqual(400 + 1e-9);
    expect(layout.pitch).toBe(24);
    expect(layout.total).toBeGreaterThan(layout.lanes.height);
  });
});

describe("what a tour lights", () => {
  it.each([700, 900, 1200])("holds the column and its title, at %i pixels", (width) => {
    const layout = laid(null, 6, width);
    for (const title of titlesOf(layout)) {
      const columns = PARTS[title.part] ?? [];
      const [left, right] = litSpan(layout, columns, title) as [number, number];
      const [from, to] = spanOf(layout, columns) as [number, number];
      expect(left).toBeLessThanOrEqual(Math.min(from, title.x));
      expect(right).toBeGreaterThanOrEqual(Math.max(to, title.x + title.width));
    }
  });
});

describe("thumbnails of all heads", () => {
  it("are larger where there are few blocks, and never smaller than usual", () => {
    expect(largestFor(4)).toBeGreaterThan(80);
    expect(4 * largestFor(4)).toBeLessThan(420);
    expect(largestFor(12)).toBe(56);
    expect(largestFor(48)).toBe(56);
  });
});
