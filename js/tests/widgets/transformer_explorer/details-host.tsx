import { signal } from "@preact/signals";
import type { ComponentType } from "preact";
import { useMemo } from "preact/hooks";
import { act } from "preact/test-utils";
import { MemoryModel } from "../../../dev/model";
import { type FrameHeader, type Range, type ViewProps, widget } from "../../../src/lib";
import type { Explorer, Place } from "../../../src/widgets/transformer_explorer/explorer";
import type { Traits } from "../../../src/widgets/transformer_explorer/protocol";

/** A whole tensor, row-major. */
export interface Tensor {
  shape: number[];
  values: readonly number[];
}

type Frames = Record<string, { shape: number[]; values: Float32Array | Int32Array }>;
/** What Python would say: an answer, or a text for an error. */
export type Reply = { facts: unknown; frames?: Frames } | string;

export interface World {
  tensors: Record<string, Tensor>;
  /** By question. */
  answers: Record<string, (args: Record<string, unknown>) => Reply>;
}

type Request =
  | { kind: "view"; id: number; tensor: string; index: Range[] }
  | { kind: "ask"; id: number; question: string; args: Record<string, unknown> };

export interface DetailsHost {
  el: HTMLElement;
  model: MemoryModel<Traits>;
  explorer(): Explorer;
  went: Partial<Place>[];
  /** Questions in order, as "question {args}". */
  asked: { question: string; args: Record<string, unknown> }[];
  viewed: { tensor: string; index: Range[] }[];
  find(selector: string): HTMLElement;
  all(selector: string): HTMLElement[];
  settle(ms?: number): Promise<void>;
  fire(target: string | HTMLElement, event: Event): Promise<void>;
  click(selector: string): Promise<void>;
  key(selector: string, key: string): Promise<void>;
  unmount(): void;
}

/** One part of the explorer in a page 900 pixels wide, on a world of small tensors. */
export async function openDetail(
  Part: ComponentType<{ explorer: Explorer }>,
  state: Traits,
  world: World,
): Promise<DetailsHost> {
  const [went, asked, viewed]: [Partial<Place>[], DetailsHost["asked"], DetailsHost["viewed"]] = [[], [], []];
  const model = new MemoryModel<Traits>(state, (content, to) => {
    const request = content as Request;
    if (request.kind === "view") viewed.push({ tensor: request.tensor, index: request.index });
    if (request.kind === "ask") asked.push({ question: request.question, args: request.args });
    queueMicrotask(() => answer(request, world, to));
  });
  let made: Explorer | null = null;
  const View = (props: ViewProps<Traits>) => {
    const signals = useMemo(() => ({ pointed: signal(null), lane: signal(null) }), []);
    const go = (change: Partial<Place>) => {
      went.push(change);
      for (const [name, value] of Object.entries(change)) props.store.set(name as keyof Place, value as never);
    };
    made = { ...props, ...signals, go } as Explorer;
    return <Part explorer={made} />;
  };
  Object.defineProperty(HTMLElement.prototype, "clientWidth", { configurable: true, get: () => 900 });
  const el = document.body.appendChild(document.createElement("div"));
  let unmount = () => {};
  await act(() => {
    unmount = widget<Traits>("attrium-transformer-explorer", View).render({ model, el });
  });
  const settle = (ms = 45) => act(() => new Promise<void>((done) => setTimeout(done, ms)));
  await settle();
  const find = (selector: string) => {
    const found = el.querySelector<HTMLElement>(selector);
    if (!found) throw new Error(`no ${selector} in ${el.textContent?.slice(0, 600)}`);
    return found;
  };
  const fire = async (target: string | HTMLElement, event: Event) => {
    (typeof target === "string" ? find(target) : target).dispatchEvent(event);
    await settle();
  };
  return {
    el,
    model,
    went,
    asked,
    viewed,
    find,
    fire,
    settle,
    explorer: () => {
      if (!made) throw new Error("nothing was drawn");
      return made;
    },
    all: (selector) => [...el.querySelectorAll<HTMLElement>(selector)],
    click: (selector) => fire(selector, new MouseEvent("click", { bubbles: true })),
    key: (selector, key) => fire(selector, new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true })),
    unmount: () => {
      unmount();
      el.remove();
      Reflect.deleteProperty(HTMLElement.prototype, "clientWidth");
    },
  };
}

function answer(request: Request, world: World, model: MemoryModel<Traits>): void {
  const { id } = request;
  const fail = (message: string) => model.emit("msg:custom", { kind: "error", id, message }, []);
  if (request.kind === "view") {
    const tensor = world.tensors[request.tensor];
    if (!tensor) {
      fail(`there is no tensor ${request.tensor} here`);
      return;
    }
    const values = sliced(tensor, request.index);
    const shape = request.index.map(([start, stop]) => stop - start);
    model.emit("msg:custom", { kind: "view", id, frame: headerOf(request.tensor, shape, values) }, [values.buffer]);
    return;
  }
  if (request.kind !== "ask") return;
  const reply = world.answers[request.question]?.(request.args) ?? `no answer to ${request.question}`;
  if (typeof reply === "string") {
    fail(reply);
    return;
  }
  const frames = Object.entries(reply.frames ?? {});
  const headers = frames.map(([name, { shape, values }]) => [name, headerOf(name, shape, values)]);
  const buffers = frames.map(([, { values }]) => values.buffer);
  model.emit("msg:custom", { kind: "answer", id, facts: reply.facts, frames: headers }, buffers);
}

function headerOf(name: string, shape: number[], values: Float32Array | Int32Array): FrameHeader {
  const factor = shape.map(() => 1);
  const dtype = values instanceof Int32Array ? "int32" : "float32";
  return { name, shape, dtype, range: null, pooled: { kind: "none", factor }, quantised: null };
}

/** A region of a tensor, by a plain loop. */
export function sliced({ shape, values }: Tensor, index: Range[]): Float32Array {
  const out: number[] = [];
  const walk = (axis: number, flat: number) => {
    if (axis === shape.length) {
      out.push(values[flat] ?? Number.NaN);
      return;
    }
    const [start, stop] = index[axis] ?? [0, 0];
    for (let at = start; at < stop; at++) walk(axis + 1, flat * (shape[axis] ?? 1) + at);
  };
  walk(0, 0);
  return Float32Array.from(out);
}

/** Numbers from a formula of the flat index. */
export function tensorOf(shape: number[], value: (flat: number) => number): Tensor {
  const count = shape.reduce((product, length) => product * length, 1);
  return { shape, values: Array.from({ length: count }, (_, flat) => value(flat)) };
}
