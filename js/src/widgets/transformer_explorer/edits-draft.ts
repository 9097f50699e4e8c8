/** Interventions as the screen writes them: what can be done to what, and in words. */
import type { Edit, ModelFacts } from "./protocol";

export type Part = Exclude<Edit["part"], "other">;
export type Kind = Exclude<Edit["kind"], "python">;

export const KINDS: Record<Kind, { label: string; doc: string }> = {
  zero: { label: "Zero", doc: "Put zeros there" },
  mean: { label: "Mean", doc: "Put the mean over the prompt's positions there" },
  resample: { label: "Resample", doc: "Put what a shuffled prompt gives there" },
  scale: { label: "Scale", doc: "Multiply it by a factor" },
  patch: { label: "Patch", doc: "Put what another prompt gives there" },
  freeze: { label: "Freeze", doc: "Hold the attention pattern of the run without edits" },
};

export const PARTS: Record<Part, string> = {
  head: "Head",
  attention: "Attention",
  mlp: "MLP",
  neuron: "Neuron",
  position: "Stream",
};

/** What may be done to a part: only attention has a pattern to freeze. */
export function kindsFor(part: Edit["part"]): Kind[] {
  const kinds: Kind[] = ["zero", "mean", "resample", "scale", "patch"];
  return part === "head" || part === "attention" ? [...kinds, "freeze"] : kinds;
}

/** Parts that the model has. */
export function partsOf(model: ModelFacts): Part[] {
  const parts: Part[] = ["head", "attention"];
  return model.d_mlp > 0 ? [...parts, "mlp", "neuron", "position"] : [...parts, "position"];
}

/** Where a new intervention starts from. */
export interface Reader {
  block: number;
  head: number;
  neuron: number;
  position: number;
}

/** A new intervention on a part, at the reader's place; its position is all of them where the part allows. */
export function newEdit(kind: Kind, part: Part, at: Reader): Edit {
  return {
    kind,
    part,
    block: at.block,
    head: part === "head" ? at.head : null,
    neuron: part === "neuron" ? at.neuron : null,
    position: part === "position" ? at.position : null,
    ...(kind === "scale" && { factor: 2 }),
    ...(kind === "patch" && { text: "", from_position: null }),
    on: true,
  };
}

/** What an intervention acts on, in words, before Python has said it. */
export function targetWords(edit: Edit): string {
  const words: Record<Edit["part"], string> = {
    head: `head ${edit.head ?? 0} of block ${edit.block}`,
    attention: `attention of block ${edit.block}`,
    mlp: `MLP of block ${edit.block}`,
    neuron: `neuron ${edit.neuron ?? 0} of block ${edit.block}`,
    position: `stream into block ${edit.block}`,
    other: edit.label ?? "set from Python",
  };
  return words[edit.part];
}

/** Whether two interventions act alike on the same place, on or not. */
export function isSame(a: Edit, b: Edit): boolean {
  const keys = ["kind", "part", "block", "head", "neuron", "position"] as const;
  return keys.every((key) => (a[key] ?? null) === (b[key] ?? null));
}

/** Whether an intervention can run: a patch needs its second prompt. */
export function isComplete(edit: Edit): boolean {
  return edit.kind !== "patch" || (edit.text ?? "") !== "";
}

/** Kullback-Leibler divergence of two rows of logits, in nats: what is lost by taking the second for the first. */
export function divergence(first: Float32Array, second: Float32Array): number {
  const [a, b] = [logNormaliser(first), logNormaliser(second)];
  let sum = 0;
  for (let id = 0; id < first.length; id++) {
    const log = (first[id] ?? 0) - a;
    const share = Math.exp(log);
    if (share > 0) sum += share * (log - ((second[id] ?? 0) - b));
  }
  return Math.max(0, sum);
}

function logNormaliser(logits: Float32Array): number {
  let peak = Number.NEGATIVE_INFINITY;
  for (const logit of logits) peak = Math.max(peak, logit);
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - peak);
  return peak + Math.log(sum);
}
