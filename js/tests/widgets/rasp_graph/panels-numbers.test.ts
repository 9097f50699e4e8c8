import { EditorState } from "@codemirror/state";
import { describe, expect, it } from "vitest";
import { decodeFrame } from "../../../src/lib";
import { foundOf, isTiny } from "../../../src/widgets/rasp_graph/panels/attribution-data";
import { differing, firstWords } from "../../../src/widgets/rasp_graph/panels/check-words";
import { diagnosticsOf, offsetOf } from "../../../src/widgets/rasp_graph/panels/code-editor";
import { cellUnder, columnAt, groupsOf, heatMapLayout } from "../../../src/widgets/rasp_graph/panels/heat-map-layout";
import { shortName } from "../../../src/widgets/rasp_graph/panels/heat-map-paint";
import { cellNumber, shortNumbers } from "../../../src/widgets/rasp_graph/panels/number-text";
import { numberIn } from "../../../src/widgets/rasp_graph/panels/program-view";
import { placeName, streamPicture, writtenAt } from "../../../src/widgets/rasp_graph/panels/stream-data";
import { numberRange, placeOf, valueColor } from "../../../src/widgets/rasp_graph/panels/value-colors";
import { groupNames } from "../../../src/widgets/rasp_graph/panels/weight-groups";
import { weightEnd } from "../../../src/widgets/rasp_graph/panels/weight-end";
import type { StreamFacts } from "../../../src/widgets/rasp_graph/protocol";
import { contrast, inkOn } from "../../../src/lib";
import { frame, STREAM_NUMBERS } from "./panels-data";

describe("attribution against the truth", () => {
  it("counts true positions among the largest scores, whatever their sign", () => {
    expect(foundOf([0.1, -5, 3, 0], [false, true, true, false])).toEqual({ found: 2, of: 2, others: 1 });
    expect(foundOf([9, -5, 3, 0], [false, true, false, true])).toMatchObject({ found: 1, of: 2 });
  });

  it("finds nothing where all scores are zero", () => {
    expect(foundOf([0, 0], [true, true])).toEqual({ found: 0, of: 2, others: 0 });
  });

  it("takes what rounding tells apart as a tie", () => {
    expect(foundOf([20, 0, 20.000001], [true, false, false])).toEqual({ found: 1, of: 1, others: 1 });
    expect(isTiny(1e-24, 20)).toBe(true);
    expect(isTiny(0, 20)).toBe(false);
  });
});

describe("where colours end", () => {
  it("is the largest weight", () => {
    expect(weightEnd(Float32Array.of(0, -3, 2, 1))).toEqual({ end: 3, beyond: 0 });
    expect(weightEnd(new Float32Array(4))).toEqual({ end: 1, beyond: 0 });
  });

  it("leaves out a few that are far larger than the others, and counts them", () => {
    expect(weightEnd(Float32Array.of(64, 64, 64, 64, 64, 64, -64, 768, -9216))).toEqual({ end: 128, beyond: 2 });
  });
});

describe("names of rows and columns", () => {
  it("puts those of one node together, and leaves single ones as they are", () => {
    const { names, groups } = groupNames(["bos", "hist:0", "hist:a:b", "always"]);
    expect(names).toEqual(["bos", "0", "a:b", "always"]);
    expect(groups).toEqual([
      { label: "", start: 0, stop: 1 },
      { label: "hist", start: 1, stop: 3 },
      { label: "", start: 3, stop: 4 },
    ]);
    expect(groupNames(["x = 1", "y = 2"])).toEqual({ names: ["x = 1", "y = 2"], groups: [] });
  });
});

describe("a heat map's layout", () => {
  const columnGroups = [
    { label: "one", start: 0, stop: 2 },
    { label: "two", start: 2, stop: 4 },
  ];
  const size = { rows: 3, columns: 4, columnGroups, width_px: 200, left_px: 50, bracket_px: 20, top_px: 30 };
  const layout = heatMapLayout(size);

  it("fills the room there is, with a gap between groups", () => {
    const { cell_width_px: width } = layout;
    expect([...layout.columnLeft]).toEqual([0, width, 2 * width + 10, 3 * width + 10]);
    expect(layout.plot_width_px).toBeLessThanOrEqual(150);
    expect(layout.plot_width_px).toBeGreaterThan(130);
  });

  it("finds every cell by its middle, and none in the gap or outside", () => {
    for (let row = 0; row < 3; row++) {
      for (let column = 0; column < 4; column++) {
        const x = (layout.columnLeft[column] ?? 0) + layout.cell_width_px / 2;
        expect(cellUnder(layout, x, (row + 0.5) * layout.cell_height_px)).toEqual([row, column]);
      }
    }
    expect(cellUnder(layout, 2 * layout.cell_width_px + 5, 3)).toBeNull();
    expect(cellUnder(layout, -1, 3)).toBeNull();
    expect(cellUnder(layout, 3, 3 * layout.cell_height_px)).toBeNull();
    expect(columnAt(layout, -1)).toBe(-1);
  });

  it("brackets neighbours of the same name", () => {
    expect(groupsOf(["a", "a", "b", "a"])).toEqual([
      { label: "a", start: 0, stop: 2 },
      { label: "b", start: 2, stop: 3 },
      { label: "a", start: 3, stop: 4 },
    ]);
    expect(shortName("hist:3", "hist")).toBe("3");
    expect(shortName("hist", "hist")).toBe("number");
    expect(shortName("history:3", "hist")).toBe("history:3");
  });
});

