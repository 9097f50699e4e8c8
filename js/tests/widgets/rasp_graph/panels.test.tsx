import { afterEach, describe, expect, it } from "vitest";
import { EditorView } from "@codemirror/view";
import type { Traits } from "../../../src/widgets/rasp_graph/protocol";
import { frame, GRAPH, graphState, NODES, VALUES } from "./panels-data";
import { type Host, open } from "./panels-host";

let host: Host | null = null;

afterEach(() => {
  host?.unmount();
  expect(host?.model.listenerCount ?? 0).toBe(0);
  host = null;
  expect(document.body.innerHTML).toBe("");
});

async function show(change: Partial<Traits>, given: Parameters<typeof open>[1] = {}): Promise<Host> {
  host = await open(graphState(change), given);
  return host;
}

const row = (one: Host, at: number) =>
  [...(one.all(".attrium-values tbody tr")[at]?.querySelectorAll("td") ?? [])].map((cell) => cell.textContent);

describe("values", () => {
  it("lists every s-op with its value at each position", async () => {
    const one = await show({});
    const names = one.all(".attrium-values tbody th button").map((button) => button.textContent);
    expect(names).toEqual(["tokens", "indices", "length", "opposite", "reverse", "reverse"]);
    expect(row(one, 3)).toEqual(["2", "1", "0"]);
  });

  it("adds what the model holds where that is something else, and marks it", async () => {
    const one = await show({});
    expect(row(one, 5)).toEqual(["c", "b", "absent"]);
    const wrong = one.all('.attrium-values [data-wrong="true"]');
    expect(wrong).toHaveLength(1);
    expect(wrong[0]?.dataset.absent).toBe("true");
  });

  it("chooses the node of a row and pins the position of a cell", async () => {
    const one = await show({});
    await one.click(".attrium-values tbody tr:nth-child(4) td:nth-of-type(3)");
    expect(one.model.get("node")).toBe("opposite");
    expect(one.model.get("position")).toBe(2);
  });

  it("shows a node with its operands, and marks what the pinned value was made from", async () => {
    const one = await show({ node: "reverse", position: 0 });
    expect(row(one, 0)).toEqual(["a", "b", "c"]);
    const sources = one.all('.attrium-values td[data-source="true"]');
    expect(sources.map((cell) => cell.textContent)).toEqual(["c"]);
  });

  it("draws the selector with keys across, what is gathered, and the result at the right", async () => {
    const one = await show({ node: "reverse" });
    const lines = one.all(".attrium-grid tbody tr").map((line) => [...line.querySelectorAll("td")]);
    const on = lines.map((cells) =>
      cells.slice(0, 3).map((cell) => cell.querySelector('[data-selected="true"]') !== null),
    );
    expect(on).toEqual([
      [false, false, true],
      [false, true, false],
      [true, false, false],
    ]);
    expect(lines.map((cells) => cells[3]?.textContent)).toEqual(["c", "b", "a"]);
    expect(lines[0]?.[2]?.textContent).toBe("c"); // what the cell lets through
  });

  it("says of a cell what decided it", async () => {
    const one = await show({ node: "flip" });
    await one.fire(".attrium-grid tbody tr:nth-child(1) td:nth-of-type(3)", new PointerEvent("pointerenter"));
    const words = one.text(".attrium-grid-words");
    expect(words).toContain(
      "query 0 \u201ca\u201d (opposite 2), key 2 \u201cc\u201d (indices 2): selected by key == query",
    );
    expect(words).toContain("tokens at 2 is c: reverse is c");
  });

  it("moves through the cells by keys and pins one by Enter", async () => {
    const one = await show({ node: "flip" });
    for (const key of ["ArrowDown", "ArrowDown", "ArrowRight", "Enter"])
      await one.key('.attrium-selector [role="application"]', key);
    expect(one.model.get("cell")).toEqual([1, 1]);
  });

  it("shows the model's attention and what rests on BOS", async () => {
    const one = await show({ node: "flip" });
    await one.press("Attention");
    const cells = [...(one.all(".attrium-grid tbody tr")[0]?.querySelectorAll("td") ?? [])];
    expect(cells.slice(0, 4).map((cell) => cell.textContent)).toEqual([".25", "", "", ".75"]);
  });

  it("says why there is no value", async () => {
    const problem = { node: "opposite", position: 1, message: "division by zero" };
    const one = await show({}, { values: { facts: { ...VALUES, problem }, frames: [] } });
    expect(one.text('[role="alert"]')).toContain("opposite has no value at position 1. division by zero");
  });

  it("shows an error of Python in place", async () => {
    const one = await show({}, { graph: "this needs a kernel" });
    expect(one.text(".attrium-panel-quiet")).toBe("this needs a kernel");
  });

  it("writes a token that looks like markup as text", async () => {
    const facts = {
      ...VALUES,
      tokens: ["<img src=x>", "b", "c"],
      values: { ...VALUES.values, tokens: ["<img src=x>", "b", "c"] },
    };
    const one = await show({ node: "tokens" }, { values: { facts, frames: [] } });
    expect(one.all("img")).toHaveLength(0);
    expect(one.text(".attrium-values")).toContain("<img src=x>");
  });
});

