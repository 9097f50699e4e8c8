import { describe, expect, test } from "vitest";
import {
  COLORS,
  colorScale,
  contrast,
  type Ground,
  inkOn,
  makeField,
  overlayPixels,
  type Shading,
  type Sign,
  valueToRgb,
} from "../../src/lib";

const GROUNDS: Ground[] = ["picture", "light", "dark"];
const DIVERGING = ["red-blue", "purple-green"] as const;

function shading(change: Partial<Shading> = {}): Shading {
  return { scale: colorScale("red-blue"), end: 2, sign: "all", signed: true, ...change };
}

describe("valueToRgb on red-blue", () => {
  test.each([
    [-2, [33, 102, 172]],
    [-1, [146, 197, 222]],
    [0, [247, 247, 247]],
    [1, [244, 165, 130]],
    [2, [178, 24, 43]],
    [0.25, [250, 233, 223]], // half way from f7f7f7 to fddbc7
  ])("maps %f to the table's colour", (value, rgb) => {
    expect(valueToRgb(value, shading())).toEqual(rgb);
  });

  test("gives values beyond the end, NaN and infinities colours that are not on the scale", () => {
    const colors = [2.001, -2.001, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].map((value) =>
      valueToRgb(value, shading()).join(),
    );
    const scale = Array.from({ length: 2001 }, (_, i) => valueToRgb((i - 1000) / 500, shading()).join());
    expect(new Set(colors).size).toBe(5);
    expect(scale.filter((color) => colors.includes(color))).toEqual([]);
  });
});

describe.each(GROUNDS)("on %s ground", (ground) => {
  test.each(DIVERGING)("%s is exactly neutral at zero", (colors) => {
    const scale = colorScale(colors, ground);
    expect(valueToRgb(0, shading({ scale }))).toEqual(scale.stops[(scale.stops.length - 1) / 2]);
    expect(valueToRgb(-0, shading({ scale }))).toEqual(valueToRgb(0, shading({ scale })));
  });

  test.each(DIVERGING)("%s is equally far from neutral on both sides, to the eye", (colors) => {
    const scale = colorScale(colors, ground);
    const neutral = valueToRgb(0, shading({ scale }));
    for (const value of [0.5, 1, 1.5, 2]) {
      const high = contrast(valueToRgb(value, shading({ scale })), neutral);
      const low = contrast(valueToRgb(-value, shading({ scale })), neutral);
      expect(Math.max(high, low) / Math.min(high, low)).toBeLessThan(1.6);
    }
  });

  test.each(COLORS)("%s always leaves an ink of 4.5:1 contrast", (colors) => {
    const scale = colorScale(colors, ground);
    for (let value = -2.5; value <= 2.5; value += 0.01) {
      const color = valueToRgb(value, shading({ scale }));
      expect(contrast(color, inkOn(color))).toBeGreaterThanOrEqual(4.5);
    }
  });
});

describe("sequential scales", () => {
  const scale = colorScale("viridis");
  const first = [68, 1, 84];
  const last = [253, 231, 37];

  test("run from zero to the end where no value is negative", () => {
    expect(valueToRgb(0, shading({ scale, signed: false }))).toEqual(first);
    expect(valueToRgb(2, shading({ scale, signed: false }))).toEqual(last);
  });

  test("have zero in the middle where negative values are shown", () => {
    expect(valueToRgb(-2, shading({ scale }))).toEqual(first);
    expect(valueToRgb(2, shading({ scale }))).toEqual(last);
  });

  test("grow with magnitude when only negative values are shown", () => {
    expect(valueToRgb(-2, shading({ scale, sign: "negative" }))).toEqual(last);
    expect(valueToRgb(2, shading({ scale, sign: "negative" }))).toEqual(first);
  });
});

describe("the sign filter", () => {
  const at = (value: number, sign: Sign) => valueToRgb(value, shading({ sign }));

  test("positive makes negative values neutral", () => {
    expect(at(-1, "positive")).toEqual(at(0, "all"));
    expect(at(1, "positive")).toEqual(at(1, "all"));
  });

  test("negative makes positive values neutral", () => {
    expect(at(1, "negative")).toEqual(at(0, "all"));
    expect(at(-1, "negative")).toEqual(at(-1, "all"));
  });

  test("absolute gives both signs the colour of the magnitude", () => {
    expect(at(-1, "absolute")).toEqual(at(1, "all"));
  });

  test.each(["all", "positive", "negative", "absolute"] as const)("%s keeps NaN visible", (sign) => {
    expect(at(Number.NaN, sign)).toEqual(colorScale("red-blue").nan);
  });
});

test("the pixels of a heat map are valueToRgb of its values, opaque", () => {
  const values = Float32Array.from([0, 0.3, -0.7, 1.99, -3, Number.NaN, Number.POSITIVE_INFINITY, 2]);
  const style = { mode: "heatmap" as const, opacity: 0.3, paper: [255, 255, 255] as const };
  const pixels = overlayPixels(makeField(values, 2, 4), shading(), style);
  values.forEach((value, i) => {
    expect([...pixels.subarray(4 * i, 4 * i + 4)]).toEqual([...valueToRgb(value, shading()), 255]);
  });
});
