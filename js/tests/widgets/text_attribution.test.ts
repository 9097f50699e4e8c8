import { afterEach, describe, expect, test } from "vitest";
import { generationState, textState } from "../../dev/samples";
import frontEnd from "../../src/widgets/text_attribution";
import type { Traits } from "../../src/widgets/text_attribution/protocol";
import { type Mounted, mount } from "./mount";

let view: Mounted<Traits>;
afterEach(() => view.unmount());

async function open(state: Traits = textState()) {
  view = await mount(frontEnd, state);
  return view;
}

const unit = (at: number) => `[data-unit="${at}"]`;

describe("TextAttribution", () => {
  test("draws one chip per token, and markup as text", async () => {
    await open();
    expect(view.all("[role=option]")).toHaveLength(textState().tokens.length);
    expect(view.find(".attrium-strip").textContent).toContain("<script>alert(1)</script>");
    expect(view.all("script")).toHaveLength(0);
  });

  test("draws markup as text in title, caption and outputs too", async () => {
    const evil = "<img src=x onerror=alert(1)>";
    await open(generationState({ title: evil, caption: { target: evil }, outputs: Array(8).fill(evil) }));
    expect(view.all("img")).toHaveLength(0);
    expect(view.find(".attrium-title").textContent).toBe(evil);
  });

  test("joins words and sums their scores", async () => {
    await open(textState({ show_values: true }));
    const before = view.all("[role=option]").length;
    await view.click("[role=switch]");
    expect(view.model.get("merge_words")).toBe(true);
    expect(view.all("[role=option]").length).toBe(before - 4);
    expect(view.find(".attrium-strip").textContent).toContain("breathtaking");
  });

  test("offers to join words only where one has pieces", async () => {
    await open();
    expect(view.all("[role=switch]").map((toggle) => toggle.textContent)).toEqual(["Words", "Values"]);
    expect(view.all(".attrium-token-continues")).toHaveLength(4);
    view.unmount();
    const { tokens } = textState();
    await open(textState({ words: tokens.map((_, at) => at) }));
    expect(view.all("[role=switch]").map((toggle) => toggle.textContent)).toEqual(["Values"]);
  });

  test("selects tokens by click, Ctrl-click and Shift-click", async () => {
    await open();
    await view.click(unit(2));
    expect(view.model.get("selection")).toEqual([2]);
    await view.click(unit(5), { ctrlKey: true });
    expect(view.model.get("selection")).toEqual([2, 5]);
    await view.click(unit(3));
    await view.click(unit(6), { shiftKey: true });
    expect(view.model.get("selection")).toEqual([3, 4, 5, 6]);
  });

  test("selects tokens by keys alone", async () => {
    await open();
    await view.key(unit(0), "ArrowRight");
    await view.key(unit(1), "ArrowRight", { shiftKey: true });
    expect(view.model.get("selection")).toEqual([1, 2]);
    await view.key(unit(2), "Enter");
    expect(view.model.get("selection")).toEqual([2]);
    await view.key(unit(2), "Escape");
    expect(view.model.get("selection")).toEqual([]);
  });

  test("selects all tokens of a word", async () => {
    await open(textState({ merge_words: true }));
    const word = view.all("[role=option]").findIndex((chip) => chip.textContent?.includes("acting"));
    await view.click(unit(word));
    const { tokens } = textState();
    expect(view.model.get("selection").map((at) => tokens[at])).toEqual([" act", "ing"]);
  });

  test("colours nothing and says nothing of scores while there are none", async () => {
    await open(textState({ scores: null }));
    expect(view.find(unit(3)).style.backgroundColor).toBe("");
    expect(view.all(".attrium-legend")).toHaveLength(0);
  });

  test("redraws when Python sets other scores", async () => {
    await open();
    const before = view.find(unit(3)).style.backgroundColor;
    const { scores } = generationState();
    view.model.set("scores", scores && { ...scores, shape: [1, 168], range: null });
    await view.settle();
    expect(view.find(unit(3)).style.backgroundColor).not.toBe(before);
  });
});

describe("TextAttribution of a generation", () => {
  test("has a matrix of one pixel per output and token", async () => {
    await open(generationState());
    const canvas = view.find(".attrium-matrix-canvas") as HTMLCanvasElement;
    expect([canvas.height, canvas.width]).toEqual([8, 21]);
  });

  test("writes the row that is chosen by click or key", async () => {
    await open(generationState());
    (view.all(".attrium-matrix-rows [role=option]")[3] as HTMLElement).click();
    await view.settle();
    expect(view.model.get("row")).toBe(3);
    await view.key(".attrium-matrix-rows [aria-selected=true]", "ArrowUp");
    expect(view.model.get("row")).toBe(2);
    expect(view.find(".attrium-text-matrix strong").textContent).toBe("\u201cShe\u201d");
  });

  test("marks tokens without a score instead of colouring them", async () => {
    await open(generationState({ row: 0 }));
    expect(view.all(".attrium-strip .attrium-token-nan").length).toBe(7);
  });
});
