import { describe, expect, it } from "vitest";
import type { Mark, Scene, Text } from "../../../src/lib/scene";
import { sceneToSvg } from "../../../src/lib/scene-svg";
import { layOut } from "../../../src/widgets/transformer_explorer/flow/layout";
import { titlesOf } from "../../../src/widgets/transformer_explorer/flow/titles";
import { type ExportList, exportScene } from "../../../src/widgets/transformer_explorer/shell/export-scene";
import { moved } from "../../../src/lib/scene";
import { makeFacts, makeModel, SEQUENTIAL } from "./flow-data";

const LIST: ExportList = {
  heading: ["after \u201cto\u201d (13)", "model, T 2"],
  rows: [
    { text: "Mary", model: 0.75, sampler: null, words: ["75.0%"] },
    { text: "<b>", model: 0.25, sampler: null, words: ["25.0%"] },
  ],
};

const NOTES = ["stripes: each the largest of its bin", "discs: area is the weight"];

function made(width: number, list: ExportList | null = LIST) {
  const model = makeModel();
  const facts = makeFacts(SEQUENTIAL, model);
  const layout = layOut(
    { width, height: 300, tokens: 6, scroll: 0 },
    { model, stages: SEQUENTIAL, sizes: facts.sizes, block: 1 },
  );
  const dot: Mark = { kind: "dot", x: 10, y: 20, radius: 2, fill: [1, 2, 3] };
  const scene: Scene = {
    width: layout.width,
    height: layout.height,
    paper: [255, 255, 255],
    layers: [{ clip: layout.lanes, marks: [dot] }],
  };
  const parts = titlesOf(layout);
  const titles = {
    title: "My model",
    facts: ["4 blocks", "4 heads"],
    block: ["Block 1", "of 0\u20133"] as const,
    parts,
    notes: NOTES,
  };
  return { layout, parts, scene, whole: exportScene(scene, layout, titles, list, "light") };
}

const marksOf = (scene: Scene) => scene.layers.flatMap(({ marks }) => marks);
const textsOf = (scene: Scene) => marksOf(scene).filter((mark): mark is Text => mark.kind === "text");

describe("the exported picture", () => {
  it("has the title on top, the block, the names of all parts and the list", () => {
    const { whole, parts } = made(1100);
    const texts = textsOf(whole);
    const said = texts.map(({ text }) => text);
    expect(parts.map(({ text }) => text)).toContain("MLP");
    for (const word of [
      "My model",
      "4 blocks \u00b7 4 heads",
      "Block 1",
      "of 0\u20133",
      "Mary",
      "75.0%",
      ...LIST.heading,
    ])
      expect(said).toContain(word);
    for (const { text } of parts) expect(said).toContain(text);
    const top = texts.reduce((first, other) => (other.y < first.y ? other : first));
    expect(top.text).toBe("My model");
    expect(said).toContain(NOTES.join(" \u00b7 "));
  });

  it("keeps every word inside, with the list beside the lanes or below them", () => {
    for (const width of [1100, 640]) {
      const { whole, layout } = made(width);
      for (const { x, y } of textsOf(whole)) {
        expect(x).toBeGreaterThanOrEqual(0);
        expect(x).toBeLessThanOrEqual(whole.width);
        expect(y).toBeGreaterThan(0);
        expect(y).toBeLessThan(whole.height);
      }
      const row = textsOf(whole).find(({ text }) => text === "Mary") as Text;
      const lanesEnd = whole.layers[0]?.clip as { y: number; height: number };
      if (layout.list) expect(row.x).toBeGreaterThan(layout.list.x);
      else expect(row.y).toBeGreaterThan(lanesEnd.y + lanesEnd.height);
    }
  });

  it("moves the picture with its clip, and no title onto it", () => {
    const { whole, scene, layout } = made(1100);
    const [first] = whole.layers;
    const dot = first?.marks[0] as { x: number; y: number };
    const clip = first?.clip as { x: number; y: number };
    expect([dot.x - 10, dot.y - 20]).toEqual([clip.x - layout.lanes.x, clip.y - layout.lanes.y]);
    expect(whole.height).toBeGreaterThan(scene.height + dot.y - 20);
  });

  it("has bars as long as the shares", () => {
    const bars = marksOf(made(1100).whole).flatMap((mark) => (mark.kind === "bar" ? [mark.width] : []));
    expect(bars).toHaveLength(2);
    expect((bars[0] ?? 0) / (bars[1] ?? 1)).toBeCloseTo(3);
  });

  it("is text in SVG, never markup", () => {
    const svg = sceneToSvg(made(1100).whole, "t");
    expect(svg).toContain("&lt;b&gt;");
    expect(svg).not.toContain("<b>");
  });

  it("does without a list", () => {
    expect(textsOf(made(1100, null).whole).map(({ text }) => text)).not.toContain("Mary");
  });
});

describe("a moved mark", () => {
  it("takes all of its points along", () => {
    const line: Mark = {
      kind: "line",
      points: [
        [1, 2],
        [3, 4],
      ],
      corner: 0,
      width: 1,
      color: [0, 0, 0],
    };
    expect(moved(line, 10, 20)).toMatchObject({
      points: [
        [11, 22],
        [13, 24],
      ],
    });
    const end = { x: 1, y: 2, width: 3 };
    const ribbon: Mark = { kind: "ribbon", from: end, to: { ...end, x: 5 }, stops: [] };
    expect(moved(ribbon, 10, 20)).toMatchObject({ from: { x: 11, y: 22, width: 3 }, to: { x: 15, y: 22 } });
  });
});
