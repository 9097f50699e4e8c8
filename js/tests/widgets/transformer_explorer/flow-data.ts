/** A flow with numbers that tests can tell apart. */
import type { Frame } from "../../../src/lib";
import type { FlowFacts, ModelFacts, TokenFacts } from "../../../src/widgets/transformer_explorer/protocol";

export const SEQUENTIAL = [
  "embed",
  "pos_embed",
  "resid_pre",
  "ln1.out",
  "attn.q",
  "attn.k",
  "attn.v",
  "attn.z",
  "attn.out",
  "attn_out",
  "resid_mid",
  "ln2.out",
  "mlp.pre",
  "mlp.post",
  "mlp_out",
  "resid_post",
  "final",
  "ln_final.out",
];

/** With attention to an encoder after that to the text itself. */
export const CROSS = SEQUENTIAL.flatMap((stage) =>
  stage === "pos_embed"
    ? []
    : stage === "resid_mid"
      ? [stage, "ln_cross.out", "cross.z", "cross_out", "resid_cross"]
      : [stage],
);

export function makeModel(change: Partial<ModelFacts> = {}): ModelFacts {
  return {
    name: "Test",
    blocks: 4,
    heads: 4,
    kv_heads: 4,
    d_model: 32,
    d_head: 8,
    d_mlp: 128,
    vocab: 50,
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
    ...change,
  };
}

export function sizesOf(
  stages: readonly string[],
  { d_model, d_mlp, heads, kv_heads, d_head }: ModelFacts,
): Record<string, number> {
  const of = (stage: string) => {
    if (["attn.q", "attn.z", "cross.z"].includes(stage)) return heads * d_head;
    if (stage === "attn.k" || stage === "attn.v") return kv_heads * d_head;
    return stage.startsWith("mlp.") ? d_mlp : d_model;
  };
  return Object.fromEntries(stages.map((stage) => [stage, of(stage)]));
}

export function makeFacts(stages: readonly string[], model: ModelFacts, block = 1): FlowFacts {
  const outside = ["embed", "pos_embed", "ln_final.out"];
  return {
    block,
    which: "run",
    stages: [...stages],
    names: Object.fromEntries(
      stages.map((stage) => [
        stage,
        stage === "final"
          ? `blocks.${model.blocks - 1}.resid_post`
          : outside.includes(stage)
            ? stage
            : `blocks.${block}.${stage}`,
      ]),
    ),
    sizes: sizesOf(stages, model),
    head_norms: Array.from({ length: model.heads }, (_, head) => head + 1),
  };
}

export function frame(name: string, shape: number[], values: ArrayLike<number>, factor = shape.map(() => 1)): Frame {
  const kind = factor.some((part) => part > 1) ? "absmax" : "none";
  return {
    name,
    shape,
    dtype: "float32",
    range: null,
    pooled: { kind, factor },
    quantised: null,
    stored: Float32Array.from(values),
  };
}

/** Norms are 1 + the stage's row + a tenth of the token, stripes alternate in sign; weights fall off to the left. */
export function makeFrames(facts: FlowFacts, tokens: number, heads: number, changed = false): Record<string, Frame> {
  const rows = facts.stages.length;
  const frames: Record<string, Frame> = {
    norms: frame(
      "norms",
      [rows, tokens],
      Array.from({ length: rows * tokens }, (_, at) => 1 + Math.floor(at / tokens) + (at % tokens) / 10),
    ),
  };
  for (const stage of facts.stages) {
    const size = facts.sizes[stage] ?? 1;
    frames[`stripe:${stage}`] = frame(
      stage,
      [tokens, size],
      Array.from({ length: tokens * size }, (_, at) => Math.sin(at + 1)),
    );
  }
  if (changed)
    frames.change = frame(
      "change",
      [rows, tokens],
      Array.from({ length: rows * tokens }, (_, at) => (Math.floor(at / tokens) > 6 ? 0.5 : 0)),
    );
  const weight = (query: number, key: number) => (key > query ? 0 : (key + 1) / (((query + 1) * (query + 2)) / 2));
  const cells = Array.from({ length: heads * tokens * tokens }, (_, at) =>
    weight(Math.floor(at / tokens) % tokens, at % tokens),
  );
  frames.patterns = frame("patterns", [heads, tokens, tokens], cells);
  return frames;
}

export function makeTokens(count: number): TokenFacts[] {
  return Array.from({ length: count }, (_, id) => ({
    id,
    text: ` word${id}`,
    span: null,
    special: false,
    generated: false,
  }));
}
