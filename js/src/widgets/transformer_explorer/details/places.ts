/** What a trace calls things, and which part of them is on the screen. */
import type { Range } from "../../../lib";
import type { FlowFacts, ModelFacts, NumberRef, Which } from "../protocol";
import type { Role } from "../../../lib/roles";

/** Trace name of a quantity of one block; `facts` know the stack's prefix, and until they come there is none. */
export function inBlock(facts: FlowFacts | null, block: number, quantity: string): string {
  const known = facts?.block === block ? facts.names.resid_pre : undefined;
  return `${known?.replace(/\.resid_pre$/, "") ?? `blocks.${block}`}.${quantity}`;
}

/** Trace name of a quantity of the whole stack, such as "embed". */
export function inStack(facts: FlowFacts | null, quantity: string): string {
  return `${facts?.names.resid_pre?.replace(/blocks\.\d+\.resid_pre$/, "") ?? ""}${quantity}`;
}

/** Name under which the channel knows a tensor of a trace. */
export function tensorOf(which: Which, name: string): string {
  return `${which}/${name}`;
}

/** The key and value head that a query head uses: its own, or one that it shares (grouped-query attention). */
export function keyHeadOf(head: number, { heads, kv_heads }: Pick<ModelFacts, "heads" | "kv_heads">): number {
  return kv_heads > 0 ? Math.floor((head * kv_heads) / heads) : head;
}

/** All query heads that use the same key head. */
export function sharingHeads(head: number, model: Pick<ModelFacts, "heads" | "kv_heads">): number[] {
  const own = keyHeadOf(head, model);
  return Array.from({ length: model.heads }, (_, other) => other).filter((other) => keyHeadOf(other, model) === own);
}

/** What attention reads: the norm's output, or the stream where no norm stands before it. */
export function attentionInput(facts: FlowFacts | null, { form }: ModelFacts): string {
  return form === "post-norm" ? "resid_pre" : firstOf(facts, ["ln1.out", "resid_pre"]);
}

/** What the MLP reads. */
export function mlpInput(facts: FlowFacts | null, { form }: ModelFacts): string {
  if (form === "post-norm") return beforeMlp(facts, { form });
  return firstOf(facts, form === "parallel" ? ["ln2.out", "ln1.out", "resid_pre"] : ["ln2.out", "resid_mid"]);
}

/** The stream that the MLP's output is added to: after cross-attention, where there is one. */
export function beforeMlp(facts: FlowFacts | null, { form }: Pick<ModelFacts, "form">): string {
  const crosses = facts?.stages.includes("resid_cross") ?? false;
  if (form === "post-norm") return crosses ? "ln_cross.out" : "ln1.out";
  if (crosses) return "resid_cross";
  return hasStage(facts, "resid_mid") ? "resid_mid" : "resid_pre";
}

/** The first stage that the block has; while that is unknown, the first. */
function firstOf(facts: FlowFacts | null, stages: string[]): string {
  const there = facts && stages.find((stage) => hasStage(facts, stage));
  return there ?? stages[0] ?? "";
}

/** Whether the block has a stage; true while that is unknown, so that it is asked for and says itself why not. */
export function hasStage(facts: FlowFacts | null, stage: string): boolean {
  return facts === null || facts.stages.includes(stage) || stage in facts.names;
}

/** At most `size` neighbours of `at` out of `count`, with `at` in the middle where there is room on both sides. */
export function windowAround(at: number, count: number, size: number): Range {
  const length = Math.min(size, count);
  const start = Math.min(Math.max(0, Math.round(at - (length - 1) / 2)), count - length);
  return [start, start + length];
}

/** One number along an axis. */
export function only(at: number): Range {
  return [at, at + 1];
}

/** Vectors of a trace, one for each position. */
export interface Vectors {
  /** Trace name. */
  name: string;
  /** As formulas have it. */
  symbol: string;
  role: Role;
  /** Index along the axes between the position and the vector: the head, or nothing. */
  fixed: readonly number[];
  /** Numbers in each. */
  length: number;
}

/** The region of a tensor that some of the vectors are. */
export function regionOf({ fixed, length }: Vectors, rows: Range): Range[] {
  return [rows, ...fixed.map(only), [0, length]];
}

/** One number of one of the vectors. */
export function numberOf({ name, fixed }: Vectors, position: number, index: number, which: Which): NumberRef {
  return { name, index: [position, ...fixed, index], which };
}

/** A matrix of the model: rows act on what comes in, columns make what goes out. */
export interface Weight {
  /** As the channel knows it: "weights/W_Q/3". */
  tensor: string;
  symbol: string;
  /** Index along the axes before the matrix: the head, or nothing. */
  fixed: readonly number[];
  /** What is added afterwards, if the model has it. */
  bias: { tensor: string; symbol: string } | null;
}

/** "blocks.3.attn.q[7, 0, 12]" */
export function spelled({ name, index }: Pick<NumberRef, "name" | "index">): string {
  return `${name}[${index.join(", ")}]`;
}
