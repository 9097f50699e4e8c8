import type { BaseTraits } from "../../lib";

/** A value as text, null where it is absent. */
export type Shown = string | null;
export type Half = "embedding" | "attention" | "mlp";
export type Language = "python" | "rasp";
export type Panel = "values" | "weights" | "stream" | "check" | "code" | "bridges" | "compression";

/** One node of a program. */
export interface NodeFacts {
  label: string;
  kind: string;
  /** Whether the writer named it. */
  named: boolean;
  selector: boolean;
  /** The function or predicate as it is written, the constant, or the reduction. */
  text: string;
  /** Labels of the nodes it is made from. */
  inputs: string[];
  /** Where it is computed; for a node that is fused, of the node that reads it. Lanes count from 0; -1 is the embedding. */
  layer: number;
  half: Half;
  /** "written" has dimensions of its own, "head" is a selector, "fused" is read through others. */
  place: "written" | "head" | "fused";
  /** Labels of its residual dimensions. */
  dimensions: string[];
  /** Names of the heads that compute it, of its layer. */
  heads: string[];
  units: number;
  /**
   * The half-layers that write its dimensions, in order: a width's number comes from a head and its one-hot vector from
   * the MLP after it; what is read through may be written later, only to be seen.
   */
  written: { layer: number; half: Half; form: "number" | "value"; heads: number; units: number }[];
  encoding: string;
  /** How many values it can have (-1: too many to list), the first of them, whether it can be absent. */
  count: number;
  values: string[];
  absent: boolean;
  /** Elementwise, unnamed, read by one elementwise node: folded unless asked for. */
  minor: boolean;
}

/** Sizes of a compiled program. */
export interface ForecastFacts {
  layers: number;
  heads: number;
  d_head: number;
  d_model: number;
  d_mlp: number;
  parameters: number;
  bound: number;
}

/** The answer to `graph {side}`. */
export interface GraphFacts {
  label: string;
  nodes: NodeFacts[];
  layers: number;
  /** Heads and hidden units that are at work in each layer; a half with none is idle. Empty if it does not compile. */
  sizes: { heads: number; units: number }[];
  /** Sizes of its model; null if it does not compile: then nodes are where the program itself suggests. */
  forecast: ForecastFacts | null;
  /** The program, one line for each node. */
  text: string;
}

/**
 * The answer to `values {side}`, for the input on show. Frames: `select:<label>` uint8 (query, key) for each selector,
 * `weights:<label>` float32 (query, key) for each selector that has a head: its attention without the BOS.
 */
export interface ValuesFacts {
  tokens: string[];
  /** By label, one value for each position. */
  values: Record<string, Shown[]>;
  /** Decoded from the torch model's residual stream, for nodes that are there. */
  model: Record<string, Shown[]>;
  /** As numbers, for nodes all of whose values are numbers, for bars. */
  numbers: Record<string, (number | null)[]>;
  output: Shown[];
  /** With `ablated` nodes; null where nothing is ablated. */
  ablated: Shown[] | null;
  /** The program has no value on this input. */
  problem: { node: string; position: number; message: string } | null;
}

/** A matrix with names on both sides; its numbers are in the frame of the same `frame` name, float32. */
export interface NamedMatrix {
  frame: string;
  title: string;
  rows: string[];
  columns: string[];
}

/** The answer to `node {label, side}`: the weights that compute a node. */
export interface WeightsFacts {
  label: string;
  text: string;
  /** QK and OV of each head (query and key, value and output directions), then MLP in and out. Zero rows are left out. */
  matrices: NamedMatrix[];
  note: string;
}

/** The answer to `stream {side}`; its frame `stream` is float32 (half-layer, position, dimension). */
export interface StreamFacts {
  places: string[];
  positions: string[];
  dimensions: { label: string; node: string }[];
}

/** The answer to `check {side}`. */
export interface CheckFacts {
  rows: { label: string; interpreter: Shown[]; craft: Shown[] | null; model: Shown[] | null; wrong: number[] }[];
  first: { label: string; position: number; expected: Shown; found: Shown } | null;
}

