/** Places for cards: half-layers from above, and in each row the order with few crossings. */
import {
  coordGreedy,
  coordSimplex,
  decrossDfs,
  decrossTwoLayer,
  type GraphNode,
  graphStratify,
  sugiyama,
  twolayerAgg,
} from "d3-dag";
import type { Box } from "../../../lib";
import type { GraphFacts, NodeFacts } from "../protocol";
import type { CardLayout } from "./card";
import { staying } from "./staying";
import { type Lane, lanesOf, writtenRows } from "./lanes";
import type { Edge, Shape } from "./shape";

export interface PlacedLane extends Lane {
  y: number;
  height: number;
}

export interface Route extends Edge {
  /** The foot of its first card; from there it leads straight down to where the row ends. */
  foot: readonly [x: number, y: number];
  /** Where it runs down between rows: it goes straight through each row's height. */
  points: readonly (readonly [x: number, y: number])[];
}

export interface Layout {
  boxes: ReadonlyMap<string, Box>;
  routes: readonly Route[];
  /** Empty where the program is laid out as it is written. */
  lanes: readonly PlacedLane[];
  /** Around all cards. */
  bounds: Box;
}

interface Row {
  nodes: readonly NodeFacts[];
  y: number;
  height: number;
}

const GAP_X = 18;
const GAP_Y = 30;
const LANE_HEAD = 24;
const LANE_FOOT = 14;
const IDLE_PX = 20;
/** Programs up to this size are placed with more care. */
const SMALL = 60;
/** How many rows edges may pass by, all together: the longest ones of a large program run straight behind the cards. */
const MOST_PASSED = 260;

/** Lays out a program; nodes that stood in the layout before keep their order where they can. */
export function layoutOf(
  shape: Shape,
  cards: ReadonlyMap<string, CardLayout>,
  { graph, written, before }: { graph: Pick<GraphFacts, "layers" | "sizes">; written: boolean; before: Layout | null },
): Layout {
  const lanes = written ? [] : lanesOf(shape, graph);
  const { rows, placed } = written ? writtenPlaces(shape, cards) : lanePlaces(lanes, cards);
  const { x, ways } = across(shape, cards, rows, before);
  const boxes = new Map<string, Box>();
  for (const row of rows) {
    for (const { label } of row.nodes) {
      const { width = 0, height = 0 } = cards.get(label) ?? {};
      boxes.set(label, { x: Math.round((x.get(label) ?? 0) - width / 2), y: row.y, width, height });
    }
  }
  const shift = shiftTo(boxes, before);
  for (const [label, box] of boxes) boxes.set(label, { ...box, x: box.x + shift });
  const routes = shape.edges.map((edge) => routeOf(edge, boxes, rows, ways, shift));
  return { boxes, routes, lanes: placed, bounds: boundsOf([...boxes.values()], routes, placed) };
}

function heightOf(row: readonly NodeFacts[], cards: ReadonlyMap<string, CardLayout>): number {
  return Math.max(0, ...row.map(({ label }) => cards.get(label)?.height ?? 0));
}

function lanePlaces(lanes: readonly Lane[], cards: ReadonlyMap<string, CardLayout>) {
  const rows: Row[] = [];
  let y = 0;
  const placed = lanes.map((lane): PlacedLane => {
    const top = y;
    if (lane.rows.length === 0) y += IDLE_PX;
    else {
      y += LANE_HEAD;
      lane.rows.forEach((nodes, at) => {
        const height = heightOf(nodes, cards);
        if (at > 0) y += GAP_Y;
        rows.push({ nodes, y, height });
        y += height;
      });
      y += LANE_FOOT;
    }
    return { ...lane, y: top, height: y - top };
  });
  return { rows, placed };
}

function writtenPlaces(shape: Shape, cards: ReadonlyMap<string, CardLayout>) {
  let y = 0;
  const rows = writtenRows(shape).map((nodes): Row => {
    const row = { nodes, y, height: heightOf(nodes, cards) };
    y += row.height + GAP_Y;
    return row;
  });
  return { rows, placed: [] as PlacedLane[] };
}

export interface Datum {
  id: string;
  parentIds: string[];
  row: number;
}

