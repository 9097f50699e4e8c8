import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { generationState, imageState, insightsState, textState } from "../../dev/samples";
import attention from "../../src/widgets/attention_explorer";
import image from "../../src/widgets/image_attribution";
import insights from "../../src/widgets/insights";
import text from "../../src/widgets/text_attribution";
import transformer from "../../src/widgets/transformer_explorer";
import { attentionState } from "./attention_model";
import { type Mounted, mount } from "./mount";
import { explorerState } from "./transformer_explorer/panels-host";

const VIEWS: [name: string, open: () => Promise<Mounted<object>>][] = [
  ["ImageAttribution", () => mount(image, imageState({ split: 0.5 })) as Promise<Mounted<object>>],
  ["TextAttribution", () => mount(text, textState()) as Promise<Mounted<object>>],
  ["TextAttribution of a generation", () => mount(text, generationState()) as Promise<Mounted<object>>],
  ["Insights", () => mount(insights, insightsState()) as Promise<Mounted<object>>],
  ["AttentionExplorer", () => mount(attention, attentionState()) as Promise<Mounted<object>>],
  ["TransformerExplorer", () => mount(transformer, explorerState()) as Promise<Mounted<object>>],
  ["Insights with a card open", () => mount(insights, insightsState({ selection: 130 })) as Promise<Mounted<object>>],
];

/** Counts listeners on what outlives a view. */
function watchGlobals() {
  const open = new Set<string>();
  const targets = [window, document, document.body, document.documentElement];
  const originals = targets.map((target) => target.addEventListener);
  targets.forEach((target, at) => {
    target.addEventListener = (name: string, listener: unknown, options?: AddEventListenerOptions) => {
      const key = `${at} ${name} ${open.size}`;
      open.add(key);
      options?.signal?.addEventListener("abort", () => open.delete(key));
      originals[at]?.call(target, name, listener as EventListener, options);
    };
  });
  const restore = () =>
    targets.forEach((target, at) => {
      target.addEventListener = originals[at] as typeof target.addEventListener;
    });
  return { open, restore };
}

let observers = 0;
const Observer = globalThis.MutationObserver;
const Resize = globalThis.ResizeObserver;

/** An observer class that counts how many of it are at work. */
function counting<Base extends new (...args: never[]) => { observe(...args: never[]): void; disconnect(): void }>(
  base: Base,
) {
  return class extends (base as unknown as new (
    ...args: unknown[]
  ) => { observe(...args: unknown[]): void; disconnect(): void }) {
    #watching = false;
    override observe(...args: unknown[]): void {
      if (!this.#watching) observers++;
      this.#watching = true;
      super.observe(...args);
    }
    override disconnect(): void {
      if (this.#watching) observers--;
      this.#watching = false;
      super.disconnect();
    }
  };
}

beforeEach(() => {
  observers = 0;
  window.MutationObserver = counting(Observer) as unknown as typeof MutationObserver;
  globalThis.ResizeObserver = counting(Resize) as unknown as typeof ResizeObserver;
});
afterEach(() => {
  window.MutationObserver = Observer;
  globalThis.ResizeObserver = Resize;
});

describe.each(VIEWS)("%s", (_name, open) => {
  test("leaves no listener, observer or element when its view goes", async () => {
    const globals = watchGlobals();
    const view = await open();
    await view.settle();
    expect(view.model.listenerCount).toBeGreaterThan(3);
    expect(observers).toBeGreaterThan(0);
    view.unmount();
    globals.restore();
    expect(view.model.listenerCount).toBe(0);
    expect(observers).toBe(0);
    expect([...globals.open]).toEqual([]);
    expect(view.el.childElementCount).toBe(0);
  });

  test("draws a second view of the page beside the first, with ids of its own", async () => {
    const [first, second] = [await open(), await open()];
    const ids = [...first.all("[id]"), ...second.all("[id]")].map((element) => element.id);
    expect(new Set(ids).size).toBe(ids.length);
    first.unmount();
    expect(second.el.childElementCount).toBe(1);
    expect(second.model.listenerCount).toBeGreaterThan(3);
    second.unmount();
  });

  test("takes the theme that the trait names", async () => {
    const view = await open();
    view.model.set("theme" as never, "dark" as never);
    await view.settle();
    expect(view.find(".attrium").dataset.theme).toBe("dark");
    view.unmount();
  });

  test("ends when the host's signal does", async () => {
    const view = await open();
    view.unmount();
    view.unmount();
    expect(view.model.listenerCount).toBe(0);
  });
});

test("a view ends with the signal that a host may pass", async () => {
  const { MemoryModel } = await import("../../dev/model");
  const model = new MemoryModel(textState());
  const el = document.createElement("div");
  const host = new AbortController();
  text.render({ model, el, signal: host.signal });
  expect(model.listenerCount).toBeGreaterThan(0);
  host.abort();
  expect([model.listenerCount, el.childElementCount]).toEqual([0, 0]);
});
