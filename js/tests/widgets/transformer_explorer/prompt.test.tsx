import { afterEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { Prompt } from "../../../src/widgets/transformer_explorer/prompt";
import type { Traits } from "../../../src/widgets/transformer_explorer/protocol";
import { explorerState, type Host, open, tokensOf } from "./panels-host";

let view: Host;
afterEach(() => view.unmount());

async function show(change: Partial<Traits> = {}) {
  view = await open(Prompt, explorerState(change));
  return view;
}

const box = () => view.find("textarea") as HTMLTextAreaElement;
const chip = (at: number) => `[data-unit="${at}"]`;
const button = (words: string) => {
  const found = view.all("button").find((one) => one.textContent === words || one.title === words);
  if (!found) throw new Error(`no button ${words}`);
  found.dataset.wanted = words;
  return `[data-wanted="${words}"]`;
};

/** Python's run of a new text. */
function ran(text: string, ids: number[], given = ids.length) {
  const { model } = view;
  model.set("text", text);
  model.set("ids", ids);
  model.set("tokens", tokensOf(ids, given));
  model.set("position", ids.length - 1);
  model.set("run", model.get("run") + 1);
}

/** The page is one that `to_html` wrote, until the view is gone. */
function savePage(): void {
  const state = document.body.appendChild(document.createElement("script"));
  state.id = "attrium-state";
  state.type = "application/json";
  state.textContent = "{}";
  onTestFinished(() => state.remove());
}

describe("the prompt's box", () => {
  test("says whose count it is after a text was refused", async () => {
    await show();
    expect(view.text(".attrium-prompt-note")).toBe("4 tokens");
    view.model.set("text", "far too long");
    view.model.set("status", { state: "error", label: "Running", done: 0, total: 0, message: "too long" });
    await view.settle();
    expect(view.text(".attrium-prompt-note")).toBe("shown: 4 tokens, of the last run that worked");
  });

  test("is there to be read on a saved page, with nothing to press", async () => {
    savePage();
    await show({ examples: ["one", "two"] });
    expect(box().readOnly).toBe(true);
    expect(view.all(".attrium-prompt button").map((one) => one.textContent)).toEqual([]);
    await view.key("textarea", "Enter");
    expect(view.model.get("text")).toBe("door keys<b> old");
  });

  test("is measured again when its width changes", async () => {
    const watched: { target: Element; tell: () => void }[] = [];
    vi.stubGlobal(
      "ResizeObserver",
      class {
        constructor(readonly tell: () => void) {}
        observe(target: Element) {
          watched.push({ target, tell: this.tell });
        }
        disconnect() {}
      },
    );
    onTestFinished(() => void vi.unstubAllGlobals());
    const width = vi.spyOn(HTMLElement.prototype, "clientWidth", "get").mockReturnValue(900);
    const high = vi.spyOn(HTMLElement.prototype, "scrollHeight", "get").mockReturnValue(36);
    onTestFinished(() => {
      width.mockRestore();
      high.mockRestore();
    });
    await show();
    expect(box().style.height).toBe("38px");
    width.mockReturnValue(500);
    high.mockReturnValue(56);
    for (const { target, tell } of watched) if (target === box()) tell();
    await view.settle();
    expect(box().style.height).toBe("58px");
  });

  test("runs with Enter, and with the button", async () => {
    await show();
    await view.type("textarea", "the cat");
    expect(view.model.get("text")).toBe("door keys<b> old");
    await view.key("textarea", "Enter");
    expect(view.model.get("text")).toBe("the cat");
    await view.type("textarea", "the old cat");
    await view.click(button("Run"));
    expect(view.model.get("text")).toBe("the old cat");
  });

  test("starts a line with Shift+Enter, which the notebook does not hear", async () => {
    await show();
    const heard = vi.fn();
    view.el.addEventListener("keydown", heard);
    const event = await view.key("textarea", "Enter", { shiftKey: true });
    expect([event.defaultPrevented, heard.mock.calls.length]).toEqual([false, 0]);
    expect(view.model.get("text")).toBe("door keys<b> old");
  });

  test("does not run while an input method is composing", async () => {
    await show();
    await view.type("textarea", "new");
    await view.key("textarea", "Enter", { isComposing: true });
    expect(view.model.get("text")).toBe("door keys<b> old");
  });

  test("keeps what is being typed when a text arrives from Python, and offers it", async () => {
    await show();
    await view.type("textarea", "half a sent");
    ran("from Python", [4]);
    await view.settle();
    expect(box().value).toBe("half a sent");
    expect(view.text(".attrium-prompt-note")).toContain("changed from Python while you wrote");
    await view.click(button("show the new text"));
    expect(box().value).toBe("from Python");
  });

  test("shows a text from Python at once when nothing was typed", async () => {
    await show();
    ran("from Python", [4]);
    await view.settle();
    expect([box().value, view.text(".attrium-prompt-note")]).toEqual(["from Python", "1 token"]);
  });

  test("goes back to the text that was run with Escape", async () => {
    await show();
    await view.type("textarea", "other");
    await view.key("textarea", "Escape");
    expect(box().value).toBe("door keys<b> old");
  });

  test("runs the same text again after tokens were cut or written on", async () => {
    await show();
    ran("door keys<b> old", [0, 1]);
    await view.settle();
    expect(view.text(".attrium-prompt-note")).toContain("the text above has 4");
    await view.key("textarea", "Enter");
    expect(view.went).toEqual([{ ids: [0, 1, 2, 6] }]);
  });

  test("does not run a text that has just been run", async () => {
    await show();
    await view.key("textarea", "Enter");
    expect([view.went, view.model.saves]).toEqual([[], 0]);
  });

  test("offers the examples, and runs the one that is chosen", async () => {
    await show({ examples: ["one", "two <i>"] });
    await view.click(button("Examples"));
    expect(view.all("[role=menuitem]").map((item) => item.textContent)).toEqual(["one", "two <i>"]);
    await view.click("[role=menuitem]:last-child");
    expect([view.model.get("text"), view.all("[role=menu]").length]).toEqual(["two <i>", 0]);
  });
});

describe("the prompt's tokens", () => {
  test("are text, never markup, and say what they are", async () => {
    await show({ ids: [0, 5, 2, 6], tokens: tokensOf([0, 5, 2, 6], 3), position: 2 });
    expect(view.all("[role=option]").map((one) => one.textContent)).toEqual([
      "\u00b7door",
      "\u21b5",
      "<b>",
      "\u00b7old",
    ]);
    expect(view.all("[data-generated=true]").map((one) => one.dataset.unit)).toEqual(["3"]);
    expect(view.all("[data-here=true]").map((one) => one.dataset.unit)).toEqual(["2"]);
    expect(view.find(chip(1)).className).toContain("attrium-token-special");
    expect(view.find(chip(3)).title).toBe("position 3, id 6, generated");
  });

  test("take the reader there by click, and select", async () => {
    await show();
    await view.click(chip(1));
    expect([view.went, view.model.get("selection")]).toEqual([[{ position: 1 }], [1]]);
    await view.click(chip(3), { shiftKey: true });
    expect(view.model.get("selection")).toEqual([1, 2, 3]);
    await view.click(chip(2), { ctrlKey: true });
    expect([view.model.get("selection"), view.model.get("position")]).toEqual([[1, 3], 1]);
  });

  test("are walked by keys alone", async () => {
    await show();
    await view.key(chip(3), "ArrowLeft");
    await view.key(chip(2), "ArrowLeft", { shiftKey: true });
    expect(view.model.get("selection")).toEqual([1, 2]);
    await view.key(chip(1), "Enter");
    expect(view.went).toEqual([{ position: 1 }]);
    await view.key(chip(1), "Delete");
    expect(view.went.at(-1)).toEqual({ ids: [0], position: 0 });
  });

  test("offer to cut and to branch in a menu, but not before the first", async () => {
    await show();
    await view.fire(chip(2), new MouseEvent("contextmenu", { bubbles: true, cancelable: true }));
    await view.click("[role=menuitem]:nth-child(2)");
    expect(view.went.at(-1)).toEqual({ position: 1, view: "logits" });
    await view.fire(chip(2), new MouseEvent("contextmenu", { bubbles: true, cancelable: true }));
    await view.click("[role=menuitem]:nth-child(3)");
    expect(view.went.at(-1)).toEqual({ ids: [0, 1], position: 1 });
    await view.fire(chip(0), new MouseEvent("contextmenu", { bubbles: true, cancelable: true }));
    expect(view.all("[role=menuitem]:disabled")).toHaveLength(2);
    await view.key("[role=menu]", "Escape");
    expect(view.all("[role=menu]")).toHaveLength(0);
  });

  test("of a long prompt are a window around the reader, which moves", async () => {
    const ids = Array.from({ length: 1000 }, (_, at) => at % 5);
    await show({ ids, tokens: tokensOf(ids), position: 700 });
    expect(view.all("[role=option]")).toHaveLength(100);
    expect(view.all(".attrium-prompt-more").map((one) => one.textContent)).toEqual([
      "650 more before \u2026",
      "\u2026 250 more after",
    ]);
    expect(view.find(chip(700)).dataset.here).toBe("true");
    await view.click(".attrium-prompt-more");
    expect(view.find(chip(649)).textContent).not.toBe("");
    expect(view.all("[role=option]")).toHaveLength(100);
  });

  test("of a long prompt are walked beyond the window's edge, which stays still inside", async () => {
    const ids = Array.from({ length: 1000 }, (_, at) => at % 5);
    await show({ ids, tokens: tokensOf(ids), position: 700 });
    view.find(chip(650)).focus();
    await view.key(chip(650), "ArrowLeft");
    expect((document.activeElement as HTMLElement).dataset.unit).toBe("649");
    await view.key(chip(649), "Enter");
    expect(view.went.at(-1)).toEqual({ position: 649 });
    const first = view.all("[role=option]")[0]?.dataset.unit;
    await view.click(chip(610));
    expect(view.all("[role=option]")[0]?.dataset.unit).toBe(first);
    await view.key(chip(610), "End");
    expect((document.activeElement as HTMLElement).dataset.unit).toBe("999");
  });
});

describe("writing on", () => {
  test("asks for one token, or for so many", async () => {
    await show();
    await view.click(button("Step"));
    await view.click(button("Run 10"));
    expect(view.told()).toEqual([
      { kind: "generate", count: 1 },
      { kind: "generate", count: 10 },
    ]);
  });

  test("stops what runs, and only that", async () => {
    await show();
    expect(view.find(button("Stop")).hasAttribute("disabled")).toBe(true);
    view.model.set("status", { state: "running", label: "Generating", done: 2, total: 10, message: "" });
    await view.settle();
    expect(view.text(".attrium-prompt-running")).toContain("Generating 3 of 10");
    expect(view.find(button("Step")).hasAttribute("disabled")).toBe(true);
    await view.click(button("Stop"));
    expect(view.told()).toEqual([{ kind: "cancel" }]);
  });

  test("takes back the last token, or all that were generated", async () => {
    await show({ ids: [0, 1, 2, 6], tokens: tokensOf([0, 1, 2, 6], 2) });
    await view.click(button("Remove the last token"));
    expect(view.went.at(-1)).toEqual({ ids: [0, 1, 2], position: 2 });
    view.model.set("ids", [0, 1, 2, 6]);
    await view.click(button("Remove all generated tokens"));
    expect(view.went.at(-1)).toEqual({ ids: [0, 1], position: 1 });
  });

  test("is not offered where the model cannot", async () => {
    const state = explorerState();
    await show({ model: { ...(state.model as Exclude<Traits["model"], Record<string, never>>), causal: false } });
    expect(view.all(".attrium-prompt-writing")).toHaveLength(0);
  });
});