/** Middles of the cards from left to right, and where edges pass the rows between. */
function across(
  shape: Shape,
  cards: ReadonlyMap<string, CardLayout>,
  rows: readonly Row[],
  before: Layout | null,
): { x: ReadonlyMap<string, number>; ways: ReadonlyMap<string, readonly number[]> } {
  const rowOf = new Map(rows.flatMap(({ nodes }, row) => nodes.map(({ label }) => [label, row] as const)));
  if (rowOf.size === 0) return { x: new Map(), ways: new Map() };
  const small = rowOf.size <= SMALL;
  const parents = routedParents(shape, rowOf);
  const data = shape.nodes.map(
    ({ label }): Datum => ({ id: label, parentIds: [...(parents.get(label) ?? [])], row: rowOf.get(label) ?? 0 }),
  );
  const dag = graphStratify()(data);
  const stay = before && staying(before);
  const place = sugiyama()
    .layering(byRow)
    .decross(stay ? stay.order : fewCrossings(small ? 24 : 8))
    .coord(stay ? stay.place : small ? coordSimplex() : coordGreedy())
    .nodeSize(({ data: { id } }: GraphNode<Datum, undefined>) => [cards.get(id)?.width ?? 1, 1] as const)
    .gap([GAP_X, 1]);
  place(dag);
  const x = new Map([...dag.nodes()].map((node) => [node.data.id, node.x]));
  const ways = new Map(
    [...dag.links()].map(({ source, target, points }) => [
      wayKey(source.data.id, target.data.id),
      points.map(([at]) => at),
    ]),
  );
  return { x, ways };
}

/** By node, what it is made from, as far as the edge between finds a way past the rows between; short edges first. */
function routedParents({ edges }: Shape, rowOf: ReadonlyMap<string, number>): Map<string, Set<string>> {
  const parents = new Map<string, Set<string>>();
  const rise = ({ from, to }: Edge) => (rowOf.get(to) ?? 0) - (rowOf.get(from) ?? 0);
  let passed = 0;
  for (const edge of [...edges].sort((a, b) => rise(a) - rise(b))) {
    const known = parents.get(edge.to)?.has(edge.from);
    if (rise(edge) < 1 || known || passed + rise(edge) - 1 > MOST_PASSED) continue;
    passed += rise(edge) - 1;
    parents.set(edge.to, (parents.get(edge.to) ?? new Set()).add(edge.from));
  }
  return parents;
}

function wayKey(from: string, to: string): string {
  return JSON.stringify([from, to]);
}

/** Rows are known: they are the half-layers. */
function byRow(dag: Iterable<GraphNode<Datum, unknown>> | { nodes(): Iterable<GraphNode<Datum, unknown>> }): number {
  let last = 0;
  const nodes = "nodes" in dag ? dag.nodes() : dag;
  for (const node of nodes) {
    node.y = node.data.row;
    last = Math.max(last, node.data.row);
  }
  return last;
}

function fewCrossings(passes: number) {
  return decrossTwoLayer().order(twolayerAgg()).passes(passes).inits([decrossDfs()]);
}

/** How far to move all, so that cards which stood somewhere before stay about there. */
function shiftTo(boxes: ReadonlyMap<string, Box>, before: Layout | null): number {
  const moves = [...boxes].flatMap(([label, box]) => {
    const old = before?.boxes.get(label);
    return old ? [old.x + old.width / 2 - box.x - box.width / 2] : [];
  });
  if (moves.length === 0) return -Math.min(0, ...[...boxes.values()].map(({ x }) => x));
  moves.sort((a, b) => a - b);
  return Math.round(moves[Math.floor(moves.length / 2)] ?? 0);
}

function routeOf(
  edge: Edge,
  boxes: ReadonlyMap<string, Box>,
  rows: readonly Row[],
  ways: ReadonlyMap<string, readonly number[]>,
  shift: number,
): Route {
  const [from, to] = [boxes.get(edge.from), boxes.get(edge.to)];
  if (!from || !to) return { ...edge, foot: [0, 0], points: [] };
  const foot = [from.x + from.width / 2, from.y + from.height] as const;
  const end = [to.x + (to.width * (edge.port + 1)) / (edge.ports + 1), to.y] as const;
  const first = rows.findIndex(({ nodes }) => nodes.some(({ label }) => label === edge.from));
  const row = rows[first];
  const start = [foot[0], Math.max(foot[1], row ? row.y + row.height : 0)] as const;
  const way = ways.get(wayKey(edge.from, edge.to)) ?? [];
  const between = way.slice(1, -1).flatMap((x, at) => {
    const row = rows[first + 1 + at];
    if (!row) return [];
    return [[x + shift, row.y - 4] as const, [x + shift, row.y + row.height + 4] as const];
  });
  return { ...edge, foot, points: [start, ...between, end] };
}

const AROUND = 16;

function boundsOf(boxes: readonly Box[], routes: readonly Route[], lanes: readonly PlacedLane[]): Box {
  const ways = routes.flatMap(({ points }) => points.map(([x]) => x));
  const left = Math.min(...boxes.map(({ x }) => x), ...ways) - AROUND;
  const right = Math.max(...boxes.map(({ x, width }) => x + width), ...ways) + AROUND;
  const last = lanes[lanes.length - 1];
  const top = Math.min(...boxes.map(({ y }) => y), ...lanes.map(({ y }) => y)) - (lanes.length > 0 ? 0 : AROUND);
  const bottom = Math.max(...boxes.map(({ y, height }) => y + height + AROUND), last ? last.y + last.height : 0);
  if (boxes.length === 0) return { x: 0, y: 0, width: 1, height: 1 };
  return { x: left, y: top, width: right - left, height: bottom - top };
}
