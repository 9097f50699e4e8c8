import { describe, expect, test } from "vitest";
import { turningOf } from "../../../src/widgets/transformer_explorer/details/rotary";
import { evenly, turnWords } from "../../../src/widgets/transformer_explorer/details/rotary-turn";

const ANGLES = [1.2, 0.5, -2.1, 0.01];

function turned(values: number[], pairs: [number, number][]): Float32Array {
  const out = Float32Array.from(values);
  pairs.forEach(([one, other], i) => {
    const angle = ANGLES[i] ?? 0;
    const [x = 0, y = 0] = [values[one], values[other]];
    out[one] = x * Math.cos(angle) - y * Math.sin(angle);
    out[other] = x * Math.sin(angle) + y * Math.cos(angle);
  });
  return out;
}

const VALUES = [0.3, -1.4, 2.2, 0.7, -0.5, 1.1, 0.9, -2.0];
const HALF: [number, number][] = [
  [0, 4],
  [1, 5],
  [2, 6],
  [3, 7],
];
const NEIGHBOURS: [number, number][] = [
  [0, 1],
  [2, 3],
  [4, 5],
  [6, 7],
];

describe("turningOf", () => {
  test.each([
    ["half", HALF],
    ["neighbours", NEIGHBOURS],
  ] as const)("finds pairs of kind %s and the angle of each", (pairing, pairs) => {
    const found = turningOf(
      VALUES,
      turned(
        VALUES,
        pairs.map((pair) => [...pair]),
      ),
    );
    expect(found?.pairing).toBe(pairing);
    expect(found?.pairs.map(({ at }) => [...at])).toEqual(pairs.map((pair) => [...pair]));
    const misses = (found?.pairs ?? []).map(({ angle }, i) => Math.abs(angle - (ANGLES[i] ?? 0)));
    expect(Math.max(...misses)).toBeLessThan(1e-5);
  });

  test("finds that only the first half of the numbers is turned", () => {
    const longer = [...VALUES, 1, 2, 3, 4, 5, 6, 7, 8];
    const found = turningOf(longer, turned(longer, HALF));
    expect(found).toMatchObject({ pairing: "half", still: 8 });
    expect(found && turnWords(found, 9)).toContain("The last 8 numbers are not turned");
  });

  test("does not draw angles where lengths change", () => {
    expect(
      turningOf(
        VALUES,
        VALUES.map((value) => 2 * value),
      ),
    ).toBeNull();
  });

  test("says that nothing is turned at the first position", () => {
    const found = turningOf(VALUES, VALUES);
    expect(found && turnWords(found, 0)).toContain("nothing is turned");
  });
});

test("dials are spread evenly over the pairs", () => {
  expect(evenly([0, 1, 2, 3, 4, 5, 6, 7], 4)).toEqual([0, 2, 4, 6]);
  expect(evenly([1, 2], 4)).toEqual([1, 2]);
});
