/** What a selector's grid is drawn from. */
import { type Frame, valueAt, valuesOf } from "../../../lib";
import type { NodeFacts, Shown } from "../protocol";
import { numberIn, type ProgramView } from "./program-view";

/** What reads a selector: what it gathers at each key, and what comes out at each query. */
export interface Reader {
  node: NodeFacts;
  /** Label of what is gathered; null for a width, which counts. */
  gathered: string | null;
}

export interface SelectorData {
  selector: NodeFacts;
  size: number;
  /** Labels of the s-ops on the margins; null for a combined selector. */
  keys: string | null;
  queries: string | null;
  /** Selectors that this one is combined from. */
  parts: { label: string; on(query: number, key: number): boolean }[];
  on(query: number, key: number): boolean;
  /** The model's attention, without the BOS; null where no head of its own computes the selector. */
  weight: ((query: number, key: number) => number) | null;
  /** The largest of the weights. */
  heaviest: number;
  readers: Reader[];
}

export function selectorData(program: ProgramView, selector: NodeFacts, readers: readonly NodeFacts[]): SelectorData {
  const select = program.frames[`select:${selector.label}`];
  const weights = program.frames[`weights:${selector.label}`];
  const combined = selector.inputs.filter((label) => program.node(label)?.selector);
  return {
    selector,
    size: program.values.tokens.length,
    keys: combined.length > 0 ? null : (selector.inputs[0] ?? null),
    queries: combined.length > 0 ? null : (selector.inputs[1] ?? selector.inputs[0] ?? null),
    parts: combined.map((label) => ({ label, on: reading(program.frames[`select:${label}`]) })),
    on: reading(select),
    weight: weights ? (query, key) => read(weights, query, key) : null,
    heaviest: weights ? valuesOf(weights).reduce((most, one) => Math.max(most, one), 0) : 0,
    readers: readers.map((node) => ({ node, gathered: gatheredBy(program, node) })),
  };
}

function gatheredBy(program: ProgramView, node: NodeFacts): string | null {
  return node.inputs.find((label) => !program.node(label)?.selector) ?? null;
}

function reading(frame: Frame | undefined): (query: number, key: number) => boolean {
  return (query, key) => frame !== undefined && read(frame, query, key) > 0.5;
}

function read(frame: Frame, query: number, key: number): number {
  const [rows = 0, columns = 0] = frame.shape;
  return query < rows && key < columns ? valueAt(frame, query, key) : 0;
}

/** How the result at a query comes about, in words: "3 selected: mean of 1, 0, 1 is 0.667". */
export function gatheringWords(program: ProgramView, data: SelectorData, reader: Reader, query: number): string {
  const keys = Array.from({ length: data.size }, (_, key) => key).filter((key) => data.on(query, key));
  const result = program.valuesOf(reader.node.label)[query] ?? null;
  const out = result ?? "absent";
  if (reader.gathered === null) return `${keys.length} selected: ${reader.node.label} is ${out}`;
  const gathered = program.valuesOf(reader.gathered);
  if (keys.length === 0) return `nothing is selected: ${reader.node.label} is ${out}`;
  const listed = keys.map((key) => gathered[key] ?? "absent");
  const shown = listed.length > 12 ? `${listed.slice(0, 12).join(", ")}, ...` : listed.join(", ");
  if (keys.length === 1) return `${reader.gathered} at ${keys[0]} is ${shown}: ${reader.node.label} is ${out}`;
  return `${keys.length} selected, ${shown}: ${reader.node.label} is ${out}${combining(listed, result, reader.node)}`;
}

/** That the result is the mean, where it is. */
function combining(values: readonly string[], result: Shown, { text }: NodeFacts): string {
  if (/\b(sum|min|max)\b/.test(text)) return "";
  const numbers = values.map(numberIn);
  const out = result === null ? null : numberIn(result);
  if (out === null || numbers.some((one) => one === null)) return "";
  const mean = numbers.reduce<number>((sum, one) => sum + (one ?? 0), 0) / numbers.length;
  return Math.abs(mean - out) < 1e-4 * Math.max(1, Math.abs(out)) ? ", their mean" : "";
}

/** One cell in words: what the key and the query are, and what the predicate says of them. */
export function cellWords(program: ProgramView, data: SelectorData, query: number, key: number): string {
  const value = (label: string | null, at: number) =>
    label === null ? "" : ` (${label} ${program.valuesOf(label)[at] ?? "absent"})`;
  const { tokens } = program.values;
  const sides = `query ${query} \u201c${tokens[query]}\u201d${value(data.queries, query)}, key ${key} \u201c${tokens[key]}\u201d${value(data.keys, key)}`;
  const on = data.on(query, key) ? "selected" : "not selected";
  if (data.parts.length > 0) {
    const parts = data.parts.map(({ label, on: is }) => `${label} ${is(query, key) ? "yes" : "no"}`).join(", ");
    return `${sides}: ${on} (${parts})`;
  }
  const rule = data.selector.text === "" ? "" : ` by ${data.selector.text}`;
  return `${sides}: ${on}${rule}`;
}
