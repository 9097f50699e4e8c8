import type { BaseTraits, WireFrame } from "../../lib";

/** What the model calls its own parts; an empty text, and whatever is missing, has no name. */
export interface Names {
  /** Of the residual stream. */
  dimensions?: string[];
  /** Of the logits. */
  outputs?: string[];
  positions?: string[];
  /** By block. */
  heads?: string[][];
  /** Hidden units of the MLP, by block. */
  units?: string[][];
  /** Numbers of a query and a key, by block and head. */
  compared?: string[][][];
  /** Numbers of a value, by block and head. */
  moved?: string[][][];
}

/** What the model is, as far as the picture needs it. */
export interface ModelFacts {
  name: string;
  /** Blocks of the stack that is shown. */
  blocks: number;
  heads: number;
  /** Key and value heads; fewer than `heads` with grouped-query attention. */
  kv_heads: number;
  d_model: number;
  d_head: number;
  /** 0 where no MLP was found. */
  d_mlp: number;
  vocab: number;
  form: "sequential" | "parallel" | "post-norm" | "unknown";
  causal: boolean;
  /** Queries and keys are turned by position before their product. */
  rotary: boolean;
  /** A table of positions is added to the token embedding. */
  learned_positions: boolean;
  /** The MLP has a gate (SwiGLU and kin). */
  gated: boolean;
  /** Class of the activation, in the model's own words; empty if unknown. */
  activation: string;
  /** Class of the norms, "LayerNorm" or "RMSNorm" say; empty where a place has none. */
  norms: { attention: string; mlp: string; final: string };
  /** The unembedding is the token embedding, transposed. */
  tied: boolean;
  unembed_bias: boolean;
  /** Whether each position has logits of its own (false for a classifier). */
  positions_have_logits: boolean;
  parameters: number;
  dtype: string;
  device: string;
  names?: Names;
}

/** One token, or whatever a position stands for. */
export interface TokenFacts {
  id: number;
  text: string;
  /** Characters of the text that it covers; null for special tokens and where the tokenizer cannot tell. */
  span: [start: number, stop: number] | null;
  special: boolean;
  /** Drawn by the model rather than given. */
  generated: boolean;
}

export type Which = "run" | "base";

/** Stages of one block in the order of the forward, by their trace names without the block's prefix. */
export interface FlowFacts {
  block: number;
  which: Which;
  /** Rows of `norms` and `change`. The first are of the model's entry (embed, pos_embed), the last of its end (ln_final.out, and resid_post of the last block as `final`). */
  stages: string[];
  /** Full trace name of each stage. */
  names: Record<string, string>;
  /** How long the vectors of each stage are, and of each `stripe:` frame how many bins they are pooled to. */
  sizes: Record<string, number>;
  /** Mean share of each head in the block's attention output: the norm of its result, by head. */
  head_norms: number[];
}

export interface LogitsFacts {
  position: number;
  which: Which;
  /** The tokens of largest logit, largest first, as they read. */
  top: { id: number; text: string }[];
  /** Tokens asked about by name (`token`, `versus`, the next token of the text), as they read. */
  named: { id: number; text: string }[];
  /** The token that stands next in the text, if any. */
  next: number | null;
  /** "token", or "class" for a classifier. */
  kind: "token" | "class";
}

/** Of frames `(point, lane)`; a `rank` of 1 is the likeliest token. */
export interface LensFacts {
  /** One per point: the trace name, and the number of its block. */
  points: { name: string; block: number }[];
  /** Positions `start` to `stop`. */
  start: number;
  stop: number;
  token: { id: number; text: string } | null;
  /** Texts of all token ids in the frame `top`, by id. */
  texts: Record<string, string>;
}

export interface ContributionFacts {
  position: number;
  token: { id: number; text: string };
  versus: { id: number; text: string } | null;
  /** In the order of the forward; `kind` is embed, pos_embed, head, attn (its bias), mlp, norm, bias or rest. */
  items: { label: string; kind: string; block: number | null; head: number | null; value: number }[];
  /** What the values add up to, and by how much they miss it. */
  total: number;
  gap: number;
  /** False where a scale or a softcap follows the unembedding: values then explain the number before that. */
  is_logits: boolean;
}

export interface HeadsFacts {
  /** `score:<name>` frames, in the order to offer; `high_first` says how to sort. */
  scores: { name: string; title: string; doc: string; high_first: boolean }[];
  layers: number;
  heads: number;
  which: Which;
  /** Of a long text only every so many queries are in the thumbnails; 1 is all of them. */
  every: number;
}

