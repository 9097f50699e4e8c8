import { describe, expect, test } from "vitest";
import { formatCount, formatNumber, formatPercent, formatSigned } from "../../src/lib";

test.each([
  [0, "0"],
  [-0, "0"],
  [0.02134567, "0.02135"],
  [-1.5, "\u22121.500"],
  [12345.678, "12346"],
  [0.00004321, "4.321e\u22125"],
  [-1.2e9, "\u22121.200e9"],
  [Number.NaN, "NaN"],
  [Number.NEGATIVE_INFINITY, "\u2212\u221e"],
])("formatNumber(%f) is %s", (value, text) => {
  expect(formatNumber(value)).toBe(text);
});

test("formatNumber keeps as many digits as asked for", () => {
  expect(formatNumber(0.0815, 2)).toBe("0.082");
  expect(formatNumber(3.2159, 1)).toBe("3");
});

test("formatSigned puts a plus before positive numbers only", () => {
  expect([1.5, -1.5, 0, Number.NaN].map((value) => formatSigned(value, 2))).toEqual(["+1.5", "\u22121.5", "0", "NaN"]);
});

test("formatCount sets thousands apart with a narrow space", () => {
  expect([7, 1024, 50176, 1234567].map(formatCount)).toEqual(["7", "1\u202f024", "50\u202f176", "1\u202f234\u202f567"]);
});

describe("formatPercent", () => {
  test.each([
    [0, "0%"],
    [1, "100%"],
    [1e-9, "<0.01%"],
    [0.0001, "0.01%"],
    [0.0427, "4.27%"],
    [0.934, "93.4%"],
    [0.9996, "99.96%"],
    [0.99995, ">99.99%"],
    [0.09996, "10.0%"],
  ])("of %f is %s", (probability, text) => {
    expect(formatPercent(probability)).toBe(text);
  });

  test("never rounds to 0% or 100% what is neither, nor calls small what is not", () => {
    for (let i = 1; i < 20000; i++) {
      const text = formatPercent(i / 20000);
      expect(text === "0%" || text === "100%" || text.startsWith("100.") || text.startsWith("0.00")).toBe(false);
      if (text === "<0.01%") expect(i / 20000).toBeLessThan(0.0001);
    }
  });
});