describe("a long input", () => {
  it("draws the selector as a heat map, with its cells in words", async () => {
    const size = 30;
    const tokens = Array.from({ length: size }, (_, at) => `t${at}`);
    const on = Array.from({ length: size * size }, (_, cell) => (cell % size === 0 ? 1 : 0));
    const facts = { ...VALUES, tokens, values: { tokens } };
    const frames = [frame("select:everywhere", [size, size], on, "uint8")];
    const one = await show({ node: "everywhere", tokens }, { values: { facts, frames } });
    expect(one.all(".attrium-grid")).toHaveLength(0);
    for (const key of ["ArrowDown", "ArrowDown"]) await one.key(".attrium-heat-scroll", key);
    expect(one.text(".attrium-heat-note")).toContain(
      "query 1 \u201ct1\u201d (tokens t1), key 0 \u201ct0\u201d (tokens t0): selected by True",
    );
  });
});

describe("weights", () => {
  it("offers the nodes that have weights, until one is chosen", async () => {
    const one = await show({ panel: "weights" });
    const offered = one.all(".attrium-weights-list button").map((button) => button.textContent);
    expect(offered).toEqual(["length", "opposite", "reverse"]);
    await one.click(".attrium-weights-list li:nth-child(3) button");
    expect(one.model.get("node")).toBe("reverse");
    expect(one.text(".attrium-weights-matrix")).toContain("flip: query and key");
  });

  it("reads out the exact weight under the cursor with its names", async () => {
    const one = await show({ panel: "weights", node: "reverse" });
    for (const key of ["ArrowDown", "ArrowRight"]) await one.key(".attrium-heat-scroll", key);
    expect(one.text(".attrium-heat-note")).toBe("0from opposite:0to indices:1");
    await one.key(".attrium-heat-scroll", "ArrowDown");
    expect(one.text(".attrium-heat-note")).toBe("0.500000from opposite:1to indices:1");
  });
});

describe("the residual stream", () => {
  it("names dimension, place and position of a number, and what a half-layer writes", async () => {
    const one = await show({ panel: "stream", step: 1, tokens: ["a", "b"] });
    expect(one.text(".attrium-stream-written")).toContain("attention 0 writes length");
    for (const key of ["ArrowDown", "ArrowRight"]) await one.key(".attrium-heat-scroll", key);
    expect(one.text(".attrium-heat-note")).toBe("1tokens:aat 0 \u201ca\u201d, after embedding");
  });

  it("steps with the graph", async () => {
    const one = await show({ panel: "stream" });
    await one.press("One");
    await one.press("embedding");
    expect(one.model.get("step")).toBe(0);
  });
});

describe("checks", () => {
  it("shows one row where all agree, and each reading where they do not", async () => {
    const one = await show({ panel: "check" });
    const names = one.all(".attrium-values tbody th").map((name) => name.textContent);
    expect(names).toEqual(["opposite", "reverseinterpreter", "reversecraft", "reversemodel"]);
    expect(one.text(".attrium-verdict")).toContain("reverse at position 2: expected a, found absent");
  });

  it("asks for many random inputs and for a counter-example", async () => {
    const one = await show({ panel: "check" });
    await one.press("Check 100");
    await one.press("Find a counter-example");
    expect(one.told()).toEqual([{ kind: "check", count: 100 }, { kind: "counterexample" }]);
  });

  it("goes to the input on which they differ", async () => {
    const first = { label: "reverse", position: 0, expected: "a", found: "b" };
    const checked = { inputs: 1000, wrong: 2, seed: 7, example: ["b", "a"], first };
    const one = await show({ panel: "check", checked });
    expect(one.text(".attrium-check-many .attrium-verdict")).toContain(
      "They differ on 2 of 1\u202f000 inputs (seed 7).",
    );
    await one.press("Show this input");
    expect(one.told()).toEqual([{ kind: "input", tokens: ["b", "a"] }]);
  });

  it("compares two programs on the input", async () => {
    const one = await show({ panel: "check", programs: ["reverse", "other"] });
    expect(one.text('[aria-label="Two programs"]')).toContain("reverse and other agree on this input.");
  });
});

