import { act } from "preact/test-utils";
import { afterEach, describe, expect, it, vi } from "vitest";
import { MemoryModel } from "../../../dev/model";
import rasp from "../../../src/widgets/rasp_graph";
import type { Traits } from "../../../src/widgets/rasp_graph/protocol";
import { graphOf, NODES, node, valuesOf } from "./graph-data";

type Ask = { kind: string; id: number; question: string };

const TOKENS = ["x", "y", "z"];

const STATE: Traits = {
  ...{ version: 1, run: 1, tokens: TOKENS, vocabulary: ["x", "y", "z"], max_length: 4, causal: false, keep: "all" },
  ...{ code: "", language: "rasp", problem: null, programs: ["test"], side: 0, node: "", position: -1, cell: null },
  ...{ selection: [], step: -1, panel: "values", arrangement: "lanes", unfolded: false, focus: "", ablated: [] },
  ...{ checked: null, trained: [], width: 0, title: "", example: "hist", theme: "light", height_px: 0 },
  examples: [
    { name: "hist", family: "counting", doc: "" },
    { name: "sort", family: "sorting", doc: "" },
  ],
  status: { state: "idle", label: "", done: 0, total: 0, message: "" },
};

async function open(change: Partial<Traits> = {}) {
  const answers: Record<string, unknown> = {
    graph: graphOf([...NODES, node("last", "elementwise", ["out"], { half: "mlp", layer: 1 })]),
    values: { ...valuesOf(NODES, TOKENS, {}), output: ["q", null, "z"] },
  };
  const model = new MemoryModel<Traits>({ ...STATE, ...change }, (content, to) => {
    const { kind, id, question } = content as Ask;
    if (kind !== "ask") return;
    const facts = answers[question];
    const reply = facts ? { kind: "answer", id, facts, frames: [] } : { kind: "error", id, message: "none" };
    queueMicrotask(() => to.emit("msg:custom", reply, []));
  });
  const el = document.body.appendChild(document.createElement("div"));
  let unmount = () => {};
  await act(() => {
    unmount = rasp.render({ model, el });
  });
  const settle = () => act(() => new Promise<void>((done) => setTimeout(done, 60)));
  await settle();
  await settle();
  opened = unmount;
  const find = <Kind extends HTMLElement>(selector: string): Kind => {
    const found = el.querySelector<Kind>(selector);
    if (!found) throw new Error(`no ${selector} in ${el.innerHTML.slice(0, 600)}`);
    return found;
  };
  return {
    el,
    model,
    settle,
    find,
    told: () => model.sent.filter((message) => (message as Ask).kind !== "ask"),
    click: async (selector: string) => {
      find(selector).click();
      await settle();
    },
    key: async (selector: string, key: string) => {
      find(selector).dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
      await settle();
    },
  };
}

let opened = () => {};

afterEach(() => {
  opened();
  document.body.replaceChildren();
  vi.restoreAllMocks();
});

describe("the input", () => {
  it("is changed token by token, and told at once", async () => {
    const view = await open();
    const select = view.find<HTMLSelectElement>('[aria-label="token 1"]');
    select.value = "z";
    select.dispatchEvent(new Event("change", { bubbles: true }));
    await view.settle();
    expect(view.told()).toEqual([{ kind: "input", tokens: ["x", "z", "z"] }]);
  });

  it("is longer by the plus until it is as long as may be, and shorter by Delete", async () => {
    const view = await open();
    await view.click('[aria-label="One token more"]');
    expect(view.told().at(-1)).toEqual({ kind: "input", tokens: ["x", "y", "z", "z"] });
    expect(view.find<HTMLButtonElement>('[aria-label="The longest input has 4 tokens"]').disabled).toBe(true);
    await view.key('[aria-label="token 0"]', "Delete");
    expect(view.told().at(-1)).toEqual({ kind: "input", tokens: ["y", "z", "z"] });
  });

  it("shows what comes out, absent values as absent", async () => {
    const view = await open();
    const values = [...view.el.querySelectorAll<HTMLElement>(".attrium-rasp-output .attrium-rasp-value")];
    expect(values.map(({ textContent, dataset }) => [textContent, dataset.absent])).toEqual([
      ["q", "false"],
      ["\u2013", "true"],
      ["z", "false"],
    ]);
  });

  it("asks for a random one, a counter-example and a program of the library", async () => {
    const view = await open();
    await view.click('[aria-label="A random input"]');
    await view.click(".attrium-rasp-tools button:last-child");
    const library = view.find<HTMLSelectElement>(".attrium-rasp-examples select");
    library.value = "sort";
    library.dispatchEvent(new Event("change", { bubbles: true }));
    expect(view.told()).toEqual([{ kind: "random" }, { kind: "counterexample" }, { kind: "load", name: "sort" }]);
  });
});

describe("steps", () => {
  it("go half-layer by half-layer from the end back and on again", async () => {
    const view = await open();
    await view.key(".attrium-rasp-stage", "[");
    // Two layers: the embedding is 0, and with the last MLP, 4, all is done.
    expect(view.model.get("step")).toBe(3);
    expect(view.find(".attrium-rasp-stepper output").textContent).toBe("layer 1 attention");
    await view.key(".attrium-rasp-stage", "[");
    expect(view.find(".attrium-rasp-stepper output").textContent).toBe("layer 0 MLP");
    await view.key(".attrium-rasp-stage", "]");
    await view.key(".attrium-rasp-stage", "]");
    expect(view.model.get("step")).toBe(-1);
  });
});

describe("the graph", () => {
  it("is walked through by arrows, and Enter shows only what leads to and from a node", async () => {
    const view = await open({ node: "last" });
    await view.key(".attrium-rasp-stage", "ArrowUp");
    expect(view.model.get("node")).toBe("out");
    await view.key(".attrium-rasp-stage", "Enter");
    expect(view.model.get("focus")).toBe("out");
    await view.key(".attrium-rasp-stage", "Escape");
    expect([view.model.get("focus"), view.model.get("node")]).toEqual(["", "out"]);
    await view.key(".attrium-rasp-stage", "Escape");
    expect(view.model.get("node")).toBe("");
  });

  it("says what is selected to readers of the screen", async () => {
    const view = await open({ node: "out" });
    expect(view.find(".attrium-rasp-stage").getAttribute("aria-label")).toContain("out, aggregate: x, y, z");
  });

  it("finds a folded node, and unfolds it", async () => {
    const view = await open();
    const field = view.find<HTMLInputElement>(".attrium-rasp-search input");
    field.value = "map_2";
    field.dispatchEvent(new Event("input", { bubbles: true }));
    await view.settle();
    await view.key(".attrium-rasp-search input", "Enter");
    expect([view.model.get("node"), view.model.get("unfolded")]).toEqual(["map_2", true]);
  });

  it("stays while a program has a problem, which is named with its line", async () => {
    const view = await open({ problem: { message: "no <b>such</b> node", line: 3, column: 1, node: "pick" } });
    const problem = view.find(".attrium-rasp-problem");
    expect(problem.textContent).toBe("at pick, line 3: no <b>such</b> node");
    expect(problem.querySelectorAll("b")).toHaveLength(1);
    expect(view.el.querySelector(".attrium-rasp-stage")).not.toBeNull();
  });

  it("keeps shortcuts from fields that are typed in", async () => {
    const view = await open();
    await view.key(".attrium-rasp-search input", "[");
    expect(view.model.get("step")).toBe(-1);
  });
});
