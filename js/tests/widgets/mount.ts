import { act } from "preact/test-utils";
import { MemoryModel } from "../../dev/model";
import type { RenderContext } from "../../src/lib";

export interface Mounted<Traits extends object> {
  el: HTMLElement;
  model: MemoryModel<Traits>;
  /** The first element that matches; an error where there is none. */
  find(selector: string): HTMLElement;
  all(selector: string): HTMLElement[];
  /** Lets writes reach the model, and changes the screen. */
  settle(): Promise<void>;
  click(selector: string, init?: MouseEventInit): Promise<void>;
  key(selector: string, key: string, init?: KeyboardEventInit): Promise<KeyboardEvent>;
  unmount(): void;
}

interface FrontEnd<Traits> {
  render(context: RenderContext<Traits>): () => void;
}

/** A widget's view on a model in memory, with a person's hands. */
export async function mount<Traits extends object>(
  frontEnd: FrontEnd<Traits>,
  state: Traits,
): Promise<Mounted<Traits>> {
  const model = new MemoryModel(state);
  const el = document.body.appendChild(document.createElement("div"));
  let unmount = () => {};
  await act(() => {
    unmount = frontEnd.render({ model, el });
  });
  const settle = () => act(() => new Promise<void>((done) => setTimeout(done, 40)));
  const find = (selector: string) => {
    const found = el.querySelector<HTMLElement>(selector);
    if (!found) throw new Error(`no ${selector} in ${el.innerHTML.slice(0, 400)}`);
    return found;
  };
  const dispatch = async (selector: string, event: Event) => {
    find(selector).dispatchEvent(event);
    await settle();
  };
  return {
    el,
    model,
    find,
    all: (selector) => [...el.querySelectorAll<HTMLElement>(selector)],
    settle,
    click: (selector, init) => dispatch(selector, new MouseEvent("click", { bubbles: true, ...init })),
    key: async (selector, key, init) => {
      const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...init });
      await dispatch(selector, event);
      return event;
    },
    unmount,
  };
}
