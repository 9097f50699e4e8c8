import { describe, expect, test } from "vitest";
import {
  clippedDomain,
  colorTable,
  domainOf,
  entryOf,
  type Frame,
  isHidden,
  type MatrixColors,
  matrixScale,
  paintCells,
} from "../../src/lib";
import { luminance } from "../../src/lib/color-scales";

function frame(values: number[], change: Partial<Frame> = {}): Frame {
  const finite = values.filter((value) => Number.isFinite(value));
  return {
    name: "t",
    shape: [1, values.length],
    dtype: "float32",
    range: finite.length > 0 ? [Math.min(...finite), Math.max(...finite)] : null,
    pooled: { kind: "none", factor: [1, 1] },
    quantised: null,
    stored: Float32Array.from(values),
    ...change,
  };
}

const rgba = (entry: number) => [...new Uint8Array(Uint32Array.of(entry).buffer)];

function painted(given: Frame, colors: MatrixColors): number[][] {
  const domain = domainOf(given, colors);
  const pixels = new Uint32Array(given.stored.length);
  if (domain) paintCells(given, domain, colorTable(colors, "light"), pixels);
  return [...pixels].map(rgba);
}

describe("colour tables", () => {
  test("begin at the paper, and zero of signed values is the paper", () => {
    for (const [theme, paper] of [
      ["light", [255, 255, 255, 255]],
      ["dark", [22, 24, 29, 255]],
    ] as const) {
      expect(rgba(colorTable("attention", theme)[0] ?? 0)).toEqual(paper);
      const signed = colorTable("signed", theme);
      expect(rgba(signed[entryOf(0, { low: -3, high: 3 })] ?? 0)).toEqual(paper);
    }
  });

  test("grow away from the paper in lightness without turning back", () => {
    for (const theme of ["light", "dark"] as const) {
      const steps = matrixScale("attention", theme).stops.map(luminance);
      const ordered = [...steps].sort((a, b) => (theme === "light" ? b - a : a - b));
      expect(steps).toEqual(ordered);
    }
  });

  test("rank 1 is the strongest colour", () => {
    const [strongest] = matrixScale("rank", "light").stops;
    expect(strongest).toEqual(matrixScale("attention", "light").stops.at(-1));
  });
});

describe("domainOf", () => {
  test("starts attention at zero, and logarithms at the smallest", () => {
    expect(domainOf(frame([0.2, 0.7]), "attention")).toEqual({ low: 0, high: expect.closeTo(0.7) });
    expect(domainOf(frame([-6, -1]), "attention")).toEqual({ low: -6, high: -1 });
  });

  test("reaches as far down as up for signed values", () => {
    expect(domainOf(frame([-1, 4]), "signed")).toEqual({ low: -4, high: 4 });
  });

  test("leaves hidden cells out, however the mask was written", () => {
    expect(domainOf(frame([-3.4028235e38, -2, 1]), "signed")).toEqual({ low: -2, high: 2 });
    expect(domainOf(frame([-65504, -2, 1]), "signed")).toEqual({ low: -2, high: 2 });
    expect(domainOf(frame([Number.NaN, Number.NEGATIVE_INFINITY]), "signed")).toBeNull();
  });
});

describe("clippedDomain", () => {
  test("ends where one cell in 500 lies beyond, and says how many do", () => {
    const values = Array.from({ length: 20_000 }, (_, at) => (at < 20 ? 1 : 0.05));
    const domain = clippedDomain(frame(values), "attention");
    expect(domain?.high).toBeGreaterThanOrEqual(0.05);
    expect(domain?.high).toBeLessThan(0.051);
    expect(domain?.beyond).toBeCloseTo(0.001, 6);
  });

  test("leaves small matrices, full ranges and logarithms alone", () => {
    const spread = Array.from({ length: 20_000 }, (_, at) => at / 20_000);
    expect(clippedDomain(frame(spread), "attention")?.beyond).toBeUndefined();
    expect(clippedDomain(frame([1, 0.01, 0.01]), "attention")).toEqual({ low: 0, high: 1 });
    const logs = Array.from({ length: 20_000 }, (_, at) => (at < 5 ? 0 : -5));
    expect(clippedDomain(frame(logs), "attention")).toEqual({ low: -5, high: 0 });
  });
});

describe("paintCells", () => {
  test("paints each value by its entry, the ends included", () => {
    const values = [0, 0.1, 0.5, 0.9, 1];
    const table = colorTable("attention", "light");
    expect(painted(frame(values), "attention")).toEqual(
      values.map((value) => rgba(table[entryOf(Math.fround(value), { low: 0, high: 1 })] ?? 0)),
    );
  });

  test("leaves hidden cells clear, unlike zeros", () => {
    const [hidden, masked, zero] = painted(frame([Number.NaN, -3.4e38, 0, 1]), "signed");
    expect(hidden?.[3]).toBe(0);
    expect(masked?.[3]).toBe(0);
    expect(zero).toEqual([255, 255, 255, 255]);
    expect([Number.NaN, Number.NEGATIVE_INFINITY, -65504, 0, -5].map(isHidden)).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
  });

  test("paints bytes as the values they stand for", () => {
    const bytes = frame([], {
      shape: [1, 3],
      stored: Uint8Array.of(0, 128, 255),
      quantised: { scale: 2 / 255, offset: -1 },
      range: [-1, 1],
    });
    const floats = frame([-1, -1 + (2 / 255) * 128, 1]);
    expect(painted(bytes, "signed")).toEqual(painted(floats, "signed"));
  });

  test("tells ranks apart by ratios", () => {
    const domain = { low: 1, high: 100, ratios: true };
    expect(entryOf(10, domain)).toBe(128);
    expect(entryOf(1, domain)).toBe(0);
    expect(entryOf(1000, domain)).toBe(255);
  });
});
