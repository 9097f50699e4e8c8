import type { Explorer } from "../explorer";
import { Probabilities } from "../probabilities";
import type { FlowFacts } from "../protocol";
import { Missing } from "./equation";
import { Explained } from "./explained";
import { inStack, numberOf, only, type Vectors } from "./places";
import { Product } from "./product";
import { type Here, useVectors } from "./reading";
import { sumMiss } from "./sum-table";

/** From the last stream to one number for each entry of the vocabulary, and to probabilities. */
export function LogitsView({ explorer, here, facts }: { explorer: Explorer; here: Here; facts: FlowFacts | null }) {
  const { model, position } = here;
  const input: Vectors = {
    name: lastStream(here, facts),
    symbol: "x",
    role: "residual",
    fixed: [],
    length: model.d_model,
  };
  const logits: Vectors = { ...input, name: "logits", symbol: "logits", role: "attention", length: model.vocab };
  const each = model.positions_have_logits;
  const read = useVectors(explorer, each ? logits : null, only(position)).read;
  // What W_U itself gives: some models scale or cap it before they call it logits, and some have no such place.
  const plain = useVectors(explorer, each ? { ...logits, name: "unembed" } : null, only(position));
  const output = plain.error === null ? { ...logits, name: "unembed" } : logits;
  const changed = plain.read && read ? sumMiss([plain.read.values, read.values]) > 1e-3 : false;
  const weight = {
    tensor: "weights/W_U",
    symbol: "W_U",
    fixed: [],
    bias: model.unembed_bias ? { tensor: "weights/b_U", symbol: "b_U" } : null,
  };
  const best = read ? highestAt(read.values) : -1;
  return (
    <>
      <Explained
        explorer={explorer}
        title="Logits"
        lead={logitsLead(here) + (changed ? " What is drawn is then scaled or capped before it is called logits." : "")}
        fallback={best < 0 ? null : numberOf(output, position, best, here.which)}
      >
        {(telling) =>
          each ? (
            <Product {...{ explorer, here, telling, input, weight, output }} rows={only(position)} />
          ) : (
            <Missing>This model gives one row of numbers for the whole input, not one for each position.</Missing>
          )
        }
      </Explained>
      <Probabilities explorer={explorer} />
    </>
  );
}

/** What W_U is applied to: the last norm's output, else the stream as the last block leaves it. */
export function lastStream({ model }: Here, facts: FlowFacts | null): string {
  const final = facts?.names.final;
  if (!final || "ln_final.out" in facts.names) return inStack(facts, "ln_final.out");
  return model.form === "post-norm" ? final.replace(/resid_post$/, "ln2.out") : final;
}

/** Where the highest number stands; -1 in an empty list. */
export function highestAt(values: ArrayLike<number>): number {
  let best = -1;
  for (let i = 0; i < values.length; i++) {
    if (best < 0 || (values[i] ?? Number.NEGATIVE_INFINITY) > (values[best] ?? Number.NEGATIVE_INFINITY)) best = i;
  }
  return best;
}

export function logitsLead({ model, position }: Here): string {
  const norm = model.norms.final ? `the output of the last ${model.norms.final}` : "the last stream";
  const tied = model.tied
    ? " W_U is the embedding table turned on its side (the two are tied): a logit says how much x points along that token's own embedding."
    : "";
  const bias = model.unembed_bias ? "" : " This model adds no bias here.";
  return `x is ${norm} at position ${position}; each of the ${model.vocab} columns of W_U gives one logit.${bias}${tied}`;
}
