import { describe, expect, test } from "vitest";
import { type Channel, type Frame, valuesOf } from "../../../src/lib";
import { matrixSteps } from "../../../src/widgets/transformer_explorer/details/attention";
import { multiplied, ScaledChannel } from "../../../src/widgets/transformer_explorer/details/scaled-channel";
import { scaleOf } from "../../../src/widgets/transformer_explorer/details/score-scale";

const QUERY = [0.5, -1, 2];
const KEYS = [
  [1, 2, 3],
  [-1, 0.5, 0.25],
  [4, -2, 1],
];
const DOTS = KEYS.map((key) => key.reduce((sum, value, i) => sum + value * (QUERY[i] ?? 0), 0));

describe("the factor of the scores", () => {
  test("is found from the dot products", () => {
    const scores = DOTS.map((dot) => dot / Math.sqrt(3));
    expect(scaleOf(QUERY, KEYS.flat(), scores)).toBeCloseTo(1 / Math.sqrt(3), 12);
  });

  test("is not made up where scores are capped, or biased by distance", () => {
    const capped = DOTS.map((dot) => 2 * Math.tanh(dot / 2));
    expect(scaleOf(QUERY, KEYS.flat(), capped)).toBeNull();
    expect(
      scaleOf(
        QUERY,
        KEYS.flat(),
        DOTS.map((dot, key) => 0.5 * dot - 0.3 * key),
      ),
    ).toBeNull();
  });
});

test("with the factor the first matrix is the dot product itself, without it the scores as they are", () => {
  const [dot, masked] = matrixSteps(0.125);
  expect(dot).toMatchObject({ title: "Dot product", quantity: "attn.scores", factor: 8 });
  expect(masked?.sign).toContain("0.125");
  expect(matrixSteps(null)[0]).toMatchObject({ title: "Scores" });
  expect(matrixSteps(null)[0]?.factor).toBeUndefined();
});

const FRAME: Frame = {
  name: "run/blocks.0.attn.scores",
  shape: [1, 3],
  dtype: "uint8",
  range: [-2, 1],
  pooled: { kind: "absmax", factor: [1, 4] },
  quantised: { scale: 0.5, offset: -2 },
  stored: Uint8Array.from([0, 2, 6]),
};

describe("a scaled channel", () => {
  test("multiplies what is meant, not what is stored, and keeps saying that it is pooled", () => {
    const eight = multiplied(FRAME, 8);
    expect([...valuesOf(eight)]).toEqual([-16, -8, 8]);
    expect(eight.range).toEqual([-16, 8]);
    expect(eight.pooled).toEqual(FRAME.pooled);
    expect(multiplied(FRAME, -1).range).toEqual([-1, 2]);
  });

  test("asks the channel behind it", async () => {
    const asked: unknown[] = [];
    const inner = { view: (view: unknown) => Promise.resolve(asked.push(view) && FRAME) } as unknown as Channel;
    const abort = new AbortController();
    const view = { tensor: FRAME.name, index: [], pixels: [1, 3] as [number, number] };
    const frame = await new ScaledChannel(inner, 2, abort.signal).view(view);
    expect(asked).toEqual([view]);
    expect([...valuesOf(frame)]).toEqual([-4, -2, 2]);
  });
});