/** One number of a trace. */
export interface NumberRef {
  /** Trace name. */
  name: string;
  /** Along its axes, without the example. */
  index: number[];
  which: Which;
}

/** What made one number. */
export interface OriginFacts {
  name: string;
  index: number[];
  axes: string[];
  shape: number[];
  /** As it was captured. */
  value: number;
  /** As the formula gives it from its operands; null where there is no formula. */
  recomputed: number | null;
  /** In words: "query times key, scaled". */
  title: string;
  /** With symbols. */
  formula: string;
  /** With the true numbers, shortened. */
  worked: string;
  /** Largest first; `name` is a trace or weight name that can be asked about in turn, or null. */
  operands: {
    label: string;
    name: string | null;
    index: number[] | null;
    value: number;
    /** What it is multiplied by, and where that number stands in turn. */
    factor: number | null;
    factor_name?: string | null;
    factor_index?: number[] | null;
    /** What it adds to the sum; null where the number is no sum. */
    term?: number | null;
  }[];
  /** Operands that were left out of the list, and their sum. */
  rest: { count: number; sum: number } | null;
}

/** An intervention as the screen has it. Python fills in `id`, `label` and `site`. */
export interface Edit {
  id?: string;
  kind: "zero" | "mean" | "resample" | "scale" | "patch" | "freeze" | "python";
  part: "head" | "attention" | "mlp" | "neuron" | "position" | "other";
  block: number;
  head?: number | null;
  neuron?: number | null;
  /** Null for all positions. */
  position?: number | null;
  /** Of kind scale. */
  factor?: number;
  /** The second prompt, of kind patch. */
  text?: string;
  /** The position in the second prompt to read, of kind patch; null for the same. */
  from_position?: number | null;
  on: boolean;
  /** As a reader sees it. */
  label?: string;
  /** The trace name that it changes. */
  site?: string;
}

export interface SamplerSettings {
  temperature: number;
  top_k: number | null;
  top_p: number | null;
  min_p: number | null;
  greedy: boolean;
}

/** What is open below the flow; empty for nothing. */
export type ViewName =
  | ""
  | "embedding"
  | "qkv"
  | "attention"
  | "output"
  | "mlp"
  | "logits"
  | "lens"
  | "contributions"
  | "heads";

/** A step of a guided tour. */
export interface TourStep {
  title: string;
  /** Paragraphs; **bold** and `code` are the only markup. */
  text: string[];
  /** Traits that the step sets, e.g. {view: "attention", head: 2}. */
  show: Record<string, unknown>;
  /** Parts that stay bright, as `data-tour` names; empty for all. */
  light: string[];
  /** What the reader is asked to do, and the traits that say it is done. */
  turn: { ask: string; done: Record<string, unknown> } | null;
  /** Words that open this step from elsewhere. */
  terms?: string[];
}

export interface TourFacts {
  title: string;
  /** Language tag to steps; the words of the buttons come with it. */
  languages: Record<string, { name: string; title?: string; words: Record<string, string>; steps: TourStep[] }>;
}

/** A pushed answer to the question `flow`: the first paint asks nothing. */
export interface PushedFlow {
  facts: FlowFacts;
  frames: Record<string, WireFrame>;
}

/** Everything TransformerExplorer shares with Python; mirrored by transformer_explorer.py and compared in a test. */
export interface Traits extends BaseTraits {
  /** The prompt; writing it runs the model. */
  text: string;
  examples: string[];
  /** Ids of all tokens, the generated ones too; writing them runs the model. */
  ids: number[];
  tokens: TokenFacts[];
  model: ModelFacts | Record<string, never>;
  /** Counts the runs; all answers belong to one. */
  run: number;
  flow: PushedFlow | null;
  /** Of the last run: forward_ms, bytes, edited (whether interventions were on), error of the check of patterns. */
  facts: { forward_ms: number; bytes: number; edited: boolean; checked: string };
  /** Where the reader is. */
  block: number;
  head: number;
  position: number;
  view: ViewName;
  /** Selected tokens, ascending. */
  selection: number[];
  /** Id of the token that lens and contributions follow; null for the likeliest. */
  token: number | null;
  /** Id of a token to subtract, or null. */
  versus: number | null;
  which: Which;
  edits: Edit[];
  sampler: SamplerSettings;
  seed: number;
  head_order: string;
  tour: TourFacts | null;
  /** Step of the tour, from 0; -1 for none. */
  step: number;
  language: string;
  title: string;
}
