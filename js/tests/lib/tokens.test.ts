import { describe, expect, test } from "vitest";
import { makeField, scoresPerUnit, selectUnit, spokenText, unitsOf, visibleText } from "../../src/lib";

const PIECES = {
  texts: ["[CLS]", "un", "##believ", "##able", "film", "[SEP]", "[SEP]"],
  words: [-1, 0, 0, 0, 1, -1, -1],
  special: [true, false, false, false, false, true, true],
};

describe("unitsOf", () => {
  test("joins the pieces of a word and leaves special tokens alone", () => {
    const units = unitsOf(PIECES, true);
    expect(units.map((unit) => unit.text)).toEqual(["[CLS]", "unbelievable", "film", "[SEP]", "[SEP]"]);
    expect(units.map((unit) => unit.tokens)).toEqual([[0], [1, 2, 3], [4], [5], [6]]);
  });

  test("keeps pieces apart without merging, marks and all", () => {
    expect(unitsOf(PIECES, false)[2]).toEqual({ text: "##believ", tokens: [2], special: false, continues: true });
  });

  test("tells which units go on with a word", () => {
    expect(unitsOf(PIECES, false).map((unit) => unit.continues ?? false)).toEqual([
      false,
      false,
      true,
      true,
      false,
      false,
      false,
    ]);
    expect(unitsOf(PIECES, true).some((unit) => unit.continues)).toBe(false);
  });

  test("turns byte-level and sentence-piece markers into white space", () => {
    const texts = ["\u0120the", "\u2581end", "\u010a"];
    expect(unitsOf({ texts, words: [0, 1, 2], special: [] }, true).map((unit) => unit.text)).toEqual([
      " the",
      " end",
      "\n",
    ]);
  });

  test("does not join a word with one of the same number further on", () => {
    expect(unitsOf({ texts: ["a", "b", "c"], words: [0, 1, 0], special: [] }, true)).toHaveLength(3);
  });
});

describe("scoresPerUnit", () => {
  test("sums over pieces, row by row", () => {
    const scores = makeField(Float32Array.from([1, 2, 3, 4, 5, 6, 7, -1, -2, -3, -4, -5, -6, -7]), 2, 7);
    expect([...scoresPerUnit(scores, unitsOf(PIECES, true)).values]).toEqual([1, 9, 5, 6, 7, -1, -9, -5, -6, -7]);
  });

  test("is not a number where any piece is not", () => {
    const scores = makeField(Float32Array.from([1, 2, Number.NaN, 4, 5, 6, 7]), 1, 7);
    expect(scoresPerUnit(scores, unitsOf(PIECES, true)).values[1]).toBeNaN();
  });
});

describe("visibleText", () => {
  const marks = (text: string, outer = true) => visibleText(text, outer).map((part) => [part.text, part.mark]);

  test("shows the space before a word", () => {
    expect(marks(" the")).toEqual([
      ["\u00b7", true],
      ["the", false],
    ]);
  });

  test("shows line ends and tabs inside a token", () => {
    expect(marks("a\n\tb")).toEqual([
      ["a", false],
      ["\u21b5\u21e5", true],
      ["b", false],
    ]);
  });

  test("shows the empty token and the token that is one space", () => {
    expect(marks("")).toEqual([["\u2205", true]]);
    expect(marks(" ", false)).toEqual([["\u00b7", true]]);
  });

  test("keeps a space between words as it is", () => {
    expect(marks("New York")).toEqual([["New York", false]]);
  });

  test("loses no character of markup", () => {
    expect(spokenText(" <script>alert(1)</script>")).toBe("<script>alert(1)</script>");
  });
});

describe("selectUnit", () => {
  const units = unitsOf(PIECES, true);

  test("only takes all tokens of the unit, and drops them when it was alone", () => {
    expect(selectUnit(units, [0], 1, "only", 0)).toEqual([1, 2, 3]);
    expect(selectUnit(units, [1, 2, 3], 1, "only", 0)).toEqual([]);
  });

  test("toggle adds and takes away", () => {
    expect(selectUnit(units, [4], 1, "toggle", 0)).toEqual([1, 2, 3, 4]);
    expect(selectUnit(units, [1, 2, 3, 4], 1, "toggle", 0)).toEqual([4]);
  });

  test("extend takes all between, either way round", () => {
    expect(selectUnit(units, [], 1, "extend", 2)).toEqual([1, 2, 3, 4]);
    expect(selectUnit(units, [], 2, "extend", 1)).toEqual([1, 2, 3, 4]);
  });
});
