import { act } from "preact/test-utils";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import frontEnd from "../../src/widgets/attention_explorer";
import type { Traits } from "../../src/widgets/attention_explorer/protocol";
import type { MemoryModel } from "../../dev/model";
import { type Asked, attentionModel, attentionState, weight } from "./attention_model";

let el: HTMLElement;
let model: MemoryModel<Traits>;
let unmount = () => {};

/** A window of 1,000 pixels, which happy-dom does not lay out by itself. */
beforeEach(() => {
  vi.spyOn(HTMLElement.prototype, "clientWidth", "get").mockReturnValue(1000);
});
afterEach(() => {
  unmount();
  el.remove();
});

const settle = (ms = 60) => act(() => new Promise<void>((done) => setTimeout(done, ms)));

async function open(change: Partial<Traits> = {}, count = 16, refuse = false): Promise<void> {
  model = attentionModel(attentionState(change, count), refuse);
  el = document.body.appendChild(document.createElement("div"));
  await act(() => {
    unmount = frontEnd.render({ model, el });
  });
  await settle();
}

const asked = (kind: string) => (model.sent as Asked[]).filter((one) => one.kind === kind);
const find = (selector: string) => {
  const found = el.querySelector<HTMLElement>(selector);
  if (!found) throw new Error(`no ${selector} in ${el.innerHTML.slice(0, 600)}`);
  return found;
};
const all = (selector: string) => [...el.querySelectorAll<HTMLElement>(selector)];
const MATRIX = "[aria-roledescription=matrix]";

async function key(selector: string, name: string, init: KeyboardEventInit = {}): Promise<void> {
  find(selector).dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true, ...init }));
  await settle();
}

async function choose(label: string, value: string): Promise<void> {
  const select = all("label")
    .find((one) => one.textContent?.startsWith(label))
    ?.parentElement?.querySelector("select");
  if (!select) throw new Error(`no ${label}`);
  select.value = value;
  select.dispatchEvent(new Event("change", { bubbles: true }));
  await settle();
}

async function view(label: string): Promise<void> {
  all("[role=radio]")
    .find((one) => one.textContent === label)
    ?.click();
  await settle();
}

const said = () => find("[aria-live=polite][role=status]").textContent ?? "";

