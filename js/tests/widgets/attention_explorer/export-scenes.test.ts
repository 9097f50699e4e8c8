import { expect, test } from "vitest";
import { fitPlot, type MatrixScene } from "../../../src/lib";
import type { Mark } from "../../../src/lib/scene";
import { sceneToSvg } from "../../../src/lib/scene-svg";
import { lineEnds } from "../../../src/widgets/attention_explorer/arcs-canvas";
import { arcsExport, type Caption, matrixExport } from "../../../src/widgets/attention_explorer/export-scenes";

const CAPTION: Caption = {
  title: "Layer 1 & head 2",
  ends: ["0", "1.00"],
  colors: "attention",
  theme: "light",
  note: "in steps of 0.004",
};
const INKS = { ink: "", soft: "", line: "", paper: "", accent: "", wash: "", sans: "" };

function scene(): MatrixScene {
  return {
    plot: fitPlot(3, 3, [300, 300]),
    view: { zoom: 1, row: 0, column: 0 },
    gutter: { left: 60, top: 50 },
    inks: INKS,
    layers: [],
    rows: ["<b>", "two", "three"],
    columns: ["<b>", "two", "three"],
    pointed: null,
    pinned: [1, 0],
    selected: [],
  };
}

const texts = (marks: readonly Mark[]) => marks.flatMap((mark) => (mark.kind === "text" ? [mark.text] : []));

test("a matrix is exported with all labels as text, its scale and what was done to the values", () => {
  const { layers, width, height } = matrixExport(scene(), CAPTION);
  const words = layers.flatMap(({ marks }) => texts(marks));
  expect(words).toEqual([
    "<b>",
    "two",
    "three",
    "<b>",
    "two",
    "three",
    "Layer 1 & head 2",
    "0",
    "1.00",
    "in steps of 0.004",
  ]);
  for (const mark of layers.flatMap(({ marks }) => [...marks])) {
    if (mark.kind !== "text") continue;
    expect(mark.x).toBeGreaterThanOrEqual(0);
    expect(mark.x).toBeLessThan(width);
    expect(mark.y).toBeLessThan(height);
  }
});

test("tokens that look like markup stay text", () => {
  const svg = sceneToSvg(matrixExport(scene(), CAPTION));
  expect(svg).toContain("&lt;b&gt;");
  expect(svg).not.toContain("<b>");
});

test("lines are exported from their query to their key", () => {
  const line = { query: 1, key: 0, value: 0.5, share: 1, color: [98, 54, 208] as const };
  const picture = {
    lines: [line],
    queries: [0, 2] as [number, number],
    keys: [0, 2] as [number, number],
    top_px: 0,
    window_px: 48,
    width_px: 400,
    label_px: 100,
  };
  expect(lineEnds(line, picture)).toEqual({ x0: 100, y0: 36, x1: 300, y1: 12 });
  const marks = arcsExport(picture, ["a", "b"], ["c", "d"], CAPTION).layers.flatMap((layer) => [...layer.marks]);
  const ribbon = marks.find((mark) => mark.kind === "ribbon");
  expect(ribbon).toMatchObject({ from: { x: 116, y: 66 }, to: { x: 316, y: 42 } });
  expect(texts(marks).slice(0, 4)).toEqual(["a", "b", "c", "d"]);
});