/** The answer to `attribution {method, position, side}`: over tokens, with the true dependencies. */
export interface AttributionFacts {
  method: string;
  methods: string[];
  scores: number[];
  /** Positions that the output at `position` truly depends on: changing the token there can change it. */
  truth: boolean[];
  note: string;
}

/** The answer to `dependencies {label, position, side}`: what a value was made of. */
export interface DependenciesFacts {
  /** By label, the positions whose value went into it. */
  from: Record<string, number[]>;
}

/** What became of one dimension when the stream was compressed. */
export interface FeatureFacts {
  label: string;
  /** Squared length of its direction: what is written to it comes back times this. */
  norm: number;
  /** The largest cosine, up to its sign, with a feature that is kept, and which that is. */
  overlap: number;
  other: string;
  fate: "own" | "superposed" | "dropped";
}

/**
 * The answer to `compression {side, width}`. Frames, float32: `overlaps` (dimension, dimension) is W^T W, `loss`
 * (2, point) the loss of the output and of the half-layers, means over as many steps as fall on a point.
 */
export interface CompressionFacts {
  width: number;
  dimensions: { label: string; node: string }[];
  features: FeatureFacts[];
  /** Below this squared length a feature is dropped; above this cosine it is superposed. */
  dropped: number;
  shared: number;
  /** The output is a number: error is its mean square, else the cross-entropy in nats. */
  numerical: boolean;
  /** On held-out inputs: share of tokens with the model's own output, and the error. */
  accuracy: number;
  error: number;
  /** The same two before the first step, and of an answer that is always the same. */
  start: [accuracy: number, error: number];
  constant: [accuracy: number, error: number];
  /** Held-out inputs, and tokens in them. */
  held: [inputs: number, tokens: number];
  /** Inputs in all, and whether there are no others. */
  inputs: number;
  every: boolean;
  /** Steps taken, those of them that led to this W, and the last ones, not kept since they left a larger error. */
  steps: number;
  own: number;
  lost: number;
  /** How like the model's what each half-layer writes is: a mean cosine. */
  places: { place: string; faithfulness: number }[];
}

/** Set by Python for every width that was trained. */
export interface Trained {
  side: number;
  width: number;
  steps: number;
  accuracy: number;
  /** Counts trainings: another number, another answer. */
  number: number;
}

/** Set by Python when many inputs were checked. */
export interface Checked {
  inputs: number;
  wrong: number;
  seed: number;
  example: string[] | null;
  first: { label: string; position: number; expected: Shown; found: Shown } | null;
}

/** Everything RaspGraph shares with Python; mirrored by rasp_graph.py and compared in a test. */
export interface Traits extends BaseTraits {
  /** Counts programs: every change of a program or an option. */
  version: number;
  /** Counts values: every change of program, input or ablation. */
  run: number;
  /** Input tokens as text. */
  tokens: string[];
  vocabulary: string[];
  max_length: number;
  causal: boolean;
  keep: "needed" | "all";
  code: string;
  language: Language;
  /** What is wrong with the code; null for nothing. */
  problem: { message: string; line: number; column: number; node: string } | null;
  /** Names of programs that come along, by family. */
  examples: { name: string; family: string; doc: string }[];
  example: string;
  /** Labels of the programs: one, or two that are compared. */
  programs: string[];
  /** Which of them is on show. */
  side: number;
  /** The selected node. */
  node: string;
  /** The pinned position; -1 for none. */
  position: number;
  cell: [query: number, key: number] | null;
  selection: number[];
  /** Half-layers that are done: -1 for all, 0 the embedding only. */
  step: number;
  panel: Panel;
  /** Not `layout`, which every ipywidget has for its size. */
  arrangement: "lanes" | "written";
  /** Show minor nodes too. */
  unfolded: boolean;
  /** Show only what this node is made from and goes into; empty for all. */
  focus: string;
  ablated: string[];
  checked: Checked | null;
  /** Widths into which the stream was compressed. */
  trained: Trained[];
  /** The width on show, or to train next; 0 for the first one that was trained. */
  width: number;
  title: string;
}
