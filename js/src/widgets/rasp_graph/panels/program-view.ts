/** The program and its values as the panels read them, in one place. */
import { useMemo } from "preact/hooks";
import { type Answered, useAnswer } from "../../../lib";
import { type Explorer, useGraph, useValues } from "../explorer";
import type { DependenciesFacts, GraphFacts, NodeFacts, Shown, ValuesFacts } from "../protocol";
import { type NumberRange, numberRange, placeOf, valueColor } from "./value-colors";
import type { Rgb } from "../../../lib";

export interface ProgramView {
  explorer: Explorer;
  graph: GraphFacts;
  values: ValuesFacts;
  frames: Answered<ValuesFacts>["frames"];
  /** Whether the values belong to an input or program before the present one. */
  waiting: boolean;
  node(label: string): NodeFacts | null;
  /** Nodes that have this one among their inputs. */
  readers(label: string): NodeFacts[];
  valuesOf(label: string): readonly Shown[];
  colorOf(label: string, position: number, value?: Shown): Rgb | null;
}

/** Null until both answers are there; then `error` says why there is none. */
export function useProgram(explorer: Explorer): { program: ProgramView | null; error: string | null } {
  const graph = useGraph(explorer);
  const values = useValues(explorer);
  const { store, theme } = explorer;
  const vocabulary = store.get("vocabulary");
  const program = useMemo(() => {
    if (!graph.facts || !values.facts) return null;
    return makeProgram(explorer, graph.facts, values.facts, { values, vocabulary, waiting: graph.waiting });
  }, [graph.facts, graph.waiting, values.facts, values.waiting, theme, vocabulary]);
  return { program: program && { ...program, explorer }, error: graph.error ?? values.error };
}

interface More {
  values: Answered<ValuesFacts>;
  vocabulary: readonly string[];
  waiting: boolean;
}

function makeProgram(explorer: Explorer, graph: GraphFacts, values: ValuesFacts, more: More): ProgramView {
  const byLabel = new Map(graph.nodes.map((node) => [node.label, node]));
  const readers = new Map<string, NodeFacts[]>();
  for (const node of graph.nodes) {
    for (const input of new Set(node.inputs)) readers.set(input, [...(readers.get(input) ?? []), node]);
  }
  const ranges = new Map<string, NumberRange>();
  const rangeOf = (label: string) => {
    const known = ranges.get(label) ?? numberRange(values.numbers[label]);
    ranges.set(label, known);
    return known;
  };
  const node = (label: string) => byLabel.get(label) ?? null;
  return {
    explorer,
    graph,
    values,
    frames: more.values.frames,
    waiting: more.values.waiting || more.waiting,
    node,
    readers: (label) => readers.get(label) ?? [],
    valuesOf: (label) => values.values[label] ?? [],
    colorOf: (label, position, given) => {
      const value = given === undefined ? (values.values[label]?.[position] ?? null) : given;
      const number = values.numbers[label] === undefined || value === null ? null : numberIn(value);
      return valueColor(value, number, rangeOf(label), placeOf(value, more.vocabulary, node(label)), explorer.theme);
    },
  };
}

/** The number that a value's text says; null for none. Fractions are written as Python does: 1/3. */
export function numberIn(text: string): number | null {
  const [, above, below] = /^(-?\d+)\/(\d+)$/.exec(text) ?? [];
  const value = above !== undefined ? Number(above) / Number(below) : text.trim() === "" ? Number.NaN : Number(text);
  return Number.isFinite(value) ? value : null;
}

/** What the value under the pointer, else the pinned one of the selected node, was made of. */
export function useSources(explorer: Explorer): Record<string, number[]> {
  const { store, channel, pointed } = explorer;
  const place = pointed.value;
  const [label, position] =
    place && place.position >= 0 ? [place.node, place.position] : [store.get("node"), store.get("position")];
  const args = label !== "" && position >= 0 ? { label, position, side: store.get("side") } : null;
  const { facts, waiting } = useAnswer<DependenciesFacts>(channel, "dependencies", args, store.get("run"));
  return args && facts && !waiting ? facts.from : NOTHING;
}

const NOTHING: Record<string, number[]> = {};

/** The selector among a node's inputs; null where it reads none. */
export function selectorOf(program: ProgramView, node: NodeFacts): NodeFacts | null {
  const label = node.inputs.find((input) => program.node(input)?.selector);
  return label === undefined ? null : program.node(label);
}

/** The inputs of a node that are no selectors. */
export function operandsOf(program: ProgramView, node: NodeFacts): string[] {
  return [...new Set(node.inputs)].filter((label) => !program.node(label)?.selector);
}
