/** Which word of the tour explains what is pointed at. */
import type { About, Way } from "./about";

const STAGES: Record<string, string> = {
  embed: "token embedding",
  pos_embed: "position embedding",
  "attn.q": "query",
  "attn.k": "key",
  "attn.v": "value",
  "attn.z": "z",
  "cross.z": "z",
  "attn.out": "attn_out",
  attn_out: "attn_out",
  cross_out: "attn_out",
  "ln_final.out": "final norm",
  logits: "logits",
};

const WAYS: Record<Way, string | null> = {
  embedding: "embedding",
  skip: "residual stream",
  project: null,
  heads: "heads",
  output: "w_o",
  ask: "query",
  cross: "attention",
  write: "residual stream",
  up: "mlp",
  down: "mlp",
  stream: null,
  blocks: "blocks",
  unembed: "unembedding",
};

/** Of a stage's vector. */
export function termOfStage(stage: string): string {
  const known = STAGES[stage];
  if (known) return known;
  if (stage.startsWith("mlp")) return "mlp";
  return stage.startsWith("ln") ? "norm" : "residual stream";
}

/** Of a mark; empty where no word stands for it. */
export function termOf(about: About, hidden: boolean): string {
  switch (about.kind) {
    case "token":
      return "token";
    case "vector":
      return termOfStage(about.stage);
    case "way":
      return WAYS[about.way] ?? termOfStage(about.stage);
    case "norm":
      return about.out === "ln_final.out" ? "final norm" : "norm";
    case "sum":
      return "residual stream";
    case "activation":
      return "activation";
    case "rotary":
      return "rotary";
    case "pattern":
      return hidden ? "mask" : "softmax";
    case "cross":
    case "encoder":
      return "attention";
    case "strand":
      return "z";
    case "card":
      return "head";
    case "term":
      return about.term;
    case "edited":
      return "";
  }
}

const CAPTIONS: Record<string, string> = {
  embed: "token embedding",
  pos_embed: "position embedding",
  qkv: "query",
  lattice: "rotary",
  "attn.z": "z",
  "cross.z": "z",
  cross: "attention",
  W_O: "w_o",
  activation: "activation",
  W_out: "mlp",
  norm3: "final norm",
  unembed: "unembedding",
};

/** Of the caption above a column. */
export function termOfColumn(column: string): string {
  return CAPTIONS[column] ?? (column.startsWith("norm") ? "norm" : column.startsWith("add") ? "residual stream" : "");
}
