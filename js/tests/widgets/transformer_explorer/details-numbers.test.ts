import { describe, expect, test } from "vitest";
import { valueToRgb } from "../../../src/lib";
import { roleShading } from "../../../src/lib/roles";
import {
  binOf,
  binSpan,
  foldedWords,
  foldRows,
  largestAt,
  normOf,
  stripePixels,
} from "../../../src/widgets/transformer_explorer/details/bins";
import { strongestAt } from "../../../src/widgets/transformer_explorer/details/neurons";
import {
  attentionInput,
  beforeMlp,
  inBlock,
  inStack,
  keyHeadOf,
  mlpInput,
  numberOf,
  regionOf,
  sharingHeads,
  type Vectors,
  windowAround,
} from "../../../src/widgets/transformer_explorer/details/places";
import { sumMiss } from "../../../src/widgets/transformer_explorer/details/sum-table";
import { strongest } from "../../../src/widgets/transformer_explorer/details/weighted-rows";
import type { FlowFacts, ModelFacts } from "../../../src/widgets/transformer_explorer/protocol";

const noise = (count: number) => Float32Array.from({ length: count }, (_, i) => Math.sin(i * 12.9898) * ((i % 7) - 3));

describe("stripes", () => {
  test("each shows the number of largest magnitude of its window, and knows where that stands", () => {
    const values = noise(2 * 100);
    const folded = foldRows(values, 2, 100, 7);
    for (let row = 0; row < 2; row++) {
      for (let bin = 0; bin < 7; bin++) {
        const [start, stop] = binSpan(folded, bin);
        const inside = [...values.slice(row * 100 + start, row * 100 + stop)];
        const largest = inside.reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best), 0);
        expect(folded.values[row * 7 + bin]).toBe(largest);
        expect(values[row * 100 + (folded.at[row * 7 + bin] ?? -1)]).toBe(largest);
      }
    }
  });

  test("windows cover every number once, and binOf finds the window of each", () => {
    for (const [length, bins] of [
      [768, 190],
      [100, 7],
      [64, 64],
      [5, 3],
    ] as const) {
      const spans = Array.from({ length: bins }, (_, bin) => binSpan({ bins, length }, bin));
      expect(spans[0]?.[0]).toBe(0);
      expect(spans.at(-1)?.[1]).toBe(length);
      expect(spans.slice(1).map(([start]) => start)).toEqual(spans.slice(0, -1).map(([, stop]) => stop));
      for (let index = 0; index < length; index++) {
        const [start, stop] = spans[binOf({ bins, length }, index)] ?? [-1, -1];
        expect(index >= start && index < stop).toBe(true);
      }
    }
  });

  test("are not folded where there is room, and say so where there is none", () => {
    const values = noise(6);
    expect([...foldRows(values, 1, 6, 50).values]).toEqual([...values]);
    expect(foldedWords({ bins: 6, length: 6 })).toBeNull();
    expect(foldedWords({ bins: 6, length: 24 })).toContain("largest of 4");
    expect(foldedWords({ bins: 10, length: 24 })).toContain("about 2.4");
  });

  test("a NaN in a window is not hidden by a larger number", () => {
    expect(foldRows([1, Number.NaN, 9, 2], 1, 4, 2).values[0]).toBeNaN();
  });

  test("are drawn in exactly the colours of the scale, with clear rows between", () => {
    const shading = roleShading("query", "light", 2);
    const folded = foldRows([-2, 0, 1, 2], 2, 2, 2);
    const pixels = stripePixels(folded, shading, 3, 1);
    expect(pixels).toHaveLength(2 * 7 * 4);
    const at = (x: number, y: number) => [...pixels.slice(4 * (y * 2 + x), 4 * (y * 2 + x) + 4)];
    expect(at(0, 0)).toEqual([...valueToRgb(-2, shading), 255]);
    expect(at(1, 2)).toEqual([...valueToRgb(0, shading), 255]);
    expect(at(0, 3)[3]).toBe(0);
    expect(at(1, 6)).toEqual([...valueToRgb(2, shading), 255]);
  });
});

