/** AttentionExplorer without Python: invented attention of any length, answered as the kernel would. */
import { MemoryModel } from "../../dev/model";
import type { FrameHeader, Range } from "../../src/lib";
import type { Traits } from "../../src/widgets/attention_explorer/protocol";

export interface Asked {
  kind: string;
  id: number;
  tensor?: string;
  index?: Range[];
  pixels?: [number, number];
  question?: string;
  args?: Record<string, unknown>;
}

/** Causal attention of a head: to the token before, to itself, and to the first, by head. */
export function weight(layer: number, head: number, query: number, key: number): number {
  if (key > query) return 0;
  if (query === 0) return 1;
  const previous = ((head * 7 + layer * 3) % 10) / 10;
  const first = (1 - previous) * ((layer + 1) % 4) * 0.25;
  const rest = (1 - previous - first) / (query + 1);
  return rest + (key === query - 1 ? previous : 0) + (key === 0 ? first : 0);
}

function valuesOf(tensor: string, head: number): (query: number, key: number) => number {
  const [, runs = "0", , name = "0", measure, scale] = tensor.split("/");
  const layer = Number(name);
  return (query, key) => {
    const own = weight(layer, head, query, key);
    if (runs.includes("-")) return own - weight(layer, head + 1, query, key);
    if (measure === "scores") return key > query ? Number.NaN : Math.log(own + 1e-6) + 4;
    return scale === "log" ? Math.log10(Math.max(own, 1e-6)) : own;
  };
}

const POOL: Record<string, (values: number[]) => number> = {
  max: (values) => Math.max(...values),
  absmax: (values) => values.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a), 0),
};

