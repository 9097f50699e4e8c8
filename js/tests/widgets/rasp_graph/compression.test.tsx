import { afterEach, describe, expect, it } from "vitest";
import {
  byNode,
  countFates,
  decades,
  lossLine,
  verdictOf,
  verdictWords,
  widthOnShow,
} from "../../../src/widgets/rasp_graph/panels/compression-data";
import type { CompressionFacts, Traits, Trained } from "../../../src/widgets/rasp_graph/protocol";
import { frame, graphState } from "./panels-data";
import { type Host, open } from "./panels-host";

let host: Host | null = null;

afterEach(() => {
  host?.unmount();
  expect(host?.model.listenerCount ?? 0).toBe(0);
  host = null;
});

const trained = (width: number, change: Partial<Trained> = {}): Trained => ({
  ...{ side: 0, width, steps: 300, accuracy: 0.5, number: width },
  ...change,
});

/** Three dimensions in two: a and b are at right angles, c halfway between them. */
const FACTS: CompressionFacts = {
  width: 2,
  dimensions: [
    { label: "tokens:a", node: "tokens" },
    { label: "tokens:b", node: "tokens" },
    { label: "length", node: "length" },
  ],
  features: [
    { label: "tokens:a", norm: 1, overlap: 0.6, other: "length", fate: "superposed" },
    { label: "tokens:b", norm: 1, overlap: 0.2, other: "length", fate: "own" },
    { label: "length", norm: 0.01, overlap: 0, other: "", fate: "dropped" },
  ],
  ...{ dropped: 0.1, shared: 0.3, numerical: false, accuracy: 0.75, error: 0.5, start: [0.5, 2], constant: [0.25, 1] },
  ...{ held: [10, 40], inputs: 40, every: true, steps: 300, own: 300, lost: 0 },
  places: [{ place: "0.mlp", faithfulness: 0.9 }],
};
const ANSWER = {
  facts: FACTS,
  frames: [
    frame("overlaps", [3, 3], [1, 0, 0.5, 0, 1, 0.5, 0.5, 0.5, 0.01], "float32"),
    frame("loss", [2, 3], [10, 1, 0.1, 1, 1, 1], "float32"),
  ],
};

async function show(change: Partial<Traits> = {}, facts: Partial<CompressionFacts> = {}): Promise<Host> {
  host = await open(graphState({ panel: "compression", ...change }), {
    compression: { ...ANSWER, facts: { ...FACTS, ...facts } },
  });
  return host;
}

describe("numbers of the compression", () => {
  it("shows the width asked for, or the first that was trained, or half of the stream", () => {
    expect(widthOnShow(0, [], 17)).toBe(9);
    expect(widthOnShow(0, [trained(4), trained(8)], 17)).toBe(4);
    expect(widthOnShow(8, [trained(4)], 17)).toBe(8);
    expect(widthOnShow(80, [], 17)).toBe(17);
  });

  it("counts fates, and gathers features by node", () => {
    expect(countFates(FACTS.features)).toEqual({ own: 1, superposed: 1, dropped: 1 });
    expect(byNode(FACTS).map(({ node, features }) => [node, features.length])).toEqual([
      ["tokens", 2],
      ["length", 1],
    ]);
  });

  it("says how much of the program is left", () => {
    const at = (accuracy: number) => verdictOf({ ...FACTS, accuracy });
    expect([1, 0.96, 0.75, 0.25, 0.1].map(at)).toEqual(["same", "close", "worse", "lost", "lost"]);
    expect(verdictWords({ ...FACTS, accuracy: 1 })).toContain("all 40 tokens");
    expect(verdictWords({ ...FACTS, accuracy: 0.2 })).toMatch(
      /lost: 20\.0% of 40 tokens.*always the same, with 25\.0%/,
    );
    expect(verdictWords(FACTS)).toMatch(/damaged: 75\.0%.*would have 25\.0%\.$/);
    expect(verdictWords({ ...FACTS, error: 2 })).toContain("would have 25.0%, and a smaller error.");
    expect(verdictWords({ ...FACTS, numerical: true })).toContain("nearest to the model");
  });

  it("draws losses on a logarithmic scale of whole powers of ten", () => {
    expect(decades([10, 0.02, 0])).toEqual([0.01, 10]);
    expect(decades([1, 1])).toEqual([1, 10]);
    expect(decades([])).toEqual([0.1, 1]);
    expect(lossLine([100, 10, 1], 1, 100, 200, 50)).toBe("M0.0 0.0L100.0 25.0L200.0 50.0");
    expect(lossLine([0, 1000], 1, 100, 200, 50)).toBe("M0.0 50.0L200.0 0.0");
  });
});

