import { afterEach, describe, expect, onTestFinished, test } from "vitest";
import { Edits } from "../../../src/widgets/transformer_explorer/edits";
import { divergence, kindsFor, newEdit } from "../../../src/widgets/transformer_explorer/edits-draft";
import { readPosition } from "../../../src/widgets/transformer_explorer/edits-row";
import type { Edit, Traits } from "../../../src/widgets/transformer_explorer/protocol";
import { type Answers, explorerState, type Host, LOGITS, open } from "./panels-host";

let view: Host;
afterEach(() => view.unmount());

async function show(change: Partial<Traits> = {}, answers: Answers = {}) {
  view = await open(Edits, explorerState(change), answers);
}

const ZERO: Edit = { id: "e1", kind: "zero", part: "head", block: 1, head: 2, neuron: null, position: null, on: true };
const wanted = (words: string) => {
  const found = view.all("button").find((one) => one.textContent === words || one.title === words);
  if (!found) throw new Error(`no button ${words}`);
  found.dataset.wanted = words;
  return `[data-wanted="${words}"]`;
};
const last = () => view.went.at(-1)?.edits;
const choose = async (selector: string, value: string) => {
  (view.find(selector) as HTMLSelectElement).value = value;
  await view.fire(selector, new Event("change", { bubbles: true }));
};

describe("the list of interventions", () => {
  test("can be read on a saved page, and not changed", async () => {
    const state = document.body.appendChild(document.createElement("script"));
    state.id = "attrium-state";
    state.textContent = "{}";
    onTestFinished(() => state.remove());
    await show({ edits: [ZERO] });
    const controls = view.all(".attrium-edits :is(button, select, input)");
    expect(controls.length).toBeGreaterThan(0);
    for (const control of controls) expect(control.closest("fieldset")?.hasAttribute("disabled")).toBe(true);
    expect(view.all(".attrium-edits-head")).toHaveLength(0);
  });

  test("zeroes the reader's head, and takes that back", async () => {
    await show();
    await view.click(wanted("Zero head 1.2"));
    expect(last()).toEqual([{ ...newEdit("zero", "head", { block: 1, head: 2, neuron: 0, position: 3 }) }]);
    expect(last()?.[0]).toMatchObject({ kind: "zero", part: "head", block: 1, head: 2, position: null, on: true });
    await view.click(wanted("Zero head 1.2"));
    expect(last()).toEqual([]);
  });

  test("knows its own intervention after Python has filled it in", async () => {
    await show({ edits: [{ ...ZERO, factor: 1, text: "", label: "zero head 1.2", site: "blocks.1.attn.z" }] });
    expect(view.find(wanted("Zero head 1.2")).getAttribute("aria-pressed")).toBe("true");
  });

  test("switches one off, and removes one, by way of undo", async () => {
    await show({ edits: [ZERO, { ...ZERO, id: "e2", head: 3 }] });
    await view.click(".attrium-edit [role=switch]");
    expect(last()?.map((edit) => edit.on)).toEqual([false, true]);
    await view.click(wanted("Remove: head 2 of block 1"));
    expect(last()?.map((edit) => edit.id)).toEqual(["e2"]);
  });

  test("changes what is done, with a factor for scale and a prompt for patch", async () => {
    await show({ edits: [ZERO] });
    await choose(".attrium-edit select", "scale");
    expect(last()?.[0]).toMatchObject({ kind: "scale", factor: 2, on: true });
    await choose(".attrium-edit select", "patch");
    expect(last()?.[0]).toMatchObject({ kind: "patch", on: false });
    await view.type(".attrium-edit-patch input", "another text");
    await view.fire(".attrium-edit-patch input", new Event("change", { bubbles: true }));
    expect(last()?.[0]).toMatchObject({ kind: "patch", text: "another text", on: true });
  });

  test("runs the model when the factor rests, not at every step", async () => {
    await show({ edits: [{ ...ZERO, kind: "scale", factor: 2 }] });
    await view.type(".attrium-edit-factor input", "1");
    await view.type(".attrium-edit-factor input", "0.5");
    expect([view.went, view.text(".attrium-edit-factor output")]).toEqual([[], "\u00d7 0.50"]);
    await new Promise((done) => setTimeout(done, 220));
    expect(view.went).toHaveLength(1);
    expect(last()?.[0]?.factor).toBe(0.5);
  });

  test("shows what was set from Python, which can be switched off and removed only", async () => {
    await show({ edits: [{ id: "python-0", kind: "python", part: "other", block: 0, on: true, label: "Steer(<b>)" }] });
    expect(view.text(".attrium-edit .attrium-toggle")).toBe("Steer(<b>)");
    expect(view.all(".attrium-edit select, .attrium-edit input")).toHaveLength(0);
  });

  test("switches all off and on again, to compare", async () => {
    await show({ edits: [ZERO, { ...ZERO, id: "e2", head: 3, on: false }] });
    await view.click(wanted("All off"));
    expect(last()?.map((edit) => edit.on)).toEqual([false, false]);
    await view.click(wanted("All on"));
    expect(last()?.map((edit) => edit.on)).toEqual([true, true]);
  });
});