describe("the editor", () => {
  function type(one: Host, text: string): void {
    const view = EditorView.findFromDOM(one.find(".cm-editor"));
    view?.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text }, userEvent: "input.type" });
  }

  it("sends RASP a moment after the reader stops, once", async () => {
    const one = await show({ panel: "code", language: "rasp" });
    type(one, "a = 1;");
    type(one, "a = 12;");
    await one.settle(200);
    expect(one.told()).toEqual([]);
    await one.settle(400);
    expect(one.told()).toEqual([{ kind: "edit", code: "a = 12;", language: "rasp" }]);
  });

  it("sends Python on Run and on Ctrl-Enter only", async () => {
    const one = await show({ panel: "code", language: "python", code: "x" });
    type(one, "tokens + 1");
    await one.settle(700);
    expect(one.told()).toEqual([]);
    expect(one.text(".attrium-code-head")).toContain("not run yet");
    await one.press("Run");
    expect(one.told()).toEqual([{ kind: "edit", code: "tokens + 1", language: "python" }]);
    const enter = new KeyboardEvent("keydown", {
      key: "Enter",
      keyCode: 13,
      ctrlKey: true,
      bubbles: true,
      cancelable: true,
    });
    await one.fire(".cm-content", enter);
    expect(one.told()).toHaveLength(2);
  });

  it("takes another program's text, and does not send it back", async () => {
    const one = await show({ panel: "code", code: "a = 1;" });
    one.model.set("code", "b = 2;");
    await one.settle(700);
    expect(one.text(".cm-content")).toBe("b = 2;");
    expect(one.told()).toEqual([]);
  });

  it("shows a problem with a way to its line", async () => {
    const problem = { message: "'sme' is not defined", line: 1, column: 3, node: "" };
    const one = await show({ panel: "code", problem });
    expect(one.text('[role="alert"]')).toContain("Line 1, column 3 'sme' is not defined");
    expect(one.all(".cm-lintRange-error")).toHaveLength(1);
  });

  it("shows the compiled program with the chosen node's line marked", async () => {
    const one = await show({ panel: "code", node: "flip" });
    expect(one.text('.attrium-code-compiled [data-on="true"]').trim()).toBe("flip = select(indices, opposite)");
    expect(one.all(".attrium-code-compiled code")).toHaveLength(GRAPH.nodes.length);
  });

  it("cannot be changed on a saved page", async () => {
    const state = document.body.appendChild(document.createElement("div"));
    state.id = "attrium-state";
    const one = await show({ panel: "code" });
    expect(one.find("fieldset").hasAttribute("disabled")).toBe(true);
    expect(one.find(".cm-content").getAttribute("aria-readonly")).toBe("true");
    state.remove();
  });
});

describe("compression", () => {
  it("says how many dimensions each node takes, most first, and accounts for all", async () => {
    const one = await show({ panel: "compression" });
    const lines = one.all(".attrium-budget tr").map((line) => [...line.children].map((cell) => cell.textContent));
    expect(lines.map(([name, count]) => [name, count])).toEqual([
      ["tokens", "1"],
      ["indices", "1"],
      ["length", "1"],
      ["opposite", "1"],
      ["reverse", "1"],
      ["marks of BOS and padding", "12"],
    ]);
    const total = lines.reduce((sum, [, count]) => sum + Number(count), 0);
    expect(total).toBe(GRAPH.forecast?.d_model);
  });
});

describe("bridges", () => {
  it("shows every method's scores beside the truth, and how much of it each finds", async () => {
    const one = await show({ panel: "bridges", position: 0 });
    await one.settle();
    const lines = one
      .all(".attrium-attribution tbody tr")
      .map((line) => [...line.children].map((cell) => cell.textContent));
    expect(lines).toEqual([
      ["truly matters", "no", "no", "yes", "1"],
      ["gradient", "0.5", "\u22121", "0.25", "0 of 1, 2 other"],
      ["occlusion", "0", "0", "2", "1 of 1"],
    ]);
  });

  it("switches nodes off and says which outputs break", async () => {
    const given = { values: { facts: { ...VALUES, ablated: ["c", "c", "c"] }, frames: [] } };
    const one = await show({ panel: "bridges", ablated: ["opposite"] }, given);
    expect(one.text('[aria-label="Ablation"] .attrium-verdict')).toBe("2 of 3 outputs change: at positions 1, 2.");
    const switches = one.all('[role="switch"]');
    expect(switches.map((each) => [each.textContent, each.getAttribute("aria-checked")])).toEqual([
      ["tokens", "true"],
      ["indices", "true"],
      ["length", "true"],
      ["opposite", "false"],
      ["reverse", "true"],
    ]);
    switches[2]?.click();
    expect(one.model.get("ablated")).toEqual(["opposite"]);
    await one.settle();
    expect(one.model.get("ablated")).toEqual(["opposite", "length"]);
    expect(NODES.filter(({ selector }) => selector)).toHaveLength(2);
  });
});