describe("the residual stream", () => {
  const facts: StreamFacts = {
    places: ["embedding", "0.attention", "0.mlp"],
    positions: ["BOS", "a", "b"],
    dimensions: ["tokens:a", "tokens:b", "length"].map((label) => ({ label, node: label.split(":")[0] ?? "" })),
  };
  const [, header, data] = frame("stream", [3, 3, 3], STREAM_NUMBERS, "float32");
  const stream = decodeFrame({ ...header, data });

  it("is read by half-layer, position and dimension", () => {
    const picture = streamPicture(facts, stream, { shows: "stream", places: [0, 1, 2], nodes: null });
    expect(picture.columns).toHaveLength(9);
    expect(picture.placeOf(4)).toEqual([1, 1]);
    expect(picture.value(2, 4)).toBe(20);
    expect(picture.value(2, 1)).toBe(0);
    expect(picture.value(0, 4)).toBe(1);
  });

  it("shows what each half-layer wrote as the difference to the one before", () => {
    const picture = streamPicture(facts, stream, { shows: "written", places: [0, 1, 2], nodes: null });
    expect(picture.value(0, 1)).toBe(1); // the embedding wrote it
    expect(picture.value(0, 4)).toBe(0);
    expect(picture.value(2, 5)).toBe(20);
    expect(picture.value(2, 8)).toBe(0);
    expect([0, 1, 2].map((place) => writtenAt(facts, stream, place))).toEqual([["tokens"], ["length"], []]);
  });

  it("colours a node's number apart from one-hots, and can show one node alone", () => {
    const picture = streamPicture(facts, stream, { shows: "stream", places: [1], nodes: new Set(["length"]) });
    expect(picture.rows).toEqual(["length"]);
    expect(picture.endOf(0)).toBe(20);
    const all = streamPicture(facts, stream, { shows: "stream", places: [1], nodes: null });
    expect([0, 1, 2].map(all.endOf)).toEqual([1, 1, 20]);
  });

  it("names half-layers in words", () => {
    expect(["embedding", "0.attention", "12.mlp"].map(placeName)).toEqual([
      "embedding",
      "layer 0, attention",
      "layer 12, MLP",
    ]);
  });
});

describe("values", () => {
  it("reads numbers as Python writes them", () => {
    expect(["3", "-0.5", "1/3", "a", "", "True"].map(numberIn)).toEqual([3, -0.5, 1 / 3, null, null, null]);
  });

  it("has a readable ink on every colour, in both themes", () => {
    for (const theme of ["light", "dark"] as const) {
      const colors = [
        ...Array.from({ length: 40 }, (_, at) => valueColor("x", null, [0, 0], at, theme)),
        ...[-4, -1, 0, 1, 3, 7].map((one) => valueColor(String(one), one, [-4, 7], 0, theme)),
        ...["True", "False"].map((one) => valueColor(one, null, [0, 0], 0, theme)),
      ];
      for (const color of colors) {
        expect(color).not.toBeNull();
        if (color) expect(contrast(inkOn(color), color)).toBeGreaterThanOrEqual(4.5);
      }
    }
    expect(valueColor(null, null, [0, 0], 0, "light")).toBeNull();
  });

  it("has a range that holds zero, and a place for each text", () => {
    expect(numberRange([3, null, 5])).toEqual([0, 5]);
    expect(numberRange(undefined)).toEqual([0, 0]);
    expect(["b", "zz"].map((one) => placeOf(one, ["a", "b"], null))).toEqual([1, 2]);
  });

  it("are short in cells", () => {
    expect([1, -20, 0.5, 1 / 3, 100.25, 1e9, 1.4e-7].map(cellNumber)).toEqual([
      "1",
      "\u221220",
      "0.5",
      "0.33",
      "100",
      "1e9",
      "1.4e\u22127",
    ]);
  });

  it("have names with at most six digits of a number", () => {
    expect(shortNumbers("mean:0.14285714285714285")).toBe("mean:0.142857");
    expect(shortNumbers("f>=0.5, top of 1.25")).toBe("f>=0.5, top of 1.25");
  });

  it("differ by position, absent from present", () => {
    expect(differing(["a", null, "c"], ["a", "b", "c"])).toEqual([1]);
    expect(differing(["a"], ["a", "b"])).toEqual([1]);
    expect(firstWords({ label: "hist", position: 2, expected: "3", found: null })).toBe(
      "hist at position 2: expected 3, found absent",
    );
  });
});

describe("a problem in the text", () => {
  const { doc } = EditorState.create({ doc: "one = 1;\n  two = sme + 1;\n" });
  const problem = { message: "not defined", line: 2, column: 9, node: "" };

  it("marks the word at its column", () => {
    const [mark] = diagnosticsOf(doc, problem);
    expect(mark && doc.sliceString(mark.from, mark.to)).toBe("sme");
  });

  it("marks the line without its indent where no column is known", () => {
    const [mark] = diagnosticsOf(doc, { ...problem, column: 0 });
    expect(mark && doc.sliceString(mark.from, mark.to)).toBe("two = sme + 1;");
  });

  it("marks nothing without a line, and stays inside the text", () => {
    expect(diagnosticsOf(doc, { ...problem, line: 0 })).toEqual([]);
    expect(diagnosticsOf(doc, null)).toEqual([]);
    expect(offsetOf(doc, 99, 99)).toBe(doc.length);
    expect(diagnosticsOf(doc, { ...problem, line: 99 })).toHaveLength(1);
  });
});
