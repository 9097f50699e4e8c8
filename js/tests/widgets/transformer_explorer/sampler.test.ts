import { describe, expect, test } from "vitest";
import type { SamplerSettings } from "../../../src/widgets/transformer_explorer/protocol";
import { changesTheModel, draw, rankLogits, rowOf } from "../../../src/widgets/transformer_explorer/sampler";
// Written by the kernel's Sampler: tests/widgets/test_sampler_golden.py makes it and compares it with the kernel.
import golden from "./golden-sampler.json";

interface Case {
  vocabulary: string;
  settings: SamplerSettings;
  ids: number[];
  /** null is minus infinity. */
  scaled: (number | null)[];
  kept: Record<string, boolean[]>;
  counts: Record<string, number>;
  model: number[];
  sampler: number[];
  mass: number;
}

const CASES = (golden as unknown as Case[]).map((one) => ({
  ...one,
  title: `${one.vocabulary}: ${JSON.stringify(one.settings)}`,
}));

const OFF: SamplerSettings = { temperature: 1, top_k: null, top_p: null, min_p: null, greedy: false };

/** The same logits as in Python, to the last bit. */
function vocabulary(name: string): Float32Array {
  const small: Record<string, number[]> = {
    ties: [1.5, 3, -2, 3, 1.5, 0, -0, 1.5, 3, -8, 2, 1.5],
    "ruled out": [0.5, -Infinity, 2.5, -Infinity, 2.5, -1, -Infinity, 1],
    even: Array(16).fill(-3.25),
    "made equal": [...Array.from({ length: 8 }, (_, id) => id * 2 ** -26), 2],
  };
  return Float32Array.from(
    small[name] ?? Array.from({ length: 50257 }, (_, id) => 12 - Math.sqrt((id * 7919) % 50257) / 8),
  );
}

const naive = (logits: Float32Array) => {
  const weights = [...logits].map((logit) => Math.exp(logit - Math.max(...logits)));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
};

describe("the kernel's sampler and the screen's", () => {
  test.each(CASES)(
    "agree on $title",
    ({ vocabulary: name, settings, ids, scaled, kept, counts, model, sampler, mass }) => {
      const ranked = rankLogits(vocabulary(name));
      const drawn = draw(ranked, settings);
      const rows = ids.map((id) => rowOf(ranked, drawn, id));
      expect(drawn.filters.map((filter) => [filter.name, filter.kept])).toEqual(Object.entries(counts));
      Object.values(kept).forEach((column, at) => {
        expect(rows.map((row) => row.kept[at])).toEqual(column);
      });
      rows.forEach((row, at) => {
        const wanted = scaled[at] ?? Number.NEGATIVE_INFINITY;
        expect(row.scaled).toBe(wanted);
        expect(row.model).toBeCloseTo(model[at] ?? Number.NaN, 9);
        expect(Math.abs(row.sampler - (sampler[at] ?? Number.NaN))).toBeLessThan(1e-7 + 2e-6 * row.sampler);
      });
      expect(drawn.mass).toBeCloseTo(mass, 6);
    },
  );
});

describe("rankLogits", () => {
  test("sorts from the largest down, equal ones by id, minus zero as zero", () => {
    const logits = Float32Array.of(0, -1, -0, 5, 0, -Infinity, 5, -0.5);
    expect([...rankLogits(logits).order]).toEqual([3, 6, 0, 2, 4, 7, 1, 5]);
    expect([...rankLogits(logits).ranks]).toEqual([2, 6, 3, 0, 4, 7, 1, 5]);
  });

  test("refuses what the kernel refuses", () => {
    expect(() => rankLogits(Float32Array.of(1, Number.NaN, Infinity))).toThrow("2 of 3 logits are NaN or infinite");
    expect(() => rankLogits(Float32Array.of(-Infinity, -Infinity))).toThrow("no token can be drawn");
  });
});

describe("draw", () => {
  test("says what the model says when nothing is on", () => {
    const logits = Float32Array.of(2, -1, 0.5, 7, 7);
    const ranked = rankLogits(logits);
    const drawn = draw(ranked, OFF);
    const rows = [...logits].map((_, id) => rowOf(ranked, drawn, id));
    const wanted = naive(logits);
    rows.forEach((row, id) => {
      expect(row.model).toBeCloseTo(wanted[id] ?? Number.NaN, 12);
      expect(row.sampler).toBeCloseTo(wanted[id] ?? Number.NaN, 7);
    });
    expect([drawn.kept, drawn.mass, drawn.filters]).toEqual([5, 1, []]);
  });

  test("adds up to one over all that is kept, whatever is set", () => {
    const ranked = rankLogits(vocabulary("large"));
    for (const change of [{ top_p: 0.5 }, { temperature: 4.7, min_p: 0.3 }, { top_k: 777, temperature: 0.2 }]) {
      const drawn = draw(ranked, { ...OFF, ...change });
      let sum = 0;
      for (let id = 0; id < 50257; id++) sum += rowOf(ranked, drawn, id).sampler;
      expect(sum).toBeCloseTo(1, 9);
    }
  });

  test("takes the first of the likeliest at a temperature of 0, and all but that near it", () => {
    const ranked = rankLogits(Float32Array.of(1, 9, 9, 8.999));
    expect([0, 1, 2, 3].map((id) => rowOf(ranked, draw(ranked, { ...OFF, temperature: 0 }), id).sampler)).toEqual([
      0, 1, 0, 0,
    ]);
    const near = draw(ranked, { ...OFF, temperature: 1e-30 });
    expect([0, 1, 2, 3].map((id) => rowOf(ranked, near, id).sampler)).toEqual([0, 0.5, 0.5, 0]);
  });

  test("gives the running sum that top-p compares: of what top-k left", () => {
    const ranked = rankLogits(Float32Array.of(Math.log(4), Math.log(3), Math.log(2), Math.log(1)));
    const drawn = draw(ranked, { ...OFF, top_k: 3, top_p: 0.5 });
    expect([...drawn.running].map((share) => share.toFixed(4))).toEqual(["0.4444", "0.7778", "1.0000"]);
    expect(drawn.filters).toEqual([
      { name: "top_k", kept: 3 },
      { name: "top_p", kept: 2 },
    ]);
    expect(drawn.mass).toBeCloseTo(0.7, 6);
  });

  test("is quick enough to follow a slider over 50 257 tokens", () => {
    const ranked = rankLogits(vocabulary("large"));
    const times = [0.3, 0.7, 1.1, 2.2, 3.3, 4.4, 0.9, 0.8, 0.6].map((temperature) => {
      const start = performance.now();
      draw(ranked, { ...OFF, temperature, top_k: 5000, top_p: 0.95, min_p: 0.001 });
      return performance.now() - start;
    });
    // A frame is 16 ms; a quiet laptop needs 2. The middle one, since this machine is shared.
    expect(times.sort((a, b) => a - b)[4]).toBeLessThan(16);
  });
});

test("changesTheModel is false only where the sampler draws from the model itself", () => {
  expect(changesTheModel(OFF)).toBe(false);
  for (const change of [{ temperature: 0.9 }, { top_k: 5 }, { top_p: 1 }, { min_p: 0 }, { greedy: true }]) {
    expect(changesTheModel({ ...OFF, ...change })).toBe(true);
  }
});
