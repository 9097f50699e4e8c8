/** What is pointed at, pinned and selected, over the picture. All in the picture's own pixels. */
import { type Frame, mixed, type Rgb, roleHue, type Theme } from "../../../lib";
import type { Box, Mark } from "../../../lib/scene";
import { inks } from "../../../lib/inks";
import type { Place } from "../explorer";
import type { NodeFacts } from "../protocol";
import { edgeMark, routePoints } from "./edge-marks";
import type { Route } from "./layout";
import { cellsOf, type Picture } from "./picture";
import { ancestorsOf } from "./shape";

export interface Lit {
  /** Selected. */
  node: string;
  /** Under the pointer, else what is pinned; null for nothing. */
  place: Place | null;
  /** By label, positions that went into the value at `place`. */
  sources: Readonly<Record<string, readonly number[]>>;
  /** The pinned position; -1 for none. */
  position: number;
  frames: Readonly<Record<string, Frame>>;
}

type Point = [x: number, y: number];

export function overlayMarks(picture: Picture, lit: Lit): Mark[] {
  const marks: Mark[] = [];
  const label = lit.place?.node || lit.node;
  if (lit.position >= 0) marks.push(...pinnedMarks(picture, lit.position));
  if (label !== "") marks.push(...edgeMarks(picture, label));
  if (lit.node !== "") marks.push(...ring(picture, lit.node));
  marks.push(...sourceMarks(picture, lit.sources, lit.place));
  if (lit.place) marks.push(...placeMarks(picture, lit, lit.place));
  return marks;
}

/** All that leads to a node, most of all what leads straight in or out. */
function edgeMarks({ layout, shape, theme }: Picture, label: string): Mark[] {
  const above = ancestorsOf(
    shape.nodes.map((node) => ({
      label: node.label,
      inputs: shape.edges.filter(({ to }) => to === node.label).map(({ from }) => from),
    })),
    label,
  );
  return layout.routes.flatMap((route) => {
    const near = route.from === label || route.to === label;
    if (!near && !above.has(route.to)) return [];
    return [edgeMark(route, { theme, width: near ? 2.4 : 1.5, opacity: near ? 1 : 0.6 })];
  });
}

function accent(theme: Theme): Rgb {
  return theme === "dark" ? [183, 164, 251] : [98, 54, 208];
}

function outline({ x, y, width, height }: Box, color: Rgb, thick: number, by = 0): Mark {
  const [left, top, right, bottom] = [x - by, y - by, x + width + by, y + height + by];
  // From the middle of an edge, so that all four corners are round.
  const middle = (left + right) / 2;
  const points: Point[] = [
    [middle, top],
    [right, top],
    [right, bottom],
    [left, bottom],
    [left, top],
    [middle, top],
  ];
  return { kind: "line", points, corner: Math.min(9, Math.max(2, width / 6)), width: thick, color };
}

function ring({ layout, theme }: Picture, label: string): Mark[] {
  const box = layout.boxes.get(label);
  return box ? [outline(box, accent(theme), 2.5, 2)] : [];
}

/** Where the chip of a value lies; null where it has none. */
export function chipBox({ layout, cards }: Picture, label: string, position: number): Box | null {
  const [box, chip] = [layout.boxes.get(label), cards.get(label)?.layout.chips[position]];
  return box && chip ? { ...chip, x: box.x + chip.x, y: box.y + chip.y } : null;
}

/** Where a cell of a selector lies. */
export function cellBox({ layout, cards }: Picture, label: string, query: number, key: number): Box | null {
  const [box, card] = [layout.boxes.get(label), cards.get(label)?.layout];
  if (!box || !card?.grid) return null;
  const { grid, cell } = card;
  return { x: box.x + grid.x + key * cell, y: box.y + grid.y + query * cell, width: cell, height: cell };
}

/** A selector's row for a query, or its column for a key. */
function lineBox({ layout, cards }: Picture, label: string, at: number, which: "row" | "column"): Box | null {
  const [box, card] = [layout.boxes.get(label), cards.get(label)?.layout];
  if (!box || !card?.grid) return null;
  const { grid, cell } = card;
  const [x, y] = [box.x + grid.x, box.y + grid.y];
  return which === "row"
    ? { x, y: y + at * cell, width: grid.width, height: cell }
    : { x: x + at * cell, y, width: cell, height: grid.height };
}

/** The pinned position of every node. */
function pinnedMarks(picture: Picture, position: number): Mark[] {
  const color = mixed(inks(picture.theme).soft, inks(picture.theme).ink, 0.4);
  return [...picture.layout.boxes.keys()].flatMap((label) => {
    const box = chipBox(picture, label, position);
    return box ? [outline(box, color, 1.25, 0.5)] : [];
  });
}