describe("AttentionExplorer", () => {
  test("asks for the overview, the scores and one head, in no more pixels than it has", async () => {
    await open({ layer: 2, head: 1 }, 600);
    const question = asked("ask").find((one) => one.question === "field");
    expect(question?.args).toEqual({ shown: 0, minus: -1, kind: "self", measure: "pattern", scale: "linear" });
    const [whole] = asked("view");
    expect(whole?.tensor).toBe("attention/0/self/2/pattern/linear");
    expect(whole?.index).toEqual([
      [1, 2],
      [0, 600],
      [0, 600],
    ]);
    expect(Math.max(...(whole?.pixels ?? [9999]))).toBeLessThanOrEqual(560);
    expect(find(".attrium-matrix-notes").textContent).toContain("each dot the largest of");
  });

  test.each([1024, 8192])(
    "stays small in the page with %i tokens",
    async (count) => {
      for (const show of ["matrix", "arcs"] as const) {
        await open({ show, selection: [5, 6], cell: [9, 8] }, count);
        expect(el.querySelectorAll("*").length).toBeLessThan(500);
        unmount();
        el.remove();
      }
      await open({}, 16);
    },
    60_000,
  );

  test("draws token texts as text", async () => {
    const evil = "<img src=x onerror=alert(1)>";
    await open({
      title: evil,
      show: "arcs",
      runs: [{ label: evil, queries: { self: [evil, evil] }, keys: { self: [evil, evil] } }],
    });
    expect(all("img")).toHaveLength(0);
    expect(find(".attrium-arcs-query").textContent).toBe(evil);
  });

  test("keys move over the cells and read exact values, also of pooled ones", async () => {
    await open({ layer: 1, head: 2 }, 600);
    await key(MATRIX, "ArrowDown");
    await key(MATRIX, "PageDown");
    for (let step = 0; step < 10; step++) await key(MATRIX, "ArrowRight");
    const value = Number(said().split(", ").at(-1));
    expect(said()).toContain("query 11 ");
    expect(said()).toContain("key 10 ");
    expect(value).toBeCloseTo(weight(1, 2, 11, 10), 4);
    const exact = asked("view").filter(({ pixels }) => pixels?.[0] === 1 && pixels[1] === 1);
    expect(exact.at(-1)?.index).toEqual([
      [2, 3],
      [11, 12],
      [10, 11],
    ]);
  });

  test("zooming asks for the region in sight, and 0 shows the whole again", async () => {
    await open({}, 600);
    await key(MATRIX, "ArrowDown");
    for (let step = 0; step < 8; step++) await key(MATRIX, "+");
    await settle(150);
    const near = asked("view").at(-1);
    const [, rows = [0, 0]] = near?.index ?? [];
    expect(rows[1] - rows[0]).toBeLessThan(200);
    expect(near?.pixels).toEqual([rows[1] - rows[0], rows[1] - rows[0]]);
    expect(find(MATRIX).dataset.zoomed).toBe("true");
    await key(MATRIX, "0");
    expect(find(MATRIX).dataset.zoomed).toBe("false");
  });

  test("Enter pins a cell, Space selects its query, Escape drops one after the other", async () => {
    await open();
    await key(MATRIX, "ArrowDown");
    await key(MATRIX, "ArrowRight");
    await key(MATRIX, "Enter");
    expect(model.get("cell")).toEqual([1, 1]);
    await key(MATRIX, " ");
    expect(model.get("selection")).toEqual([1]);
    expect(all("[data-kept]")).toHaveLength(2);
    await key(MATRIX, "Escape");
    expect(model.get("cell")).toBeNull();
    await key(MATRIX, "Escape");
    expect(model.get("selection")).toEqual([]);
  });

  test("brackets go to the next head and over the end of a layer, braces to the next layer", async () => {
    await open({ layer: 1, head: 5 });
    await key(MATRIX, "]");
    expect([model.get("layer"), model.get("head")]).toEqual([2, 0]);
    await key(MATRIX, "[");
    expect([model.get("layer"), model.get("head")]).toEqual([1, 5]);
    await key(MATRIX, "}");
    expect([model.get("layer"), model.get("head")]).toEqual([2, 5]);
    await key(MATRIX, "{");
    expect(asked("view").map(({ tensor }) => tensor)).toContain("attention/0/self/2/pattern/linear");
  });

  test("a head that was seen before is not asked for again", async () => {
    await open();
    await key(MATRIX, "]");
    const before = asked("view").length;
    await key(MATRIX, "[");
    expect(asked("view")).toHaveLength(before);
  });

  test("heads have the names that the run gives them, as text", async () => {
    const runs = attentionState({}, 16).runs.map((run) => ({
      ...run,
      heads: { self: [["", "<b>earlier</b>"], [7 as never]] },
    }));
    await open({ runs, layer: 0, head: 1 });
    const heading = () => find(".attrium-attention-name h3").textContent;
    expect(heading()).toBe("Layer 0, head 1 <b>earlier</b>");
    expect(find("[role=gridcell]").textContent).toBe("Layer 0, head 1 <b>earlier</b>");
    await act(() => model.set("layer", 1));
    await act(() => model.set("head", 0));
    await settle();
    expect(heading()).toBe("Layer 1, head 0");
  });

  test("the field's keys choose a head, and its sorting is written", async () => {
    await open();
    await key("[role=grid]", "ArrowDown");
    await key("[role=grid]", "ArrowRight");
    expect(find("[role=gridcell]").textContent).toBe("Layer 1, head 1");
    await key("[role=grid]", "Enter");
    expect([model.get("layer"), model.get("head")]).toEqual([1, 1]);
    await key("[role=grid]", "Enter", { ctrlKey: true });
    await choose("Heads by", "previous_token");
    expect(model.get("order")).toBe("previous_token");
    expect(find("[role=gridcell]").textContent).toMatch(/Previous token 0\.\d/);
  });

  test("a measure that joins all heads has one tensor for each layer, and no scores", async () => {
    await open({ layer: 2, head: 3 });
    await choose("Measure", "rollout");
    const last = asked("view").at(-1);
    expect(last?.tensor).toBe("attention/0/self/2/rollout/linear");
    expect(last?.index?.[0]).toEqual([0, 1]);
    expect(find("h3").textContent).toBe("Layer 2, heads together");
    expect(model.get("head")).toBe(3);
  });

  test("offers only scales that say something of the measure", async () => {
    await open({ scale: "log" });
    await choose("Measure", "scores");
    expect(model.get("scale")).toBe("linear");
    const scales = all("label").find((one) => one.textContent === "Scale")?.parentElement;
    expect([...(scales?.querySelectorAll("option") ?? [])].map(({ value }) => value)).toEqual(["linear", "rank"]);
  });

  test("says quietly what could not be answered, as on a saved page", async () => {
    await open({}, 16, true);
    expect(find(".attrium-matrix-error").textContent).toBe("This needs a running kernel.");
    expect(find(".attrium-attention-note").textContent).toBe("This needs a running kernel.");
  });

  test("draws nothing of another measure where there is no answer", async () => {
    await open();
    expect(all(".attrium-matrix-legend")).toHaveLength(1);
    model.send = (content: unknown) => {
      const { id } = content as Asked;
      queueMicrotask(() => model.emit("msg:custom", { kind: "error", id, message: "no kernel" }));
    };
    await choose("Measure", "scores");
    await settle();
    expect(find(".attrium-matrix-error").textContent).toBe("no kernel");
    expect(all(".attrium-matrix-legend")).toHaveLength(0);
  });

  test("a saved page offers what it took along, and says that there is more", async () => {
    const page = document.body.appendChild(document.createElement("script"));
    page.id = "attrium-state";
    const saved = ["attention/0-1/self/0/pattern/linear", "attention/0/self/0/pattern/linear"];
    const two = attentionState({}, 16).runs.flatMap((run) => [run, { ...run, label: "other" }]);
    model = attentionModel(attentionState({ runs: two }, 16), ({ kind, tensor }) => {
      return kind === "view" && !saved.includes(tensor ?? "");
    });
    el = document.body.appendChild(document.createElement("div"));
    await act(() => {
      unmount = frontEnd.render({ model, el });
    });
    await settle(120);
    page.remove();
    const offered = (label: string) =>
      [
        ...(all("label")
          .find((one) => one.textContent?.startsWith(label))
          ?.parentElement?.querySelectorAll("option") ?? []),
      ].map((one) => one.value);
    // One measure and one scale: nothing to choose.
    expect([offered("Measure"), offered("Scale")]).toEqual([[], []]);
    expect(offered("Subtract")).toEqual(["-1", "1"]);
    expect(find(".attrium-attention-head").textContent).toContain("need the notebook");
  });

  test("shows what is missing while there is nothing", async () => {
    await open({ runs: [], kinds: [] });
    expect(find(".attrium-empty").textContent).toContain("no attention");
    expect(model.sent).toHaveLength(0);
  });

  test("leaves no listener behind", async () => {
    await open();
    expect(model.listenerCount).toBeGreaterThan(0);
    unmount();
    expect(model.listenerCount).toBe(0);
  });
});

