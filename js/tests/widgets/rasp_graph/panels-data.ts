/** The program that reverses, on "a b c", as Python would answer for it: every number here is worked out by hand. */
import type { FrameHeader } from "../../../src/lib";
import type {
  AttributionFacts,
  CheckFacts,
  DependenciesFacts,
  GraphFacts,
  NodeFacts,
  StreamFacts,
  Traits,
  ValuesFacts,
  WeightsFacts,
} from "../../../src/widgets/rasp_graph/protocol";

export const TOKENS = ["a", "b", "c"];

function node(label: string, kind: string, inputs: string[], change: Partial<NodeFacts> = {}): NodeFacts {
  return {
    ...{ label, kind, inputs, named: true, selector: false, text: "", layer: 0, half: "attention", place: "written" },
    ...{
      dimensions: change.selector ? [] : [label],
      heads: [],
      units: 0,
      written: [],
      encoding: "categorical",
      count: 3,
      values: [],
      absent: false,
    },
    minor: false,
    ...change,
  };
}

export const NODES: NodeFacts[] = [
  node("tokens", "tokens", [], { layer: -1, half: "embedding", values: ["a", "b", "c"] }),
  node("indices", "indices", [], { layer: -1, half: "embedding", values: ["0", "1", "2"] }),
  node("everywhere", "select", ["tokens", "tokens"], { selector: true, text: "True", place: "head", encoding: "" }),
  node("length", "selector_width", ["everywhere"], { heads: ["everywhere"], units: 8 }),
  node("opposite", "elementwise", ["length", "indices"], { text: "x - y - 1", half: "mlp", units: 9 }),
  node("flip", "select", ["indices", "opposite"], {
    selector: true,
    text: "key == query",
    place: "head",
    layer: 1,
    encoding: "",
  }),
  node("reverse", "aggregate", ["flip", "tokens"], { layer: 1, heads: ["flip"], absent: true }),
];

export const GRAPH: GraphFacts = {
  label: "reverse",
  nodes: NODES,
  layers: 2,
  sizes: [
    { heads: 1, units: 17 },
    { heads: 1, units: 0 },
  ],
  forecast: { layers: 2, heads: 1, d_head: 8, d_model: 17, d_mlp: 9, parameters: 1234, bound: 1e-6 },
  text: NODES.map(({ label, kind, inputs }) => `${label} = ${kind}(${inputs.join(", ")})`).join("\n"),
};

export const VALUES: ValuesFacts = {
  tokens: TOKENS,
  values: {
    tokens: TOKENS,
    indices: ["0", "1", "2"],
    length: ["3", "3", "3"],
    opposite: ["2", "1", "0"],
    reverse: ["c", "b", "a"],
  },
  model: { tokens: TOKENS, indices: ["0", "1", "2"], opposite: ["2", "1", "0"], reverse: ["c", "b", null] },
  numbers: { indices: [0, 1, 2], length: [3, 3, 3], opposite: [2, 1, 0] },
  output: ["c", "b", "a"],
  ablated: null,
  problem: null,
};

type Wire = [name: string, header: FrameHeader, data: ArrayBuffer];

export function frame(name: string, shape: number[], values: readonly number[], dtype: "uint8" | "float32"): Wire {
  const data = dtype === "uint8" ? Uint8Array.from(values) : Float32Array.from(values);
  const header: FrameHeader = {
    ...{ name, shape, dtype, quantised: null },
    range: [Math.min(...values), Math.max(...values)],
    pooled: { kind: "none", factor: shape.map(() => 1) },
  };
  return [name, header, data.buffer];
}

const ONES = Array.from({ length: 9 }, () => 1);
const FLIP = [0, 0, 1, 0, 1, 0, 1, 0, 0];

const STREAM: StreamFacts = {
  places: ["embedding", "attention 0", "MLP 0"],
  positions: ["BOS", "a", "b"],
  dimensions: [
    { label: "tokens:a", node: "tokens" },
    { label: "tokens:b", node: "tokens" },
    { label: "length", node: "length" },
  ],
};
/** (half-layer, position, dimension) */
export const STREAM_NUMBERS = [
  ...[0, 0, 0, 1, 0, 0, 0, 1, 0],
  ...[0, 0, 0, 1, 0, 20, 0, 1, 20],
  ...[0, 0, 0, 1, 0, 20, 0, 1, 20],
];

const CHECK: CheckFacts = {
  rows: [
    { label: "opposite", interpreter: ["2", "1", "0"], craft: ["2", "1", "0"], model: ["2", "1", "0"], wrong: [] },
    { label: "reverse", interpreter: ["c", "b", "a"], craft: ["c", "b", "a"], model: ["c", "b", null], wrong: [2] },
  ],
  first: { label: "reverse", position: 2, expected: "a", found: null },
};

const WEIGHTS: WeightsFacts = {
  label: "reverse",
  text: "",
  matrices: [
    {
      frame: "qk",
      title: "flip: query and key",
      rows: ["opposite:0", "opposite:1"],
      columns: ["indices:0", "indices:1"],
    },
  ],
  note: "The largest weight is 100.",
};

export const METHODS = ["gradient", "occlusion"];

function attribution(method: string, position: number): AttributionFacts {
  return {
    method: method || "gradient",
    methods: METHODS,
    scores: method === "occlusion" ? [0, 0, 2] : [0.5, -1, 0.25],
    truth: TOKENS.map((_, at) => at === TOKENS.length - 1 - position),
    note: "",
  };
}

const DEPENDENCIES: DependenciesFacts = { from: { tokens: [2], opposite: [0] } };

export type Answers = Record<string, { facts: unknown; frames: Wire[] } | string>;

/** An answer by the question's name; a text is an error. */
export function answersTo(args: Record<string, unknown>): Answers {
  return {
    graph: { facts: GRAPH, frames: [] },
    values: {
      facts: VALUES,
      frames: [
        frame("select:everywhere", [3, 3], ONES, "uint8"),
        frame("select:flip", [3, 3], FLIP, "uint8"),
        frame(
          "weights:flip",
          [3, 3],
          FLIP.map((on) => on * 0.75),
          "float32",
        ),
      ],
    },
    node: { facts: { ...WEIGHTS, label: args.label }, frames: [frame("qk", [2, 2], [100, 0, -50, 0.5], "float32")] },
    stream: { facts: STREAM, frames: [frame("stream", [3, 3, 3], STREAM_NUMBERS, "float32")] },
    check: { facts: CHECK, frames: [] },
    attribution: { facts: attribution(String(args.method), Number(args.position)), frames: [] },
    dependencies: { facts: DEPENDENCIES, frames: [] },
  };
}

export function graphState(change: Partial<Traits> = {}): Traits {
  return {
    ...{ version: 1, run: 1, tokens: TOKENS, vocabulary: ["a", "b", "c"], max_length: 3, causal: false, keep: "all" },
    ...{ code: "reverse = 1;", language: "rasp", problem: null, examples: [], example: "", programs: ["reverse"] },
    ...{ side: 0, node: "", position: -1, cell: null, selection: [], step: -1, panel: "values", arrangement: "lanes" },
    ...{
      unfolded: false,
      focus: "",
      ablated: [],
      checked: null,
      trained: [],
      width: 0,
      title: "",
      theme: "light",
      height_px: 0,
    },
    status: { state: "idle", label: "", done: 0, total: 0, message: "" },
    ...change,
  };
}
