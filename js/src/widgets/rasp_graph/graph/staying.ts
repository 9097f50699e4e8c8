/** The layout of an edited program: cards stay where they stood, and make room only where they must. */
import type { Coord, SugiNode } from "d3-dag";
import type { Datum, Layout } from "./layout";

type Node = SugiNode<Datum, unknown>;
type Separation = (left: Node | undefined, right: Node | undefined) => number;

/** How much the way of an edge counts against a card, where both want one place. */
const EDGE_WEIGHT = 0.05;
const NEW_WEIGHT = 0.2;

/** Order and places of rows as they were in a layout; new cards stand beside what they are made from. */
export function staying({ boxes, routes }: Layout) {
  const wanted = new Map<Node, { x: number; weight: number }>();
  const want = (node: Node): { x: number; weight: number } => {
    const known = placeOf(node, boxes, routes);
    if (known !== null) return { x: known, weight: node.data.role === "node" ? 1 : EDGE_WEIGHT };
    const above = [...node.parents()].flatMap((parent) => wanted.get(parent as Node)?.x ?? []);
    const x = above.reduce((sum, one) => sum + one, 0) / Math.max(1, above.length);
    return { x, weight: node.data.role === "node" ? NEW_WEIGHT : EDGE_WEIGHT };
  };
  const order = (rows: Node[][]): void => {
    for (const row of rows) {
      for (const node of row) wanted.set(node, want(node));
      row.sort((a, b) => (wanted.get(a)?.x ?? 0) - (wanted.get(b)?.x ?? 0));
    }
  };
  const place = (rows: Node[][], separation: Separation): number => {
    for (const row of rows) spread(row, wanted, separation);
    const edge = (node: Node) => node.x - separation(undefined, node);
    const left = Math.min(...rows.flat().map(edge));
    for (const node of rows.flat()) node.x -= left;
    return Math.max(...rows.flat().map((node) => node.x + separation(node, undefined)));
  };
  // d3-dag's type is of nodes of any data; it calls this with ours.
  return { order, place: place as unknown as Coord<Datum, unknown> };
}

/** Where a card stood, or where an edge passed a row; null for a new one. */
function placeOf({ data }: Node, boxes: Layout["boxes"], routes: Layout["routes"]): number | null {
  if (data.role === "node") {
    const box = boxes.get(data.node.data.id);
    return box ? box.x + box.width / 2 : null;
  }
  const { source, target } = data.link;
  const route = routes.find(({ from, to }) => from === source.data.id && to === target.data.id);
  return route?.points[1 + 2 * (data.layer - source.data.row - 1)]?.[0] ?? null;
}

/** Puts a row as near to where its nodes want to be as their widths allow: neighbours that would overlap move as one. */
function spread(
  row: readonly Node[],
  wanted: ReadonlyMap<Node, { x: number; weight: number }>,
  separation: Separation,
): void {
  let offset = 0;
  const blocks: { sum: number; weight: number; nodes: [Node, number][] }[] = [];
  row.forEach((node, at) => {
    if (at > 0) offset += separation(row[at - 1], node);
    const { x, weight } = wanted.get(node) ?? { x: 0, weight: NEW_WEIGHT };
    let block = { sum: weight * (x - offset), weight, nodes: [[node, offset]] as [Node, number][] };
    for (let last = blocks.at(-1); last && last.sum / last.weight > block.sum / block.weight; last = blocks.at(-1)) {
      block = {
        sum: last.sum + block.sum,
        weight: last.weight + block.weight,
        nodes: [...last.nodes, ...block.nodes],
      };
      blocks.pop();
    }
    blocks.push(block);
  });
  for (const { sum, weight, nodes } of blocks) {
    for (const [node, shift] of nodes) node.x = sum / weight + shift;
  }
}
