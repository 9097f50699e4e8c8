import { afterEach, describe, expect, test } from "vitest";
import { frame, imageState } from "../../dev/samples";
import frontEnd from "../../src/widgets/image_attribution";
import type { Traits } from "../../src/widgets/image_attribution/protocol";
import { type Mounted, mount } from "./mount";

let view: Mounted<Traits>;
afterEach(() => view.unmount());

async function open(change: Partial<Traits> = {}) {
  view = await mount(frontEnd, imageState(change));
  return view;
}

const STAGE = ".attrium-stage";

describe("ImageAttribution", () => {
  test("says what the trait says in the mode control, and writes the mode that is chosen", async () => {
    await open();
    expect(view.find("[role=radio][aria-checked=true]").dataset.value).toBe("blend");
    await view.click("[role=radio][data-value=contour]");
    expect(view.model.get("mode")).toBe("contour");
    expect(view.all(".attrium-contours g").length).toBeGreaterThan(1);
    view.model.set("mode", "heatmap");
    await view.settle();
    expect(view.find("canvas.attrium-heat").dataset.mode).toBe("heatmap");
  });

  test("moves through the modes by arrow keys", async () => {
    await open();
    await view.key("[role=radio][aria-checked=true]", "ArrowRight");
    expect(view.model.get("mode")).toBe("heatmap");
    await view.key("[role=radio][aria-checked=true]", "ArrowLeft");
    await view.key("[role=radio][aria-checked=true]", "ArrowLeft");
    expect(view.model.get("mode")).toBe("image");
  });

  test("gives the heat map's canvas one pixel per value", async () => {
    await open();
    const canvas = view.find("canvas.attrium-heat") as HTMLCanvasElement;
    expect([canvas.height, canvas.width]).toEqual([64, 64]);
  });

  test("reads values by arrow keys and tells them to screen readers", async () => {
    await open();
    await view.key(STAGE, "ArrowDown");
    await view.key(STAGE, "ArrowDown");
    const text = view.find("[data-readout]").textContent ?? "";
    expect(text).toMatch(/^y 33\u2002x 32\u2003[+\u2212]0\.0\d+/);
    expect(view.find(".attrium-spoken").textContent).toBe(text);
    expect(view.all(".attrium-legend-mark")).toHaveLength(1);
  });

  test("selects with Shift and arrows, as half-open rows and columns", async () => {
    await open();
    await view.key(STAGE, "ArrowDown");
    await view.key(STAGE, "ArrowRight", { shiftKey: true });
    await view.key(STAGE, "ArrowDown", { shiftKey: true });
    expect(view.model.get("selection")).toEqual([
      [32, 34],
      [32, 34],
    ]);
    expect(view.find("[data-selected]").textContent).toContain("rows 32\u2009:\u200934");
  });

  test("clears the selection by Escape, and leaves an Escape with nothing to clear to the host", async () => {
    await open({
      selection: [
        [1, 5],
        [2, 6],
      ],
    });
    expect((await view.key(STAGE, "Escape")).defaultPrevented).toBe(true);
    expect(view.model.get("selection")).toBeNull();
    expect((await view.key(STAGE, "Escape")).defaultPrevented).toBe(false);
  });

  test("zooms by keys and shows all again", async () => {
    await open();
    await view.key(STAGE, "+");
    expect(Number(view.find(STAGE).dataset.zoom)).toBe(1.5);
    await view.key(STAGE, "0");
    expect(Number(view.find(STAGE).dataset.zoom)).toBe(1);
  });

  test("works without scores and without a picture", async () => {
    await open({ heat: null });
    expect(view.all("canvas.attrium-heat")).toHaveLength(0);
    await view.key(STAGE, "ArrowDown");
    expect(view.find("[data-readout]").textContent).toBe("y 32\u2002x 32");
    view.unmount();
    await open({ image: null });
    expect(view.find("canvas.attrium-heat").dataset.mode).toBe("heatmap");
    view.unmount();
    await open({ image: null, heat: null });
    expect(view.find(".attrium-empty").textContent).toContain("neither a picture nor scores");
    expect(view.all("[role=radio]:not(:disabled)")).toHaveLength(0);
  });

  test("writes slider values, and the split as null when it is turned off", async () => {
    await open({ split: 0.3 });
    await view.click("[aria-label^=Colours]");
    const clip = view.all("input[type=range]")[0] as HTMLInputElement;
    clip.value = "5";
    clip.dispatchEvent(new Event("input", { bubbles: true }));
    await view.click("[role=switch]");
    expect([view.model.get("clip_percentile"), view.model.get("split")]).toEqual([5, null]);
  });

  test("moves the split by keys", async () => {
    await open({ split: 0.5 });
    await view.key("[role=slider]", "ArrowLeft");
    expect(view.model.get("split")).toBeCloseTo(0.48, 12);
    await view.key("[role=slider]", "End");
    expect(view.model.get("split")).toBe(1);
  });

  test("shows an error with what to do, and asks to try again", async () => {
    const message = "target=12, but the model has 10 classes (0 to 9); pass 0 <= target < 10";
    await open({ status: { state: "error", label: "No such target", done: 0, total: 0, message } });
    expect(view.find("[role=alert]").textContent).toContain(message);
    await view.click("[role=alert] button");
    expect(view.model.sent).toEqual([{ kind: "retry" }]);
  });

  test("says that it was cancelled, and asks to compute again", async () => {
    await open({ status: { state: "idle", label: "", done: 0, total: 0, message: "Cancelled" } });
    expect(view.find(".attrium-note").textContent).toContain("Cancelled");
    await view.click(".attrium-note button");
    expect(view.model.sent).toEqual([{ kind: "retry" }]);
  });

  test.each([
    [0, "all scores are zero"],
    [Number.NaN, "no finite score"],
  ])("has no scale where every score is %f", async (value, note) => {
    const values = new Float32Array(16).fill(value);
    await open({ heat: frame("heat", [4, 4], "float32", values) });
    expect(view.find(".attrium-legend").textContent).toContain(note);
    expect(view.all(".attrium-legend-ramp, .attrium-legend-ticks")).toHaveLength(0);
  });

  test("tells how to zoom when the wheel was left to the page", async () => {
    await open();
    view.find(STAGE).dispatchEvent(new WheelEvent("wheel", { deltaY: 40 }));
    await view.settle();
    expect(view.find("[data-readout]").textContent).toContain("Ctrl + scroll to zoom");
    expect(Number(view.find(STAGE).dataset.zoom)).toBe(1);
  });

  test("marks a gap of more than a tenth of the score", async () => {
    await open({ caption: { target: "disc", score: 2, gap: 0.3 } });
    expect(view.find("[data-caption=gap]").dataset.gap).toBe("large");
    view.unmount();
    await open({ caption: { target: "disc", score: 2, gap: -0.1 } });
    expect(view.find("[data-caption=gap]").dataset.gap).toBeUndefined();
  });

  test("shows progress, and asks to cancel", async () => {
    await open({ status: { state: "running", label: "Integrated gradients", done: 20, total: 50, message: "" } });
    expect(view.find("[role=progressbar]").getAttribute("aria-valuenow")).toBe("20");
    await view.click(".attrium-progress button");
    expect(view.model.sent).toEqual([{ kind: "cancel" }]);
  });

  test("asks for exact values of what is zoomed into, only where they were pooled", async () => {
    const wait = () => new Promise((done) => setTimeout(done, 250));
    await open();
    await view.key(STAGE, "+");
    await wait();
    expect(view.model.sent).toEqual([]);
    view.unmount();
    const { heat } = imageState();
    if (!heat) throw new Error("the sample has scores");
    await open({ heat: { ...heat, pooled: { kind: "absmax", factor: [4, 4] } } });
    await wait();
    expect(view.model.sent).toEqual([]);
    await view.key(STAGE, "+");
    await view.key(STAGE, "+");
    await wait();
    expect(view.model.sent).toMatchObject([{ kind: "view", tensor: "heat" }]);
    const [request] = view.model.sent as { index: [number, number][] }[];
    for (const [start, stop] of request?.index ?? []) expect(stop - start).toBeLessThanOrEqual(256 / 2.25 + 1);
  });
});
