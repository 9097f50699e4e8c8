import { describe, expect, it, vi } from "vitest";
import type { Channel, Frame } from "../../../src/lib";
import type { About } from "../../../src/widgets/transformer_explorer/flow/about";
import { readFlow } from "../../../src/widgets/transformer_explorer/flow/data";
import { strongest } from "../../../src/widgets/transformer_explorer/flow/focus";
import { hintOf } from "../../../src/widgets/transformer_explorer/flow/hints";
import { finest, type Pattern, patternOf, rowsOf } from "../../../src/widgets/transformer_explorer/flow/pattern";
import { exactWeight, isExact, weightText } from "../../../src/widgets/transformer_explorer/flow/weight-text";
import { frame, makeFacts, makeFrames, makeModel, makeTokens, SEQUENTIAL } from "./flow-data";

/** One head of two tokens: the second gives 0.0004 to the first. */
const WEIGHTS = [1, 0, 0.0004, 0.9996];

function rounded(): Frame {
  const stored = Uint8Array.from(WEIGHTS.map((weight) => Math.round(weight * 255)));
  return { ...frame("patterns", [1, 2, 2], []), dtype: "uint8", stored, quantised: { scale: 1 / 255, offset: 0 } };
}

const exact = () => frame("patterns", [1, 2, 2], WEIGHTS);
const pooled = () => ({ ...frame("patterns", [1, 1, 1], [0.75], [1, 2, 2]) });

describe("a weight in words", () => {
  it("is the number where it is exact, a zero too", () => {
    const pattern = patternOf(exact(), 0);
    expect(weightText(pattern, 1, [0, 1])).toBe("0.04%");
    expect(weightText(pattern, 0, [1, 2])).toBe("0%");
    expect(isExact(pattern.grain(1))).toBe(true);
  });

  it("never is a plain number, and no zero, where it was rounded", () => {
    const pattern = patternOf(rounded(), 0);
    expect(isExact(pattern.grain(1))).toBe(false);
    expect(weightText(pattern, 1, [0, 1])).toBe("less than 0.39%");
    expect(weightText(pattern, 1, [1, 2])).toMatch(/^about 99\.99%$/);
  });

  it("is the most it can be where several share it", () => {
    expect(weightText(patternOf(pooled(), 0), 1, [0, 1])).toBe("at most 75.0%");
  });

  it("says so where it is not known", () => {
    expect(weightText(null, 0, [0, 1])).toBe("not known yet");
    expect(weightText(rowsOf(exact(), 5), 0, [0, 1])).toBe("not known yet");
  });

  it("is as exact as the rows that are there", () => {
    const rows = rowsOf(frame("rows", [1, 1, 2], [0.0004, 0.9996]), 1);
    const pattern = finest(rows, patternOf(rounded(), 0)) as Pattern;
    expect(weightText(pattern, 1, [0, 1])).toBe("0.04%");
    expect(weightText(pattern, 0, [0, 1])).toMatch(/^about /);
  });

  it("is the same in the list of the strongest", () => {
    expect(strongest(patternOf(rounded(), 0), 1, ["a", "b"], 1)).toEqual(["about 99.99% on \u201cb\u201d"]);
  });
});

describe("the exact weight", () => {
  const place = { name: "blocks.1.attn.pattern", which: "run", head: 2, query: 7, keys: [3, 5] } as const;

  it("is one small region of the pattern, and says which key it is", async () => {
    const view = vi.fn().mockResolvedValue(frame("view", [1, 1, 2], [0.1, 0.3]));
    const found = await exactWeight({ view } as unknown as Channel, place);
    expect(found?.key).toBe(4);
    expect(found?.weight).toBeCloseTo(0.3);
    expect(view.mock.calls[0]?.[0]).toEqual({
      tensor: "run/blocks.1.attn.pattern",
      index: [
        [2, 3],
        [7, 8],
        [3, 5],
      ],
      pixels: [1, 2],
    });
  });

  it("is none where even that comes rounded or pooled", async () => {
    const of = (answer: Frame) => exactWeight({ view: async () => answer } as unknown as Channel, place);
    expect(await of({ ...frame("v", [1, 1, 2], [1, 2]), quantised: { scale: 0.1, offset: 0 } })).toBeNull();
    expect(await of(frame("v", [1, 1, 1], [1], [1, 1, 2]))).toBeNull();
  });
});

describe("what is said of a weight", () => {
  const model = makeModel({ heads: 1, kv_heads: 1 });
  const facts = makeFacts(SEQUENTIAL, model);
  const data = readFlow(facts, makeFrames(facts, 2, 1));
  const told = { data, model, tokens: makeTokens(2), cross: null, encoder: null, head: 0, which: "run" } as const;
  const say = (about: About, pattern: Pattern) => {
    const mark = { kind: "cells", x: 0, y: 0, width: 2, height: 2, rows: 2, columns: 2 } as const;
    const hit = { about, mark: { ...mark, pixels: new Uint8ClampedArray(16) }, row: 1, column: 0 };
    return hintOf(hit, { ...told, pattern });
  };
  const cell: About = { kind: "pattern", first: 0, keys: 2, cells: 2 };
  const strand: About = { kind: "strand", query: 1, key: 0 };

  it("asks for nothing more where the weight is exact", () => {
    for (const about of [cell, strand]) {
      const hint = say(about, patternOf(exact(), 0));
      expect(hint.title).toContain("0.04%");
      expect(hint.nearly).toBeNull();
    }
  });

  it("tells where the exact one stands, and says it once it is there", () => {
    for (const about of [cell, strand]) {
      const { title, nearly } = say(about, patternOf(rounded(), 0));
      expect(title).toContain("less than 0.39%");
      expect(nearly).toMatchObject({ name: "blocks.1.attn.pattern", head: 0, query: 1, keys: [0, 1] });
      expect(nearly?.told({ key: 0, weight: 0.00004 }).title).toContain("<0.01%");
    }
  });
});
