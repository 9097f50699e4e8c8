/** An answer to the question `flow`, read into numbers. */
import { type Frame, type Rgb, scaleEnd, sortedMagnitudes, valuesOf } from "../../../lib";
import type { Role } from "../../../lib/roles";
import type { FlowFacts } from "../protocol";

export interface Stripe {
  /** One row per token. */
  values: Float32Array;
  bins: number;
  /** Entries of the vector per bin; 1 when nothing was pooled. */
  factor: number;
  /** Length of the whole vector. */
  size: number;
  /** Magnitude at which the colours end. */
  end: number;
  /** Colours that were made of it. */
  kept: Map<string, readonly Rgb[]>;
}

export interface FlowData {
  facts: FlowFacts;
  tokens: number;
  stripes: ReadonlyMap<string, Stripe>;
  patterns: Frame | null;
  /** Whether interventions were on, so that there is a change to show. */
  edited: boolean;
  has(stage: string): boolean;
  /** Length of a stage's vector at a token; NaN where the stage is not there. */
  norm(stage: string, token: number): number;
  /** Length of what the interventions changed; 0 without any. */
  change(stage: string, token: number): number;
  /** The norm as a share of the widest that is drawn to scale, and whether it is beyond that. */
  share(stage: string, token: number): { share: number; beyond: boolean };
  /** The largest change of a stage, over tokens, relative to its norm. */
  largestChange(stage: string): number;
}

/** Whose vectors are compared with whose: norms of one family share one scale of widths. */
const FAMILIES: Record<string, readonly string[]> = {
  stream: [
    "embed",
    "pos_embed",
    "resid_pre",
    "attn_out",
    "resid_mid",
    "cross_out",
    "resid_cross",
    "mlp_out",
    "resid_post",
  ],
  end: ["final"],
  normed: ["ln1.out", "ln2.out", "ln_cross.out", "ln_final.out"],
  heads: ["attn.q", "attn.k", "attn.v", "attn.z", "cross.z"],
  hidden: ["mlp.pre", "mlp.pre_linear", "mlp.post"],
};

/** The role whose hue a stage has. */
export function roleOf(stage: string): Role {
  if (stage === "attn.q") return "query";
  if (stage === "attn.k") return "key";
  if (stage === "attn.v") return "value";
  if (stage === "attn.z" || stage === "attn_out" || stage === "attn.out" || stage.startsWith("cross"))
    return "attention";
  return stage.startsWith("mlp") ? "mlp" : "residual";
}

/** A norm this many times the median is drawn as wide as the scale goes, or one token would flatten all others. */
const OUTLIER = 6;
/** Percent of a stage's values beyond the end of its colours. */
const CLIPPED = 1;
/** More values than this are sampled for the ends of the colours. */
const SAMPLE = 8_000;

export function readFlow(facts: FlowFacts, frames: Readonly<Record<string, Frame>>): FlowData {
  const rows = new Map(facts.stages.map((stage, row) => [stage, row]));
  const norms = frames.norms ? valuesOf(frames.norms) : new Float32Array(0);
  const changes = frames.change ? valuesOf(frames.change) : null;
  const tokens = frames.norms?.shape[1] ?? 0;
  const at = (values: Float32Array, stage: string, token: number) => {
    const row = rows.get(stage);
    return row === undefined ? Number.NaN : (values[row * tokens + token] ?? Number.NaN);
  };
  const norm = (stage: string, token: number) => at(norms, stage, token);
  const change = (stage: string, token: number) => (changes ? at(changes, stage, token) || 0 : 0);
  const ends = widthEnds(facts.stages, norm, tokens);
  return {
    facts,
    tokens,
    stripes: new Map(facts.stages.flatMap((stage) => readStripe(stage, facts, frames))),
    patterns: frames.patterns ?? null,
    edited: changes !== null,
    has: (stage) => rows.has(stage),
    norm,
    change,
    share(stage, token) {
      const share = norm(stage, token) / (ends.get(stage) ?? 1);
      return { share: Math.min(1, share) || 0, beyond: share > 1.0001 };
    },
    largestChange(stage) {
      let largest = 0;
      for (let token = 0; token < tokens; token++) {
        largest = Math.max(largest, change(stage, token) / (norm(stage, token) || 1));
      }
      return largest;
    },
  };
}

/** For each stage the norm that is drawn full width: the family's largest that is no outlier. */
function widthEnds(
  stages: readonly string[],
  norm: (stage: string, token: number) => number,
  tokens: number,
): Map<string, number> {
  const ends = new Map<string, number>();
  for (const family of Object.values(FAMILIES)) {
    const members = stages.filter((stage) => family.includes(stage));
    const all = members.flatMap((stage) => Array.from({ length: tokens }, (_, token) => norm(stage, token)));
    const sorted = sortedMagnitudes(all);
    const limit = (sorted[sorted.length >> 1] ?? 0) * OUTLIER;
    let last = sorted.length - 1;
    while (last > 0 && (sorted[last] ?? 0) > limit) last--;
    const end = sorted[last] || scaleEnd(sorted, 0);
    for (const stage of members) ends.set(stage, end);
  }
  return ends;
}

function readStripe(stage: string, facts: FlowFacts, frames: Readonly<Record<string, Frame>>): [string, Stripe][] {
  const frame = frames[`stripe:${stage}`];
  if (!frame) return [];
  const values = valuesOf(frame);
  const bins = frame.shape[1] ?? 0;
  const size = facts.sizes[stage] ?? bins;
  const every = Math.max(1, Math.floor(values.length / SAMPLE));
  const seen = every === 1 ? values : values.filter((_, index) => index % every === 0);
  return [
    [
      stage,
      {
        values,
        bins,
        size,
        factor: size / Math.max(1, bins),
        end: scaleEnd(sortedMagnitudes(seen), CLIPPED),
        kept: new Map(),
      },
    ],
  ];
}

/** One token's bins. */
export function binsOf({ values, bins }: Stripe, token: number): Float32Array {
  return values.subarray(token * bins, (token + 1) * bins);
}

/** Neighbouring values folded into at most `most`, each the one of largest magnitude, so that no peak is lost. */
export function folded(values: Float32Array, most: number): Float32Array {
  const rows = Math.max(1, Math.floor(most));
  if (values.length <= rows) return values;
  const result = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    const stop = Math.floor(((row + 1) * values.length) / rows);
    let largest = 0;
    for (let at = Math.floor((row * values.length) / rows); at < stop; at++) {
      const value = values[at] ?? 0;
      if (Math.abs(value) > Math.abs(largest) || Number.isNaN(value)) largest = value;
    }
    result[row] = largest;
  }
  return result;
}

/** Stages that have a bar, in any architecture, from left to right. */
export const BARS = [
  "embed",
  "pos_embed",
  "resid_pre",
  "attn.q",
  "attn.k",
  "attn.v",
  "attn.z",
  "attn_out",
  "resid_mid",
  "ln1.out",
  "cross.z",
  "cross_out",
  "resid_cross",
  "ln_cross.out",
  "mlp.pre",
  "mlp.pre_linear",
  "mlp.post",
  "mlp_out",
  "resid_post",
  "ln2.out",
  "final",
  "ln_final.out",
] as const;
