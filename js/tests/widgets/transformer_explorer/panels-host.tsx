import { signal } from "@preact/signals";
import type { ComponentType } from "preact";
import { useMemo } from "preact/hooks";
import { act } from "preact/test-utils";
import { MemoryModel } from "../../../dev/model";
import { type ViewProps, widget } from "../../../src/lib";
import type { Explorer, Place } from "../../../src/widgets/transformer_explorer/explorer";
import type { LogitsFacts, ModelFacts, TokenFacts, Traits } from "../../../src/widgets/transformer_explorer/protocol";

export const TEXTS = [" door", " keys", "<b>", " are", " is", "\n", " old", " cat"];
export const LOGITS = [1, 4, -2, 6, 5, 0, 2, 3];

const MODEL: ModelFacts = {
  name: "Small",
  blocks: 3,
  heads: 4,
  kv_heads: 4,
  d_model: 16,
  d_head: 4,
  d_mlp: 32,
  vocab: TEXTS.length,
  form: "sequential",
  causal: true,
  rotary: false,
  learned_positions: true,
  gated: false,
  activation: "GELU",
  norms: { attention: "LayerNorm", mlp: "LayerNorm", final: "LayerNorm" },
  tied: true,
  unembed_bias: false,
  positions_have_logits: true,
  parameters: 1000,
  dtype: "float32",
  device: "cpu",
};

export function tokensOf(ids: readonly number[], given = ids.length): TokenFacts[] {
  return ids.map((id, at) => ({ id, text: TEXTS[id] ?? "?", span: null, special: id === 5, generated: at >= given }));
}

/** The traits of an explorer that has run four tokens. */
export function explorerState(change: Partial<Traits> = {}): Traits {
  return {
    text: "door keys<b> old",
    examples: [],
    ids: [0, 1, 2, 6],
    tokens: tokensOf([0, 1, 2, 6]),
    model: MODEL,
    run: 1,
    flow: null,
    facts: { forward_ms: 1, bytes: 1, edited: false, checked: "" },
    block: 1,
    head: 2,
    position: 3,
    view: "",
    selection: [],
    token: null,
    versus: null,
    which: "run",
    edits: [],
    sampler: { temperature: 1, top_k: null, top_p: null, min_p: null, greedy: false },
    seed: 0,
    head_order: "",
    tour: null,
    step: -1,
    language: "en",
    title: "",
    status: { state: "idle", label: "", done: 0, total: 0, message: "" },
    theme: "light",
    height_px: 0,
    ...change,
  };
}

type Ask = { kind: string; id: number; question: string; args: Record<string, unknown> };
/** Logits by run, or why there are none. */
export type Answers = Partial<Record<"run" | "base", readonly number[]>> & {
  error?: string;
  kind?: LogitsFacts["kind"];
};

function reply(ask: Ask, answers: Answers, model: MemoryModel<Traits>): void {
  if (ask.kind !== "ask") return;
  const { position, which } = ask.args as { position: number; which: "run" | "base" };
  const logits = answers[which] ?? LOGITS;
  if (answers.error || ask.question !== "logits") {
    model.emit("msg:custom", { kind: "error", id: ask.id, message: answers.error ?? "unknown" }, []);
    return;
  }
  const order = logits.map((_, id) => id).sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0) || a - b);
  const ids = model.get("ids");
  const facts: LogitsFacts = {
    position,
    which,
    top: order.slice(0, 200).map((id) => ({ id, text: TEXTS[id] ?? `t${id}` })),
    named: [],
    next: ids[position + 1] ?? null,
    kind: answers.kind ?? "token",
  };
  const header = { name: "logits", shape: [logits.length], dtype: "float32", range: null, quantised: null };
  const frames = [["logits", { ...header, pooled: { kind: "none", factor: [1] } }]];
  model.emit("msg:custom", { kind: "answer", id: ask.id, facts, frames }, [Float32Array.from(logits).buffer]);
}

export interface Host {
  el: HTMLElement;
  model: MemoryModel<Traits>;
  /** What was changed through `go`, in order. */
  went: Partial<Place>[];
  /** What Python was told, but for questions. */
  told(): unknown[];
  find(selector: string): HTMLElement;
  all(selector: string): HTMLElement[];
  text(selector: string): string;
  settle(): Promise<void>;
  fire(selector: string, event: Event): Promise<void>;
  click(selector: string, init?: MouseEventInit): Promise<void>;
  key(selector: string, key: string, init?: KeyboardEventInit): Promise<KeyboardEvent>;
  type(selector: string, value: string): Promise<void>;
  unmount(): void;
}

/** One part of the explorer on a model in memory, which answers `logits`. */
export async function open(
  Part: ComponentType<{ explorer: Explorer }>,
  state: Traits = explorerState(),
  answers: Answers = {},
): Promise<Host> {
  const went: Partial<Place>[] = [];
  const model = new MemoryModel<Traits>(state, (content, to) =>
    queueMicrotask(() => reply(content as Ask, answers, to)),
  );
  const View = (props: ViewProps<Traits>) => {
    const signals = useMemo(() => ({ pointed: signal(null), lane: signal(null) }), []);
    const go = (change: Partial<Place>) => {
      went.push(change);
      for (const [name, value] of Object.entries(change)) props.store.set(name as keyof Place, value as never);
    };
    return <Part explorer={{ ...props, ...signals, go }} />;
  };
  const el = document.body.appendChild(document.createElement("div"));
  let unmount = () => {};
  await act(() => {
    unmount = widget<Traits>("attrium-transformer-explorer", View).render({ model, el });
  });
  const settle = () => act(() => new Promise<void>((done) => setTimeout(done, 45)));
  await settle();
  const find = (selector: string) => {
    const found = el.querySelector<HTMLElement>(selector);
    if (!found) throw new Error(`no ${selector} in ${el.innerHTML.slice(0, 600)}`);
    return found;
  };
  const fire = async (selector: string, event: Event) => {
    find(selector).dispatchEvent(event);
    await settle();
  };
  return {
    el,
    model,
    went,
    told: () => model.sent.filter((message) => (message as Ask).kind !== "ask"),
    find,
    all: (selector) => [...el.querySelectorAll<HTMLElement>(selector)],
    text: (selector) => find(selector).textContent ?? "",
    settle,
    fire,
    click: (selector, init) => fire(selector, new MouseEvent("click", { bubbles: true, ...init })),
    key: async (selector, key, init) => {
      const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...init });
      await fire(selector, event);
      return event;
    },
    type: async (selector, value) => {
      (find(selector) as HTMLInputElement).value = value;
      await fire(selector, new Event("input", { bubbles: true }));
    },
    unmount: () => {
      unmount();
      el.remove();
    },
  };
}
