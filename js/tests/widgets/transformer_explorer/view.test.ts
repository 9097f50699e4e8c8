import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Frame, WireFrame } from "../../../src/lib";
import explorer from "../../../src/widgets/transformer_explorer";
import type { Traits } from "../../../src/widgets/transformer_explorer/protocol";
import { type Mounted, mount } from "../mount";
import { CROSS, makeFacts, makeFrames, makeModel, makeTokens, SEQUENTIAL } from "./flow-data";
import { explorerState } from "./panels-host";

const WIDTH = 1100;

function wire({ stored, ...header }: Frame): WireFrame {
  return { ...header, data: stored.buffer as ArrayBuffer };
}

function state(tokens: number, change: Partial<Traits> = {}, stages: readonly string[] = SEQUENTIAL): Traits {
  const model = makeModel();
  const facts = makeFacts(stages, model, 1);
  const frames = Object.entries(makeFrames(facts, tokens, model.heads)).map(([name, frame]) => [name, wire(frame)]);
  return explorerState({
    model,
    tokens: makeTokens(tokens),
    ids: Array.from({ length: tokens }, (_, id) => id),
    position: tokens - 1,
    block: 1,
    head: 2,
    flow: { facts, frames: Object.fromEntries(frames) },
    ...change,
  });
}

let shown: Mounted<Traits> | null = null;

async function show(tokens = 6, change: Partial<Traits> = {}): Promise<Mounted<Traits>> {
  shown = await mount<Traits>(explorer, state(tokens, change));
  return shown;
}

beforeEach(() => {
  vi.spyOn(HTMLElement.prototype, "clientWidth", "get").mockReturnValue(WIDTH);
});

afterEach(() => {
  shown?.unmount();
  shown = null;
  document.body.replaceChildren();
});

const STAGE = ".attrium-flow-stage";

/** Writes reach the model with the next frame, which a busy machine may be late with. */
async function became(read: () => unknown, value: unknown): Promise<void> {
  await vi.waitFor(() => expect(read()).toEqual(value), { timeout: 1000 });
}

