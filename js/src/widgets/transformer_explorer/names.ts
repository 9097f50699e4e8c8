/** What a model calls its own parts, where it says: heads, residual dimensions, hidden units. */
import { spokenText } from "../../lib";
import type { ModelFacts, Names, NumberRef } from "./protocol";

type Named = Pick<ModelFacts, "names">;

/** The name of a head; empty for none. */
export function headName({ names }: Named, block: number, head: number): string {
  return spoken(names?.heads?.[block]?.[head]);
}

/** "head 2 earlier", or "head 2" where it has no name. */
export function headWords(model: Named, block: number, head: number): string {
  return withName(`head ${head}`, headName(model, block, head));
}

/** The name of a hidden unit; empty for none. */
export function unitName({ names }: Named, block: number, unit: number): string {
  return spoken(names?.units?.[block]?.[unit]);
}

/** The name of a position; empty for none. */
export function positionName({ names }: Named, position: number): string {
  return spoken(names?.positions?.[position]);
}

export function withName(words: string, name: string): string {
  return name === "" ? words : `${words} ${name}`;
}

const IN_BLOCK = /^(?!encoder\.).*?blocks\.(\d+)\.(.+)$/;
const OF_HEAD = ["attn.pattern", "attn.scores", "attn.masked_scores"];

/** What a number of a trace is called by its axes, "earlier, tokens:a" say; empty for none. */
export function numberName(model: Named, { name, index }: Pick<NumberRef, "name" | "index">): string {
  const { names } = model;
  if (!names) return "";
  const [, number = "", quantity = ""] = IN_BLOCK.exec(name) ?? [];
  if (number === "") return outside(names, name, index);
  const block = Number(number);
  const [first = -1, second = -1, third = -1] = index;
  if (OF_HEAD.includes(quantity)) return headName(model, block, first);
  const entry = entryOf(names, block, quantity, second, third);
  return [index.length === 3 ? headName(model, block, second) : "", spoken(entry)].filter(Boolean).join(", ");
}

/** Of what lies before the blocks and after them. */
function outside(names: Names, name: string, index: readonly number[]): string {
  if (/encoder\./.test(name)) return "";
  const quantity = name.replace(/^.*?((pos_)?embed|ln_final\.out|unembed|logits)$/, "$1");
  const last = index[index.length - 1] ?? -1;
  if (quantity === "logits" || quantity === "unembed") return spoken(names.outputs?.[last]);
  return ["embed", "pos_embed", "ln_final.out"].includes(quantity) ? spoken(names.dimensions?.[last]) : "";
}

function entryOf(names: Names, block: number, quantity: string, second: number, third: number): string | undefined {
  switch (quantity) {
    case "attn.q":
    case "attn.k":
    case "attn.rot_q":
    case "attn.rot_k":
      return names.compared?.[block]?.[second]?.[third];
    case "attn.v":
    case "attn.z":
      return names.moved?.[block]?.[second]?.[third];
    case "attn.result":
      return names.dimensions?.[third];
    case "mlp.pre":
    case "mlp.pre_linear":
    case "mlp.post":
      return names.units?.[block]?.[second];
    default:
      return /^(resid_|ln|(attn|cross|mlp)[_.]out$)/.test(quantity) ? names.dimensions?.[second] : undefined;
  }
}

function spoken(name: unknown): string {
  return typeof name === "string" && name !== "" ? spokenText(name) : "";
}
