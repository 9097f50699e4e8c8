/** The projections of an attention: what they are called, and their vectors. */
import type { Role } from "../../../lib/roles";
import type { FlowFacts } from "../protocol";
import { inBlock, keyHeadOf, type Vectors } from "./places";
import type { Here } from "./reading";

export type Letter = "q" | "k" | "v";

export const LETTERS: readonly { value: Letter; label: string; role: Role }[] = [
  { value: "q", label: "Query", role: "query" },
  { value: "k", label: "Key", role: "key" },
  { value: "v", label: "Value", role: "value" },
];

/** Queries, keys or values of the head on show. */
export function vectorsOf(letter: Letter, { block, head, model }: Here, facts: FlowFacts | null): Vectors {
  return {
    name: inBlock(facts, block, `attn.${letter}`),
    symbol: letter,
    role: LETTERS.find(({ value }) => value === letter)?.role ?? "residual",
    fixed: [letter === "q" ? head : keyHeadOf(head, model)],
    length: model.d_head,
  };
}
