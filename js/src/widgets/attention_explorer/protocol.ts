import type { BaseTraits, WireFrame } from "../../lib";

export type KindName = string;
export type Measure = "pattern" | "scores" | "value_weighted" | "rollout" | "flow";
export type Scale = "linear" | "log" | "rank" | "no_sink";
export type Show = "matrix" | "arcs" | "picture";

/** One model on one input. */
export interface RunFacts {
  label: string;
  /** By kind, the string of each query position. */
  queries: Record<KindName, string[]>;
  /** By kind, the string of each key position. */
  keys: Record<KindName, string[]>;
  /** By kind, for each of its layers, what its heads are called; missing or empty for no name. */
  heads?: Record<KindName, string[][]>;
}

/** Attention of a stack on itself, or of a decoder on its encoder. */
export interface KindFacts {
  name: KindName;
  title: string;
  /** Numbers of the layers that have it, ascending. */
  layers: number[];
  /** How many heads each of them has. */
  heads: number[];
}

/** The answer to `field {shown, minus, kind, measure, scale}`; its frame `field` is (layer, head, n, n). */
export interface FieldFacts {
  layers: number[];
  heads: number[];
  n: number;
  /** Queries and keys that went into one cell of a thumbnail, on average. */
  pooled: [rows: number, columns: number];
  /** Queries and keys in all. */
  tokens: [queries: number, keys: number];
  /** Only every so many queries were read; 1 for all. */
  every: number;
  /** What the thumbnails show: for flow it is the pattern. */
  measure: Measure;
  /** What a saved page would leave out; empty for nothing. */
  saved?: string;
}

/** The answer to `scores {shown, kind}`; each score has a frame `score:<name>` of shape (layer, head), NaN for none. */
export interface ScoresFacts {
  scores: { name: string; title: string; doc: string; high_first: boolean }[];
}

/**
 * The answer to `alignment {shown, minus, kind}`: positions with equal tokens in both runs, of queries and of keys. A
 * difference has the tokens of the run on show, and NaN where the other has no such token.
 */
export interface AlignmentFacts {
  pairs: [ours: number, theirs: number][];
  keys: [ours: number, theirs: number][];
}

/** Everything AttentionExplorer shares with Python; mirrored by attention_explorer.py and compared in a test. */
export interface Traits extends BaseTraits {
  runs: RunFacts[];
  /** Of the first run; all runs agree in layers and heads. */
  kinds: KindFacts[];
  kind: KindName;
  /** Counts the changes of data; all answers belong to one. */
  run: number;
  /** Which of `runs` is on show. */
  shown: number;
  /** The run that is subtracted from it, on the tokens they share; -1 for none. */
  minus: number;
  /** Number of the layer, as in its kind's `layers`. */
  layer: number;
  head: number;
  measure: Measure;
  /** Those that can be computed here. */
  measures: Measure[];
  scale: Scale;
  /** Heads drawn together in the arcs; empty for the current one. */
  heads_on: [layer: number, head: number][];
  show: Show;
  /** Score by which the field is sorted; empty for layer by layer. */
  order: string;
  /** Selected queries, ascending. */
  selection: number[];
  /** The pinned cell. */
  cell: [query: number, key: number] | null;
  /** The picture whose patches the tokens are, (height, width, 3) uint8. */
  image: WireFrame | null;
  /** Rows and columns of patches. */
  grid: [rows: number, columns: number] | [];
  /** Special tokens before the patches. */
  prefix: number;
  title: string;
}