describe("the explorer", () => {
  it("has its picture at once, from the flow that came with the run", async () => {
    const view = await show();
    expect(view.find(STAGE).querySelectorAll("canvas")).toHaveLength(3);
    const asked = view.model.sent.map((content) => (content as { question?: string }).question);
    expect(asked).not.toContain("flow");
  });

  it("asks for the flow of another block and keeps the present one until then", async () => {
    const view = await show();
    await view.key(".attrium-te", "}");
    await became(() => view.model.get("block"), 2);
    expect(view.model.sent).toContainEqual(
      expect.objectContaining({ question: "flow", args: { block: 2, which: "run" } }),
    );
    expect(view.find(".attrium-flow-block-name").textContent).toContain("Block 1");
    expect(view.find(".attrium-flow").getAttribute("aria-busy")).toBe("true");
  });

  it("goes round the heads with brackets, and not beyond the blocks with braces", async () => {
    const view = await show(6, { head: 3 });
    await view.key(".attrium-te", "]");
    await became(() => view.model.get("head"), 0);
    await view.key(".attrium-te", "[");
    await became(() => view.model.get("head"), 3);
    for (let time = 0; time < 6; time++) await view.key(".attrium-te", "{");
    await became(() => view.model.get("block"), 0);
  });

  it("walks through lanes and stages with arrows, says each, and opens it with Enter", async () => {
    const view = await show();
    await view.key(STAGE, "ArrowUp");
    await became(() => view.model.get("position"), 4);
    for (let time = 0; time < 5; time++) await view.key(STAGE, "ArrowRight");
    expect(view.find(".attrium-spoken").textContent).toContain("Key of \u201cword4\u201d");
    await view.key(STAGE, "Enter");
    await became(() => view.model.get("view"), "qkv");
    await view.key(".attrium-te", "Escape");
    await became(() => view.model.get("view"), "");
  });

  it("goes back and forth with Ctrl+Z and Ctrl+Shift+Z", async () => {
    const view = await show();
    await view.click(".attrium-te-strip-row button:nth-child(1)");
    await view.key(STAGE, "Home");
    await became(() => [view.model.get("block"), view.model.get("position")], [0, 0]);
    await view.key(".attrium-te", "z", { ctrlKey: true });
    await became(() => [view.model.get("block"), view.model.get("position")], [0, 5]);
    await view.key(".attrium-te", "z", { ctrlKey: true });
    await became(() => view.model.get("block"), 1);
    await view.key(".attrium-te", "Z", { ctrlKey: true, shiftKey: true });
    await became(() => view.model.get("block"), 0);
  });

  it("leaves keys to whoever is typing", async () => {
    const view = await show();
    await view.key("[data-tour=prompt] textarea", "]");
    await became(() => view.model.get("head"), 2);
    await view.key(".attrium-te", "/");
    expect(document.activeElement).toBe(view.find("[data-tour=prompt] textarea"));
  });

  it("lists its keys, and stops doing so", async () => {
    const view = await show();
    await view.key(".attrium-te", "?");
    expect(view.find(".attrium-te-help").textContent).toContain("Ctrl+Z");
    await view.key(".attrium-te", "Escape");
    expect(view.all(".attrium-te-help")).toHaveLength(0);
  });

  it("marks every part that a tour may light", async () => {
    const view = await show();
    for (const part of [
      "prompt",
      "embedding",
      "qkv",
      "attention",
      "output",
      "mlp",
      "blocks",
      "probabilities",
      "heads",
      "edits",
      "lens",
      "contributions",
    ]) {
      expect(view.all(`[data-tour~="${part}"]`).length, part).toBeGreaterThan(0);
    }
  });

  it("has as many elements for 1,024 tokens in the picture as for 40", async () => {
    const few = (await show(40)).all(".attrium-flow *").length;
    shown?.unmount();
    document.body.replaceChildren();
    const many = (await show(1024)).all(".attrium-flow *").length;
    expect(many).toBeLessThan(few + 20);
    expect(many).toBeLessThan(400);
  });

  it("shows the switch between the runs only when something was changed", async () => {
    expect((await show()).all("[aria-label='Which run']")).toHaveLength(0);
    shown?.unmount();
    const view = await show(6, { facts: { forward_ms: 1, bytes: 1, edited: true, checked: "" } });
    await view.click("[aria-label='Which run'] [data-value=base]");
    await became(() => view.model.get("which"), "base");
  });

  describe("words of the tour", () => {
    const tour: Traits["tour"] = {
      title: "Basics",
      languages: {
        en: {
          name: "English",
          words: { done: "Done" },
          steps: ["first", "query", "norm"].map((term) => ({
            title: term,
            text: ["About it."],
            show: {},
            light: [],
            turn: null,
            terms: [term],
          })),
        },
      },
    };

    it("open their page from the question mark beside a title, which leaves the title's own click alone", async () => {
      const view = await show(6, { tour });
      const marks = view.all(".attrium-flow-term");
      expect(marks.map((mark) => mark.getAttribute("aria-label"))).toEqual([expect.stringContaining("The tour on")]);
      marks[0]?.click();
      await became(() => [view.model.get("step"), view.model.get("view")], [1, ""]);
    });

    it("open it by T for what the keyboard is on, and not where the tour has no word", async () => {
      const view = await show(6, { tour });
      for (let time = 0; time < 4; time++) await view.key(STAGE, "ArrowRight");
      expect(view.find(".attrium-spoken").textContent).toContain("Query of");
      await view.key(STAGE, "t");
      await became(() => view.model.get("step"), 1);
      view.model.set("step", -1);
      await view.key(STAGE, "ArrowRight");
      await view.key(STAGE, "t");
      await became(() => view.model.get("step"), -1);
    });

    it("are not offered without a tour", async () => {
      expect((await show()).all(".attrium-flow-term")).toHaveLength(0);
    });
  });

  it("reads the weights over an encoder's tokens of the current head, once it knows how many there are", async () => {
    const view = await mount<Traits>(explorer, state(6, {}, CROSS));
    shown = view;
    const asked = () => view.model.sent as { id: number; tensor?: string; index?: unknown; pixels?: unknown }[];
    const keys = asked().find(({ tensor }) => tensor === "run/blocks.1.cross.k");
    expect(keys?.index).toBeNull();
    expect(asked().some(({ tensor }) => tensor === "run/blocks.1.cross.pattern")).toBe(false);
    const header = { name: "k", shape: [5, 1, 1], dtype: "float32", range: null, quantised: null };
    const pooled = { kind: "absmax", factor: [1, 4, 8] };
    const values = new Float32Array(5).buffer;
    view.model.emit("msg:custom", { kind: "view", id: keys?.id, frame: { ...header, pooled } }, [values]);
    await vi.waitFor(() =>
      expect(asked().find(({ tensor }) => tensor === "run/blocks.1.cross.pattern")).toMatchObject({
        index: [
          [2, 3],
          [0, 6],
          [0, 5],
        ],
        pixels: [6, 5],
      }),
    );
    expect(view.find("[data-tour=cross]")).toBeTruthy();
  });

  it("says that blocks and heads count from 0", async () => {
    const view = await show();
    expect(view.find(".attrium-flow-block-name").textContent).toContain("Block 1of 0\u20133");
    expect(view.find(".attrium-flow-block-name").getAttribute("aria-label")).toBe("Block 1, of 0 to 3");
    expect(view.find(".attrium-flow-heads").getAttribute("aria-label")).toBe("Head 2, of 0 to 3");
  });

  it("has well under 1,000 elements for 1,024 tokens", async () => {
    expect((await show(1024)).all("*").length).toBeLessThan(800);
  });

  describe("before the first run", () => {
    const nothing: Partial<Traits> = { model: {}, tokens: [], ids: [], text: "", flow: null, run: 0 };
    const status = { label: "Running the model", done: 0, total: 0, message: "" };

    it("invites a prompt, and runs an example that is offered", async () => {
      const view = await show(6, { ...nothing, examples: ["one", "two"] });
      expect(view.find(".attrium-flow").textContent).toContain("Write a prompt");
      expect(view.all(".attrium-flow canvas")).toHaveLength(0);
      expect(view.find("[data-tour=lens]").hasAttribute("disabled")).toBe(true);
      await view.click(".attrium-flow-empty-examples button:nth-child(2)");
      await became(() => view.model.get("text"), "two");
    });

    it("says that it runs, or that no run has succeeded", async () => {
      const running = await show(6, { ...nothing, status: { ...status, state: "running" } });
      expect(running.find(".attrium-flow").textContent).toContain("Running the model");
      running.unmount();
      const failed = await show(6, { ...nothing, status: { ...status, state: "error", message: "no tokens" } });
      expect(failed.find(".attrium-flow").textContent).toContain("first run that succeeds");
      expect(failed.find("[role=alert]").textContent).toContain("no tokens");
    });
  });
});