describe("comparison", () => {
  const tokens = ["a", "b", "c"];
  const run = (label: string) => ({ label, queries: { self: tokens }, keys: { self: tokens } });

  test("subtracts another run on the linear scale, in signed colours", async () => {
    await open({ runs: [run("one"), run("two")], scale: "log" });
    await choose("Subtract", "1");
    expect([model.get("minus"), model.get("scale")]).toEqual([1, "linear"]);
    expect(asked("view").at(-1)?.tensor).toBe("attention/0-1/self/0/pattern/linear");
    expect(find(".attrium-matrix-legend").textContent).toContain("\u2212");
  });

  test("never subtracts a run from itself", async () => {
    await open({ runs: [run("one"), run("two")], minus: 1 });
    await view("two");
    expect([model.get("shown"), model.get("minus")]).toEqual([1, 0]);
  });
});

describe("lines", () => {
  test("ask for all keys of the queries in sight, and not for all queries", async () => {
    await open({ show: "arcs" }, 1024);
    const rows = asked("view").find(({ pixels }) => pixels?.[1] === 1024);
    expect(rows?.index?.[2]).toEqual([0, 1024]);
    expect((rows?.index?.[1]?.[1] ?? 0) - (rows?.index?.[1]?.[0] ?? 0)).toBeLessThanOrEqual(64);
  });

  test("several heads are asked for and named, and can be left out again", async () => {
    await open({
      show: "arcs",
      heads_on: [
        [0, 1],
        [2, 3],
      ],
    });
    const heads = asked("view").map(({ tensor, index }) => `${tensor?.split("/")[3]}.${index?.[0]?.[0]}`);
    expect(heads).toEqual(expect.arrayContaining(["0.1", "2.3"]));
    all(".attrium-arcs-legend button")[0]?.click();
    await settle();
    expect(model.get("heads_on")).toEqual([[2, 3]]);
  });

  test("are selected by click, Ctrl and Shift, and by keys", async () => {
    await open({ show: "arcs" });
    const query = (at: number, init: MouseEventInit = {}) => {
      all(".attrium-arcs-query")[at]?.dispatchEvent(new MouseEvent("click", { bubbles: true, ...init }));
      return settle();
    };
    await query(2);
    await query(5, { shiftKey: true });
    expect(model.get("selection")).toEqual([2, 3, 4, 5]);
    await query(3, { ctrlKey: true });
    expect(model.get("selection")).toEqual([2, 4, 5]);
    await key("[role=listbox]", "ArrowDown");
    await key("[role=listbox]", "Enter");
    expect(model.get("selection")).toEqual([1]);
    expect(said()).toMatch(/^query 1 cat: /);
  });

  test("the pointed query's strongest keys are listed, and a click pins the cell", async () => {
    await open({ show: "arcs", layer: 3, head: 1 });
    await act(() => {
      all(".attrium-arcs-query")[9]?.dispatchEvent(new PointerEvent("pointerenter"));
    });
    await settle();
    const listed = all(".attrium-strongest li");
    expect(listed[0]?.textContent).toContain("was");
    listed[0]?.querySelector("button")?.click();
    await settle();
    expect(model.get("cell")).toEqual([9, 8]);
  });
});

