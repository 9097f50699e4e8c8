/** Programs made by hand, for the graph. */
import type { GraphFacts, NodeFacts, Shown, ValuesFacts } from "../../../src/widgets/rasp_graph/protocol";

export function node(label: string, kind: string, inputs: string[], change: Partial<NodeFacts> = {}): NodeFacts {
  return {
    ...{ label, kind, inputs, named: true, selector: kind.startsWith("select") && kind !== "selector_width" },
    ...{ text: "", layer: 0, half: "attention", place: "written", dimensions: [], heads: [], units: 0 },
    ...{ encoding: "", count: 0, values: [], absent: false, minor: false, written: [] },
    ...change,
  };
}

const SIZES = { layers: 2, heads: 1, d_head: 4, d_model: 8, d_mlp: 2, parameters: 99, bound: 0 };

export function graphOf(nodes: NodeFacts[], layers = 2): GraphFacts {
  const sizes = Array.from({ length: layers }, (_, at) => ({ heads: at === 1 ? 1 : 0, units: at === 0 ? 3 : 0 }));
  return { label: "test", nodes, layers, sizes, forecast: SIZES, text: "" };
}

const EMBEDDING = { layer: -1, half: "embedding" } as const;
const MLP = { half: "mlp" } as const;

/** Tokens pass through two minor functions into `b`, whose value a head of layer 1 gathers. */
export const NODES: NodeFacts[] = [
  node("tokens", "tokens", [], EMBEDDING),
  node("indices", "indices", [], EMBEDDING),
  node("map_1", "elementwise", ["tokens"], { ...MLP, minor: true, place: "fused", named: false }),
  node("map_2", "elementwise", ["map_1"], { ...MLP, minor: true, place: "fused", named: false }),
  node("b", "elementwise", ["map_2", "indices"], { ...MLP, units: 3 }),
  node("pick", "select", ["indices", "b"], { layer: 1, place: "head" }),
  node("out", "aggregate", ["pick", "tokens"], { layer: 1, heads: ["pick"], text: "mean" }),
];

export function valuesOf(nodes: readonly NodeFacts[], tokens: string[], values: Record<string, Shown[]>): ValuesFacts {
  const all = Object.fromEntries(
    nodes.filter(({ selector }) => !selector).map(({ label }) => [label, tokens as Shown[]]),
  );
  return {
    tokens,
    values: { ...all, ...values },
    model: {},
    numbers: {},
    output: tokens,
    ablated: null,
    problem: null,
  };
}

/** A program of many nodes: in each layer selectors, heads and functions of what the layers before hold. */
export function largeNodes(count: number): NodeFacts[] {
  const nodes = [node("tokens", "tokens", [], EMBEDDING), node("indices", "indices", [], EMBEDDING)];
  const values = ["tokens", "indices"];
  // A fixed sequence that looks like chance: the same program in each run.
  let seed = 7;
  const draw = (of: number) => {
    seed = (seed * 16807) % 2147483647;
    return seed % of;
  };
  const recent = () => values[Math.max(0, values.length - 1 - draw(24))] ?? "tokens";
  for (let at = 0; nodes.length < count; at++) {
    const layer = Math.floor(at / 8);
    const [key, query, value] = [recent(), recent(), recent()];
    const older = (label: string) => (nodes.find((one) => one.label === label)?.layer ?? -1) < layer;
    const use = (label: string) => (older(label) ? label : "tokens");
    nodes.push(node(`s${at}`, "select", [use(key), use(query)], { layer, place: "head" }));
    nodes.push(node(`a${at}`, "aggregate", [`s${at}`, use(value)], { layer }));
    nodes.push(node(`m${at}`, "elementwise", [`a${at}`, use(recent())], { ...MLP, layer }));
    values.push(`a${at}`, `m${at}`);
  }
  return nodes.slice(0, count);
}