/** A region, pooled to the pixels (by the corners of each window) and in bytes where it has more than 65,536 cells, as Python sends it. */
export function frameOf(tensor: string, index: Range[], pixels: readonly [number, number]): [FrameHeader, ArrayBuffer] {
  const [[head] = [0], rows = [0, 0], columns = [0, 0]] = index;
  const source = [rows[1] - rows[0], columns[1] - columns[0]] as const;
  const shape = [Math.min(source[0], pixels[0]), Math.min(source[1], pixels[1])] as const;
  const kind: FrameHeader["pooled"]["kind"] = tensor.includes("-") || tensor.includes("scores") ? "absmax" : "max";
  const values = new Float32Array(shape[0] * shape[1]);
  const part = (at: number, axis: 0 | 1) => Math.floor((at * source[axis]) / shape[axis]);
  const at = valuesOf(tensor, head);
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let y = 0; y < shape[0]; y++) {
    for (let x = 0; x < shape[1]; x++) {
      // Of 67 million cells a test cannot look at each.
      const cells: number[] = [];
      for (const row of new Set([part(y, 0), part(y + 1, 0) - 1])) {
        for (const column of new Set([part(x, 1), part(x + 1, 1) - 1])) {
          cells.push(at(rows[0] + row, columns[0] + column));
        }
      }
      const value = cells.length === 1 ? (cells[0] as number) : (POOL[kind] as (v: number[]) => number)(cells);
      values[y * shape[1] + x] = value;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  const folded = shape[0] < source[0] || shape[1] < source[1];
  const factor = [1, source[0] / shape[0], source[1] / shape[1]];
  const scale = (high - low) / 255;
  const bytes = source[0] * source[1] > 2 ** 16 && !tensor.includes("scores") && scale > 0;
  const header: FrameHeader = {
    name: tensor,
    shape: [1, ...shape],
    dtype: bytes ? "uint8" : "float32",
    range: low <= high ? [low, high] : null,
    pooled: { kind: folded ? kind : "none", factor },
    quantised: bytes ? { scale, offset: low } : null,
  };
  const data = bytes ? Uint8Array.from(values, (value) => Math.round((value - low) / scale)).buffer : values.buffer;
  return [header, data];
}

const SCORES = [
  { name: "previous_token", title: "Previous token", doc: "Attention to the token before.", high_first: true },
  { name: "first_token", title: "First token", doc: "Attention to the first token.", high_first: true },
];

function answerOf(state: Traits, { question, args = {} }: Asked) {
  const kind = state.kinds.find(({ name }) => name === args.kind) ?? state.kinds[0];
  if (!kind) throw new Error("no kind");
  const heads = Math.max(...kind.heads);
  const tokens = state.runs[0]?.queries[kind.name]?.length ?? 0;
  const n = Math.min(48, tokens);
  if (question === "field") {
    const runs = Number(args.minus) >= 0 ? `${args.shown}-${args.minus}` : `${args.shown}`;
    const all = new Float32Array(kind.layers.length * heads * n * n);
    kind.layers.forEach((layer, row) => {
      for (let head = 0; head < heads; head++) {
        const name = `attention/${runs}/${kind.name}/${layer}/${args.measure}/${args.scale}`;
        const index: Range[] = [
          [head, head + 1],
          [0, tokens],
          [0, tokens],
        ];
        const [header, data] = frameOf(name, index, [n, n]);
        const stored = header.dtype === "uint8" ? new Uint8Array(data) : new Float32Array(data);
        const { scale, offset } = header.quantised ?? { scale: 1, offset: 0 };
        all.set(
          Float32Array.from(stored, (value) => offset + scale * value),
          (row * heads + head) * n * n,
        );
      }
    });
    return {
      facts: {
        layers: kind.layers,
        heads: kind.heads,
        n,
        pooled: [tokens / n, tokens / n],
        tokens: [tokens, tokens],
        every: 1,
        measure: args.measure,
      },
      frames: [["field", header([kind.layers.length, heads, n, n], all, tokens / n), all.buffer]],
    };
  }
  if (question === "scores") {
    const frames = SCORES.map(({ name }) => {
      const values = Float32Array.from({ length: kind.layers.length * heads }, (_, at) => {
        const [layer, head] = [kind.layers[Math.floor(at / heads)] ?? 0, at % heads];
        return weight(layer, head, 9, name === "first_token" ? 0 : 8);
      });
      return [`score:${name}`, header([kind.layers.length, heads], values, 1), values.buffer];
    });
    return { facts: { scores: SCORES }, frames };
  }
  if (question === "download") {
    const bytes = new TextEncoder().encode("1,2\n");
    const file = { ...header([4], Float32Array.of(0), 1), dtype: "uint8", name: "file" };
    return { facts: { name: "attention.csv" }, frames: [["file", file, bytes.buffer]] };
  }
  throw new Error(`no answer to ${question}`);
}

function header(shape: number[], values: Float32Array, factor: number): FrameHeader {
  return {
    name: "field",
    shape,
    dtype: "float32",
    range: [Math.min(0, ...values.subarray(0, 1000)), 1],
    pooled: { kind: factor > 1 ? "max" : "none", factor: shape.map((_, axis) => (axis >= 2 ? factor : 1)) },
    quantised: null,
  };
}

/** A model that answers; what `refuse` says of a message, or of all, is answered by an error, as on a saved page. */
export function attentionModel(
  state: Traits,
  refuse: boolean | ((asked: Asked) => boolean) = false,
): MemoryModel<Traits> {
  return new MemoryModel<Traits>(state, (content, model) => {
    const asked = content as Asked;
    const reply = (message: unknown, buffers: unknown[] = []) =>
      queueMicrotask(() => model.emit("msg:custom", message, buffers));
    if (typeof refuse === "function" ? refuse(asked) : refuse) {
      reply({ kind: "error", id: asked.id, message: "This needs a running kernel." });
    } else if (asked.kind === "view" && asked.tensor && asked.index && asked.pixels) {
      const [frame, data] = frameOf(asked.tensor, asked.index, asked.pixels);
      reply({ kind: "view", id: asked.id, frame }, [new DataView(data)]);
    } else if (asked.kind === "ask") {
      const { facts, frames } = answerOf(state, asked);
      const headers = frames.map(([name, head]) => [name, head]);
      reply(
        { kind: "answer", id: asked.id, facts, frames: headers },
        frames.map(([, , data]) => new DataView(data as ArrayBuffer)),
      );
    }
  });
}

const WORDS = "The cat sat on the mat because it was tired , and the dog looked on".split(" ");

/** Traits of a causal model on so many tokens. */
export function attentionState(change: Partial<Traits> = {}, count = 16, layers = 4, heads = 6): Traits {
  const tokens = Array.from({ length: count }, (_, at) => ` ${WORDS[at % WORDS.length]}`);
  const numbers = Array.from({ length: layers }, (_, at) => at);
  return {
    runs: [{ label: "text", queries: { self: tokens }, keys: { self: tokens } }],
    kinds: [{ name: "self", title: "Self-attention", layers: numbers, heads: numbers.map(() => heads) }],
    kind: "self",
    run: 1,
    shown: 0,
    minus: -1,
    layer: 0,
    head: 0,
    measure: "pattern",
    measures: ["pattern", "scores", "rollout"],
    scale: "linear",
    heads_on: [],
    show: "matrix",
    order: "",
    selection: [],
    cell: null,
    image: null,
    grid: [],
    prefix: 0,
    title: "Attention",
    status: { state: "idle", label: "", done: 0, total: 0, message: "" },
    theme: "light",
    height_px: 0,
    ...change,
  };
}