describe("the picture", () => {
  const patches = ["[CLS]", ...Array.from({ length: 6 }, (_, at) => `patch ${Math.floor(at / 3)},${at % 3}`)];
  const image = {
    name: "image",
    shape: [4, 6, 3],
    dtype: "uint8",
    range: [0, 0],
    pooled: { kind: "none", factor: [1, 1, 1] },
    quantised: null,
    data: new Uint8Array(72),
  } as const;
  const state = {
    runs: [{ label: "", queries: { self: patches }, keys: { self: patches } }],
    image: { ...image, shape: [...image.shape], range: [0, 0], pooled: { kind: "none", factor: [1, 1, 1] } },
    grid: [2, 3],
    prefix: 1,
    show: "picture",
  } as Partial<Traits>;

  test("is offered where the keys are its patches, and chooses queries by key and chip", async () => {
    await open(state);
    const stage = "[aria-roledescription='picture of patches']";
    await key(stage, "ArrowRight");
    await key(stage, "ArrowDown");
    await key(stage, "Enter");
    expect(model.get("selection")).toEqual([4]);
    all(".attrium-patches-special button")[0]?.click();
    await settle();
    expect(model.get("selection")).toEqual([0]);
  });

  test("is not offered to other tokens", async () => {
    await open({ ...state, prefix: 0 });
    expect(all("[role=radio]").map((one) => one.textContent)).not.toContain("Picture");
    expect(find(MATRIX)).toBeTruthy();
  });
});
