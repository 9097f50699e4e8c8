import { act } from "preact/test-utils";
import { MemoryModel } from "../../../dev/model";
import { type ViewProps, widget } from "../../../src/lib";
import { useExplorer } from "../../../src/widgets/rasp_graph/explorer";
import { Panels } from "../../../src/widgets/rasp_graph/panels";
import type { Traits } from "../../../src/widgets/rasp_graph/protocol";
import { type Answers, answersTo } from "./panels-data";

type Ask = { kind: string; id: number; question: string; args: Record<string, unknown> };

function reply(ask: Ask, given: Answers, model: MemoryModel<Traits>): void {
  if (ask.kind !== "ask") return;
  const answer = given[ask.question] ?? answersTo(ask.args)[ask.question] ?? `no question "${ask.question}"`;
  if (typeof answer === "string") {
    model.emit("msg:custom", { kind: "error", id: ask.id, message: answer }, []);
    return;
  }
  const frames = answer.frames.map(([name, header]) => [name, header]);
  const buffers = answer.frames.map(([, , data]) => data);
  model.emit("msg:custom", { kind: "answer", id: ask.id, facts: answer.facts, frames }, buffers);
}

export interface Host {
  el: HTMLElement;
  model: MemoryModel<Traits>;
  /** What Python was told, but for questions. */
  told(): unknown[];
  find(selector: string): HTMLElement;
  all(selector: string): HTMLElement[];
  text(selector: string): string;
  settle(ms?: number): Promise<void>;
  fire(selector: string, event: Event): Promise<void>;
  click(selector: string): Promise<void>;
  /** Presses the button of these words. */
  press(words: string): Promise<void>;
  key(selector: string, key: string): Promise<void>;
  unmount(): void;
}

/** The panels on a model in memory, which answers as `panels-data` has it, or as given. */
export async function open(state: Traits, given: Answers = {}): Promise<Host> {
  const model = new MemoryModel<Traits>(state, (content, to) => queueMicrotask(() => reply(content as Ask, given, to)));
  const View = (props: ViewProps<Traits>) => <Panels explorer={useExplorer(props)} />;
  const el = document.body.appendChild(document.createElement("div"));
  let unmount = () => {};
  await act(() => {
    unmount = widget<Traits>("attrium-rasp-graph", View).render({ model, el });
  });
  const settle = (ms = 45) => act(() => new Promise<void>((done) => setTimeout(done, ms)));
  // Some questions are asked once others are answered.
  await settle();
  await settle();
  const all = (selector: string) => [...el.querySelectorAll<HTMLElement>(selector)];
  const find = (selector: string) => {
    const [found] = all(selector);
    if (!found) throw new Error(`no ${selector} in ${el.innerHTML.slice(0, 900)}`);
    return found;
  };
  const fire = async (selector: string, event: Event) => {
    find(selector).dispatchEvent(event);
    await settle();
    await settle();
  };
  return {
    el,
    model,
    told: () => model.sent.filter((message) => (message as Ask).kind !== "ask"),
    find,
    all,
    text: (selector) => find(selector).textContent ?? "",
    settle,
    fire,
    click: (selector) => fire(selector, new MouseEvent("click", { bubbles: true })),
    press: async (words) => {
      const button = all("button").find((one) => one.textContent?.trim() === words);
      if (!button) throw new Error(`no button "${words}" among ${all("button").map((one) => one.textContent)}`);
      button.click();
      await settle();
    },
    key: (selector, key) => fire(selector, new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true })),
    unmount: () => {
      unmount();
      el.remove();
    },
  };
}