describe("readings of vectors", () => {
  test("the largest, the strongest and the norm", () => {
    expect(largestAt([1, -3, 2])).toBe(1);
    expect(largestAt([])).toBe(-1);
    expect(strongestAt([0.1, -3, 2, 0], 2)).toEqual([1, 2]);
    expect(normOf([3, 4])).toBe(5);
  });

  test("the keys of largest weight stand in the order of the tokens, and those without weight are left out", () => {
    expect(strongest([0.1, 0, 0.5, 0.3, 0.1], 3)).toEqual([0, 2, 3]);
  });

  test("a sum that does not add up is found out", () => {
    expect(
      sumMiss([
        [1, 2],
        [3, 4],
        [4, 6],
      ]),
    ).toBe(0);
    expect(
      sumMiss([
        [1, 2],
        [3, 4],
        [4, 6.5],
      ]),
    ).toBe(0.5);
    expect(
      sumMiss([
        [1, Number.NaN],
        [3, 4],
        [4, 6],
      ]),
    ).toBeNaN();
  });
});

const MODEL = { heads: 8, kv_heads: 2, form: "sequential" } as ModelFacts;
const facts = (stages: string[]): FlowFacts => ({
  block: 3,
  which: "run",
  stages,
  names: { resid_pre: "decoder.blocks.3.resid_pre" },
  sizes: {},
  head_norms: [],
});

describe("places", () => {
  test("a window keeps its size at both ends and has the position in the middle between them", () => {
    expect(windowAround(0, 20, 7)).toEqual([0, 7]);
    expect(windowAround(10, 20, 7)).toEqual([7, 14]);
    expect(windowAround(19, 20, 7)).toEqual([13, 20]);
    expect(windowAround(2, 4, 7)).toEqual([0, 4]);
  });

  test("four query heads each share a key head of two", () => {
    expect([0, 3, 4, 7].map((head) => keyHeadOf(head, MODEL))).toEqual([0, 0, 1, 1]);
    expect(sharingHeads(5, MODEL)).toEqual([4, 5, 6, 7]);
    expect(sharingHeads(5, { heads: 8, kv_heads: 8 })).toEqual([5]);
  });

  test("names carry the prefix of the stack", () => {
    expect(inBlock(facts([]), 3, "attn.q")).toBe("decoder.blocks.3.attn.q");
    expect(inBlock(null, 2, "attn.q")).toBe("blocks.2.attn.q");
    expect(inStack(facts([]), "embed")).toBe("decoder.embed");
  });

  test("what is read depends on the form of the block", () => {
    expect(attentionInput(facts(["ln1.out"]), MODEL)).toBe("ln1.out");
    expect(attentionInput(facts(["resid_pre"]), MODEL)).toBe("resid_pre");
    expect(attentionInput(facts(["ln1.out"]), { ...MODEL, form: "post-norm" })).toBe("resid_pre");
    expect(mlpInput(facts(["ln1.out", "ln2.out"]), MODEL)).toBe("ln2.out");
    expect(mlpInput(facts(["ln1.out"]), { ...MODEL, form: "parallel" })).toBe("ln1.out");
    expect(mlpInput(facts(["ln1.out", "ln2.out"]), { ...MODEL, form: "post-norm" })).toBe("ln1.out");
  });

  test("with cross-attention the MLP reads and adds to the stream after it", () => {
    const crossing = facts(["resid_mid", "resid_cross", "ln_cross.out"]);
    expect(beforeMlp(crossing, MODEL)).toBe("resid_cross");
    expect(beforeMlp(crossing, { form: "post-norm" })).toBe("ln_cross.out");
    expect(mlpInput(crossing, { ...MODEL, form: "post-norm" })).toBe("ln_cross.out");
    expect(beforeMlp(facts(["resid_mid"]), MODEL)).toBe("resid_mid");
  });

  test("a vector's region and its numbers name the same cells", () => {
    const q: Vectors = { name: "blocks.3.attn.q", symbol: "q", role: "query", fixed: [5], length: 64 };
    expect(regionOf(q, [2, 4])).toEqual([
      [2, 4],
      [5, 6],
      [0, 64],
    ]);
    expect(numberOf(q, 3, 17, "base")).toEqual({ name: "blocks.3.attn.q", index: [3, 5, 17], which: "base" });
  });
});
