import { afterEach, describe, expect, test } from "vitest";
import { insightsState } from "../../dev/samples";
import frontEnd from "../../src/widgets/insights";
import type { Traits } from "../../src/widgets/insights/protocol";
import { type Mounted, mount } from "./mount";

let view: Mounted<Traits>;
afterEach(() => view.unmount());

async function open(change: Partial<Traits> = {}) {
  view = await mount(frontEnd, insightsState(change));
  return view;
}

const NEEDS_KERNEL = { _needs_kernel: ["page", "filter", "targets", "method", "settings"] };

const card = (index: number) => `[data-card="${index}"]`;

describe("Insights", () => {
  test("draws a card per example, with its outcome in words and not by colour alone", async () => {
    await open();
    expect(view.all("[data-card]")).toHaveLength(8);
    expect(view.find(`${card(128)} [data-outcome]`).textContent).toBe("cross");
    expect(view.find(`${card(130)} [data-outcome]`).textContent).toBe("true: cross");
    expect(view.all(`${card(130)} [data-outcome] svg`)).toHaveLength(1);
  });

  test("tells cards that are done, waiting and failed apart", async () => {
    await open();
    expect([128, 131, 134].map((index) => view.find(card(index)).dataset.state)).toEqual(["done", "error", "waiting"]);
    expect(view.find(`${card(131)} .attrium-card-error`).textContent).toContain("not finite");
  });

  test("tells an error of every card once, above them", async () => {
    const error = "n_steps=0; pass at least 1";
    await open({ heats: [{ error }, { error }, null, null, null, null, null, null] });
    expect(view.all("[role=alert]").map((alert) => alert.textContent)).toEqual([
      expect.stringContaining("n_steps=0; pass at least 1"),
    ]);
    expect(view.all(".attrium-card-error")).toHaveLength(0);
    view.model.set("heats", [{ error }, { error: "another" }]);
    await view.settle();
    expect(view.all("[role=alert]")).toHaveLength(0);
    expect(view.all(".attrium-card-error")).toHaveLength(2);
  });

  test("turns off what needs a kernel on a saved page", async () => {
    const saved = document.body.appendChild(document.createElement("script"));
    saved.id = "attrium-state";
    saved.type = "application/json";
    await open({ kind: "image", ...NEEDS_KERNEL });
    saved.remove();
    const off = ["[aria-label^='Next page']", "[role=radio][data-value=wrong]", ".attrium-bars button", "select"];
    for (const selector of off) {
      expect(view.find(selector).closest("fieldset:disabled")?.getAttribute("title")).toBe("Needs a running kernel");
    }
    await view.key(`${card(128)} [data-open]`, "PageUp");
    expect(view.model.get("page")).toBe(16);
    expect(view.find(".attrium-note").textContent).toContain("need a running kernel");
    expect(view.find(`${card(128)} [data-open]`).closest("fieldset")).toBeNull();
  });

  test("turns everything on in a live notebook", async () => {
    await open({ kind: "image", ...NEEDS_KERNEL });
    expect(view.all("fieldset")).toHaveLength(0);
  });

  test("switches the target of one card, and hides the explanation of the other class at once", async () => {
    await open();
    await view.click(`${card(128)} .attrium-bars [data-class="1"]`);
    expect(view.model.get("targets")).toEqual({ "128": 1 });
    expect(view.find(card(128)).dataset.state).toBe("waiting");
    expect(view.find(`${card(128)} [aria-pressed=true]`).dataset.class).toBe("1");
    expect(view.find(card(129)).dataset.state).toBe("done");
  });

  test("filters by outcome and class, and goes back to the first page", async () => {
    await open();
    await view.click("[role=radio][data-value=wrong]");
    expect([view.model.get("filter").outcome, view.model.get("page")]).toEqual(["wrong", 0]);
    await view.click(".attrium-insights-bar > .attrium-button");
    await view.click("[aria-label='True label'] [data-class='3']");
    await view.click("[aria-label='True label'] [data-class='1']");
    await view.click("[aria-label=Predicted] [data-class='2']");
    expect(view.model.get("filter")).toEqual({ outcome: "wrong", classes: [1, 3], predicted: [2] });
    await view.click("[aria-label='True label'] [data-class='3']");
    expect(view.model.get("filter").classes).toEqual([1]);
  });

  test("a new method starts from its own defaults", async () => {
    await open();
    const list = view.find("select") as HTMLSelectElement;
    list.value = "Occlusion";
    list.dispatchEvent(new Event("change", { bubbles: true }));
    await view.settle();
    expect(view.model.get("method")).toBe("Occlusion");
    expect(view.model.get("settings")).toEqual({ window: 8, stride: null });
    expect(view.model.saves).toBe(1);
  });

  test("draws the settings of the method from its own fields, and changes one", async () => {
    await open();
    await view.click("[aria-label='Method settings']");
    const field = view.find(".attrium-settings input") as HTMLInputElement;
    field.value = "20";
    field.dispatchEvent(new Event("change", { bubbles: true }));
    await view.settle();
    expect(view.model.get("settings")).toEqual({ n_steps: 20, rule: "gausslegendre", multiply_by_inputs: true });
  });

  test("turns pages by buttons and keys", async () => {
    await open();
    await view.click("[aria-label^='Next page']");
    expect(view.model.get("page")).toBe(17);
    await view.key(`${card(128)} [data-open]`, "PageUp");
    expect(view.model.get("page")).toBe(16);
    await view.key(`${card(135)} [data-open]`, "ArrowRight");
    expect(view.model.get("page")).toBe(17);
    await view.key(`${card(135)} [data-open]`, "End");
    expect(view.model.get("page")).toBe(63);
  });

  test("moves the focus from card to card", async () => {
    await open();
    view.find(`${card(128)} [data-open]`).focus();
    await view.key(`${card(128)} [data-open]`, "ArrowRight");
    expect(document.activeElement).toBe(view.find(`${card(129)} [data-open]`));
  });

  test("opens a card, moves to its neighbour, and comes back to it by Escape", async () => {
    await open();
    await view.click(`${card(129)} [data-open]`);
    expect(view.model.get("selection")).toBe(129);
    expect(view.all("[data-card]")).toHaveLength(0);
    await view.key(".attrium-detail", "ArrowRight", { altKey: true });
    expect(view.model.get("selection")).toBe(130);
    await view.key(".attrium-detail", "Escape");
    expect(view.model.get("selection")).toBeNull();
    expect(document.activeElement).toBe(view.find(`${card(130)} [data-open]`));
  });

  test("opens the example that Python selects", async () => {
    await open();
    view.model.set("selection", 132);
    await view.settle();
    expect(view.find(".attrium-title").textContent).toContain("132");
  });

  test("draws texts as coloured words, markup as text", async () => {
    await open({ kind: "text" });
    expect(view.all(".attrium-card .attrium-strip")).toHaveLength(8);
    expect(view.all("script")).toHaveLength(0);
    expect(view.find(`${card(128)} .attrium-strip`).textContent).toContain("<script>alert(1)</script>");
  });

  test("shows how far the predictions are, and placeholders while there are no cards", async () => {
    const status = { state: "running" as const, label: "Predicting", done: 3, total: 8, message: "" };
    await open({ cards: [], heats: [], summary: { accuracy: null, correct: 0, wrong: 0, done: 300 }, status });
    expect(view.find("[aria-label=Predictions]").getAttribute("aria-valuenow")).toBe("300");
    expect(view.all(".attrium-loading")).toHaveLength(8);
  });

  test("says what to do when nothing passes the filter", async () => {
    const status = { state: "idle" as const, label: "", done: 0, total: 0, message: "" };
    await open({ cards: [], heats: [], total: 0, page: 0, status });
    expect(view.find(".attrium-empty").textContent).toContain("Choose more classes");
  });
});
