/** Half-layers from above, and the row that each node stands in. */
import type { GraphFacts, Half, NodeFacts } from "../protocol";
import type { Shape } from "./shape";

export interface Lane {
  /** As the half-layers of the residual stream count: 0 the embedding, 1 the attention of layer 0. */
  step: number;
  layer: number;
  half: Half;
  /** Rows of nodes, from above. */
  rows: readonly (readonly NodeFacts[])[];
  /** Heads or hidden units that are at work here; 0 in an idle half, null where the program does not compile. */
  work: number | null;
  /** Nodes of other half-layers that this one writes too, in another form. */
  also: readonly string[];
}

/** Which half-layer a node is computed in. */
export function stepOf({ layer, half }: Pick<NodeFacts, "layer" | "half">): number {
  if (half === "embedding" || layer < 0) return 0;
  return 2 * layer + (half === "attention" ? 1 : 2);
}

/** The embedding and both halves of each layer, idle ones too; in each a node is below what it reads there. */
export function lanesOf(shape: Shape, { layers, sizes }: Pick<GraphFacts, "layers" | "sizes">): Lane[] {
  const byStep = new Map<number, NodeFacts[]>();
  for (const node of shape.nodes) byStep.set(stepOf(node), [...(byStep.get(stepOf(node)) ?? []), node]);
  const last = Math.max(2 * layers, ...byStep.keys());
  return Array.from({ length: last + 1 }, (_, step): Lane => {
    const layer = step === 0 ? -1 : Math.floor((step - 1) / 2);
    const half = step === 0 ? "embedding" : step % 2 === 1 ? "attention" : "mlp";
    const size = sizes[layer];
    const also = shape.nodes.filter(
      (node) => stepOf(node) !== step && node.written.some((one) => stepOf(one) === step),
    );
    return {
      ...{ step, layer, half, rows: rowsOf(byStep.get(step) ?? [], shape) },
      work: size ? (half === "mlp" ? size.units : size.heads) : null,
      also: also.map(({ label }) => label),
    };
  });
}

/** All nodes in rows by how many steps they are from what they are made of, as they are written. */
export function writtenRows(shape: Shape): NodeFacts[][] {
  return rowsOf(shape.nodes, shape);
}

function rowsOf(nodes: readonly NodeFacts[], shape: Shape): NodeFacts[][] {
  const depth = new Map(nodes.map(({ label }) => [label, 0]));
  const into = new Map<string, string[]>();
  for (const { from, to } of shape.edges) into.set(to, [...(into.get(to) ?? []), from]);
  const rows: NodeFacts[][] = [];
  for (const node of nodes) {
    const above = (into.get(node.label) ?? []).map((label) => depth.get(label) ?? -1);
    const row = Math.max(-1, ...above) + 1;
    depth.set(node.label, row);
    const there = rows[row];
    if (there) there.push(node);
    else rows[row] = [node];
  }
  return rows.filter((row) => row !== undefined);
}

/** "Layer 1 attention", and what works there. */
export function laneWords({ layer, half, rows, work, also }: Lane): { name: string; work: string } {
  if (half === "embedding") return { name: "Embedding", work: "" };
  const name = `Layer ${layer} ${half === "mlp" ? "MLP" : "attention"}`;
  if (isIdle({ rows, work })) return { name, work: "idle" };
  const size = counted(work ?? 0, half === "mlp" ? "unit" : "head");
  const forms = also.length > 0 ? `also writes ${also.join(", ")}` : "";
  return { name, work: [size, forms].filter(Boolean).join(" \u00b7 ") };
}

/** Whether nothing is computed in a half-layer. */
export function isIdle({ rows, work }: Pick<Lane, "rows" | "work">): boolean {
  return rows.length === 0 && !work;
}

function counted(count: number, what: string): string {
  return count === 0 ? "" : `${count} ${what}${count === 1 ? "" : "s"}`;
}

/** How many half-layers there are, with the embedding. */
export function stepCount({ layers }: Pick<GraphFacts, "layers">): number {
  return 2 * layers + 1;
}