describe("adding one", () => {
  test("starts from where the reader is", async () => {
    await show();
    await view.click(wanted("Other"));
    await view.click("[data-value=position]");
    await view.click("[data-value=mean]");
    await view.click(wanted("Add"));
    expect(last()?.[0]).toMatchObject({ kind: "mean", part: "position", block: 1, position: 3, head: null, on: true });
  });

  test("adds a patch switched off, since it has no prompt yet", async () => {
    await show();
    await view.click(wanted("Other"));
    await view.click("[data-value=patch]");
    await view.click(wanted("Add"));
    expect(last()?.[0]).toMatchObject({ kind: "patch", part: "head", text: "", on: false });
  });

  test("offers to freeze attention only, and no MLP where there is none", async () => {
    const model = explorerState().model as Exclude<Traits["model"], Record<string, never>>;
    await show({ model: { ...model, d_mlp: 0 } });
    await view.click(wanted("Other"));
    expect(view.all("[data-value=mlp], [data-value=neuron]")).toHaveLength(0);
    expect(view.all("[data-value=freeze]")).toHaveLength(1);
    await view.click("[data-value=position]");
    expect(view.all("[data-value=freeze]")).toHaveLength(0);
  });
});

describe("what the edits did", () => {
  const AFTER = [1, 4, -2, 3, 5, 0, 2, 3];
  const edited = { edits: [ZERO], facts: { forward_ms: 1, bytes: 1, edited: true, checked: "" } };
  const shares = (logits: readonly number[]) => {
    const weights = logits.map(Math.exp);
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return weights.map((weight) => weight / sum);
  };

  test("says the likeliest token, and the followed one, before and after", async () => {
    await show({ ...edited, token: 1 }, { base: LOGITS, run: AFTER });
    const words = view.text(".attrium-edits-change");
    const percent = (logits: readonly number[], id: number) => `${(100 * (shares(logits)[id] ?? 0)).toPrecision(3)}%`;
    expect(words).toContain(`are ${percent(LOGITS, 3)}`);
    expect(words).toContain(`is ${percent(AFTER, 4)}`);
    expect(words).toContain(percent(LOGITS, 1));
    expect(words).toContain(percent(AFTER, 1));
  });

  test("gives no numbers of another run when this one failed", async () => {
    const status = { state: "error", label: "Running the model", done: 0, total: 0, message: "no" } as const;
    await show({ ...edited, status }, { base: LOGITS, run: AFTER });
    expect(view.text(".attrium-edits-change")).toContain("the last run that worked");
    expect(view.all(".attrium-edits-token")).toHaveLength(0);
  });

  test("gives the divergence over the whole vocabulary", () => {
    const [p, q] = [shares(LOGITS), shares(AFTER)];
    const naive = p.reduce((sum, share, id) => sum + share * Math.log(share / (q[id] ?? 1)), 0);
    expect(divergence(Float32Array.from(LOGITS), Float32Array.from(AFTER))).toBeCloseTo(naive, 9);
    expect(divergence(Float32Array.of(1, -Infinity), Float32Array.of(3, -Infinity))).toBe(0);
  });

  test("is not there while nothing is changed", async () => {
    await show({ edits: [{ ...ZERO, on: false }] });
    expect(view.all(".attrium-edits-change")).toHaveLength(0);
  });
});

test("kindsFor gives patterns to freeze to attention alone", () => {
  expect(
    ["head", "attention", "mlp", "neuron", "position"].map((part) => kindsFor(part as Edit["part"]).length),
  ).toEqual([6, 6, 5, 5, 5]);
});

test("readPosition takes nothing for all positions, unless one is needed", () => {
  expect(readPosition("", 0, 5, false)).toEqual({ value: null, problem: null });
  expect(readPosition("", 0, 5, true).problem).toBe("Type a position, 0 to 5.");
  expect(readPosition("6", 0, 5, false).problem).toBe("Type a position, 0 to 5, or nothing for all.");
  expect(readPosition("4", 0, 5, true)).toEqual({ value: 4, problem: null });
});