/** Values that went into the one that is pointed at. */
function sourceMarks(picture: Picture, sources: Lit["sources"], place: Place | null): Mark[] {
  const color = roleHue("value", picture.theme).ink;
  return Object.entries(sources).flatMap(([label, positions]) =>
    positions.flatMap((position) => {
      if (label === place?.node && position === place.position) return [];
      const box = chipBox(picture, label, position);
      return box ? [outline(box, color, 1.75, 1)] : [];
    }),
  );
}

function placeMarks(picture: Picture, lit: Lit, place: Place): Mark[] {
  const node = picture.cards.get(place.node)?.facts.node;
  if (!node) return [];
  if (place.cell) return cellMarks(picture, node, place.cell);
  if (place.position < 0) return [];
  const box = chipBox(picture, place.node, place.position);
  if (!box) return [];
  return [...lineMarks(picture, lit, node, place.position, box), outline(box, accent(picture.theme), 2, 1)];
}

/** A cell with the key and the query that its predicate is about. */
function cellMarks(picture: Picture, node: NodeFacts, [query, key]: readonly [number, number]): Mark[] {
  const { theme } = picture;
  const cell = cellBox(picture, node.label, query, key);
  if (!cell) return [];
  const [keyInk, queryInk] = [roleHue("key", theme).ink, roleHue("query", theme).ink];
  const marks: Mark[] = [];
  const row = lineBox(picture, node.label, query, "row");
  const column = lineBox(picture, node.label, key, "column");
  if (row) marks.push(outline(row, queryInk, 1.25));
  if (column) marks.push(outline(column, keyInk, 1.25));
  if (node.kind === "select") {
    const target = { node: node.label, box: cell };
    marks.push(...leadTo(picture, node.inputs[0], key, target, keyInk));
    marks.push(...leadTo(picture, node.inputs[1], query, target, queryInk));
  } else {
    for (const input of node.inputs) {
      const box = cellBox(picture, input, query, key);
      if (box) marks.push(lead(box, cell, roleHue("attention", theme).high), outline(box, accent(theme), 2));
    }
  }
  return [...marks, outline(cell, inks(theme).ink, 2)];
}

/** From a value to what was made of it, the way that the edge between their nodes takes. */
function leadTo(
  picture: Picture,
  label: string | undefined,
  position: number,
  { node, box: to }: { node: string; box: Box },
  color: Rgb,
): Mark[] {
  const box = label === undefined ? null : chipBox(picture, label, position);
  if (!box) return [];
  const route = picture.layout.routes.find((one) => one.from === label && one.to === node);
  const top = picture.layout.boxes.get(node)?.y;
  return [lead(box, to, color, { way: route?.points ?? [], top }), outline(box, color, 2, 1)];
}

interface Way {
  /** Points of the route between the two cards. */
  way: Route["points"];
  /** Where the second card begins: inside, the line leads straight down. */
  top: number | undefined;
}

/** From the foot of one box to the head of another, past the cards between. */
function lead(from: Box, to: Box, color: Rgb, { way, top }: Way = { way: [], top: undefined }): Mark {
  const [x, into] = [from.x + from.width / 2, to.x + to.width / 2];
  const foot: Point = [x, from.y + from.height];
  const start: Point = [x, way[0]?.[1] ?? foot[1]];
  const end: Point = [into, top ?? to.y];
  const points = [...routePoints({ foot, points: [start, ...way.slice(1, -1), end] }), [into, to.y] as Point];
  return { kind: "line", points, corner: 0, width: 1.75, color, opacity: 0.95 };
}

/** Lines from the values that a value was made of: of what is selected, or position by position. */
function lineMarks(picture: Picture, lit: Lit, node: NodeFacts, position: number, to: Box): Mark[] {
  const { theme } = picture;
  const target = { node: node.label, box: to };
  const selector = node.inputs.find((input) => picture.graph.nodes.find(({ label }) => label === input)?.selector);
  if (selector === undefined) {
    return picture.shape.edges
      .filter((edge) => edge.to === node.label)
      .flatMap(({ from }) => leadTo(picture, from, position, target, roleHue("mlp", theme).ink));
  }
  const cells = cellsOf(lit.frames, selector);
  const count = picture.values.tokens.length;
  const row = lineBox(picture, selector, position, "row");
  const marks: Mark[] = row ? [outline(row, roleHue("query", theme).ink, 1.75)] : [];
  const values = node.inputs.find((input) => input !== selector);
  for (let key = 0; key < count; key++) {
    if (!cells?.[position * count + key]) continue;
    const cell = cellBox(picture, selector, position, key);
    if (cell) marks.push(outline(cell, inks(theme).ink, 1.5));
    if (values === undefined && cell) marks.push(lead(cell, to, roleHue("attention", theme).high));
    else marks.push(...leadTo(picture, values, key, target, roleHue("value", theme).ink));
  }
  return marks;
}