describe("compression", () => {
  it("offers to train a width that was not, few steps first", async () => {
    const one = await show({ width: 6 });
    expect(one.text(".attrium-training")).toContain("Width 6 has not been trained");
    expect(one.all(".attrium-heat")).toHaveLength(0);
    await one.press("300 steps");
    expect(one.told()).toContainEqual({ kind: "compress", width: 6, steps: 300 });
  });

  it("moves to another width with the slider and with the buttons of those that were trained", async () => {
    const one = await show({ trained: [trained(2), trained(9)] });
    const slider = one.find("input[type=range]") as HTMLInputElement;
    expect([slider.min, slider.max, slider.value]).toEqual(["1", "17", "2"]);
    slider.value = "5";
    await one.fire("input[type=range]", new Event("input", { bubbles: true }));
    expect(one.model.get("width")).toBe(5);
    await one.click(".attrium-width:nth-of-type(2)");
    expect(one.model.get("width")).toBe(9);
  });

  it("shows what was trained: verdict, measures, fates, and trains longer", async () => {
    const one = await show({ trained: [trained(2)] });
    expect(one.find(".attrium-verdict").dataset.bad).toBe("true");
    expect(one.text(".attrium-verdict")).toContain("75.0%");
    const cells = one.all(".attrium-measures tbody tr").map((row) => row.textContent);
    expect(cells).toEqual(["after 300 steps75.0%0.500", "before training50.0%2.00", "always the same answer25.0%1.00"]);
    const fates = one.all(".attrium-features .attrium-fate").map((chip) => [chip.textContent, chip.dataset.fate]);
    expect(fates).toEqual([
      ["a", "superposed"],
      ["b", "own"],
      ["length", "dropped"],
    ]);
    expect(one.text(".attrium-fates")).toMatch(/1 kept on its own.*1 superposed.*1 dropped/);
    await one.press("+1\u202f000 steps");
    expect(one.told()).toContainEqual({ kind: "compress", width: 2, steps: 1000 });
  });

  it("reads exact numbers of the matrix with the arrows", async () => {
    const one = await show({ trained: [trained(2)] });
    await one.key(".attrium-heat-scroll", "ArrowDown");
    expect(one.text(".attrium-heat-note")).toContain("tokens:a: comes back times this");
    await one.key(".attrium-heat-scroll", "ArrowRight");
    await one.key(".attrium-heat-scroll", "ArrowRight");
    expect(one.text(".attrium-heat-note")).toMatch(/^0\.5.*tokens:a, read as length.*cosine 5\.00/);
  });

  it("chooses the node of a feature", async () => {
    const one = await show({ trained: [trained(2)] });
    await one.click(".attrium-features tr:nth-child(2) button");
    expect(one.model.get("node")).toBe("length");
  });

  it("says so where the last steps were not kept", async () => {
    const one = await show({ trained: [trained(2)] }, { own: 0, lost: 300 });
    expect(one.text(".attrium-compressed")).toContain("The last 300 steps left a larger error and were not kept");
    expect(one.all(".attrium-measures tbody tr")).toHaveLength(2);
  });

  it("shows nothing of the other program's", async () => {
    const one = await show({ trained: [trained(2, { side: 1 })] });
    expect(one.all(".attrium-width")).toHaveLength(0);
  });

  it("does not start while something runs", async () => {
    const status: Traits["status"] = { state: "running", label: "Compressing", done: 1, total: 300, message: "" };
    const one = await show({ width: 6, status });
    expect((one.find(".attrium-training fieldset") as HTMLFieldSetElement).disabled).toBe(true);
  });
});
