/** Which nodes are drawn, and what leads from one to the next: the program without what is folded or out of focus. */
import type { Role } from "../../../lib";
import type { GraphFacts, NodeFacts } from "../protocol";

export interface Edge {
  from: string;
  to: string;
  role: Role;
  /** Of the inputs of `to`, as far as they are drawn. */
  port: number;
  ports: number;
  /** Minor nodes on the way that are folded. */
  through: readonly string[];
}

export interface Shape {
  nodes: readonly NodeFacts[];
  edges: readonly Edge[];
  /** By label of a drawn node, the minor nodes that were folded into it, first first. */
  folded: ReadonlyMap<string, readonly NodeFacts[]>;
  /** Label of the node whose value the program gives. */
  output: string;
}

/** The nodes and edges to draw. */
export function shapeOf(graph: GraphFacts, unfolded: boolean, focus: string): Shape {
  const output = graph.nodes[graph.nodes.length - 1]?.label ?? "";
  const cone = focus === "" ? null : coneOf(graph, focus);
  const hidden = (node: NodeFacts) => node.minor && !unfolded && node.label !== output && node.label !== focus;
  const byLabel = new Map(graph.nodes.map((node) => [node.label, node]));
  const nodes = graph.nodes.filter((node) => !hidden(node) && (!cone || cone.has(node.label)));
  const drawn = new Set(nodes.map(({ label }) => label));
  const folded = new Map<string, readonly NodeFacts[]>();
  const edges: Edge[] = [];
  for (const node of nodes) {
    const ways = waysInto(node, byLabel, hidden);
    const there = ways.filter(({ from }) => drawn.has(from));
    there.forEach(({ from, role, through }, port) => {
      edges.push({ from, to: node.label, role, port, ports: there.length, through });
    });
    const inside = new Set(ways.flatMap(({ through }) => through));
    if (inside.size > 0)
      folded.set(
        node.label,
        graph.nodes.filter(({ label }) => inside.has(label)),
      );
  }
  return { nodes, edges, folded, output };
}

type Way = Pick<Edge, "from" | "role" | "through">;

/** What a node is made from, through folded nodes; each source once. */
function waysInto(
  node: NodeFacts,
  byLabel: ReadonlyMap<string, NodeFacts>,
  hidden: (node: NodeFacts) => boolean,
): Way[] {
  const ways: Way[] = [];
  const follow = (label: string, role: Role, through: readonly string[]) => {
    const source = byLabel.get(label);
    if (!source) return;
    if (hidden(source)) for (const input of source.inputs) follow(input, role, [...through, label]);
    const known = ways.find(({ from }) => from === label);
    // An input that leads in twice, as of `x + x`, is one edge; one that is both key and query is two.
    if (!hidden(source) && (known === undefined || known.role !== role)) ways.push({ from: label, role, through });
  };
  for (const [at, label] of node.inputs.entries()) follow(label, roleInto(node, at, byLabel.get(label)), []);
  return ways;
}

/** What an input is to a node: its keys, its queries, the values it gathers, or what its function is of. */
function roleInto(node: NodeFacts, at: number, input: NodeFacts | undefined): Role {
  if (node.kind === "select") return at === 0 ? "key" : "query";
  if (input?.selector) return "attention";
  return node.kind === "aggregate" ? "value" : "mlp";
}

/** Labels of a node, all that it is made from and all that it goes into; empty where there is no such node. */
export function coneOf({ nodes }: GraphFacts, label: string): Set<string> {
  return new Set([...ancestorsOf(nodes, label), ...descendantsOf(nodes, label)]);
}

/** A node and all that it is made from. */
export function ancestorsOf(nodes: readonly Pick<NodeFacts, "label" | "inputs">[], label: string): Set<string> {
  const found = new Set([label]);
  for (const node of [...nodes].reverse()) {
    if (found.has(node.label)) for (const input of node.inputs) found.add(input);
  }
  return found;
}

/** A node and all that it goes into. */
export function descendantsOf(nodes: readonly Pick<NodeFacts, "label" | "inputs">[], label: string): Set<string> {
  const found = new Set([label]);
  for (const node of nodes) {
    if (node.inputs.some((input) => found.has(input))) found.add(node.label);
  }
  return found;
}
