/** Contour lines of a field by marching squares. */
import type { Field } from "./field";

export type Point = readonly [x: number, y: number];
export type Line = Point[];

/**
 * The lines along which the field equals `level`, in cell units: the centre of cell (row, column) is at
 * (column + 0.5, row + 0.5), and lines are linear between centres.
 *
 * Closed lines end on their first point. Squares with a value that is not finite are left out.
 * Saddles are resolved by the mean of the four corners.
 */
export function contourLines(field: Field, level: number): Line[] {
  return joinSegments(contourSegments(field, level));
}

type Segment = [from: Point, to: Point];
type Edge = "top" | "right" | "bottom" | "left";

/** For each of the 16 cases (bit 0 top left, 1 top right, 2 bottom right, 3 bottom left above the level): edges joined. */
const CASES: readonly (readonly (readonly [Edge, Edge])[])[] = [
  [],
  [["left", "top"]],
  [["top", "right"]],
  [["left", "right"]],
  [["right", "bottom"]],
  [],
  [["top", "bottom"]],
  [["left", "bottom"]],
  [["bottom", "left"]],
  [["bottom", "top"]],
  [],
  [["bottom", "right"]],
  [["right", "left"]],
  [["right", "top"]],
  [["top", "left"]],
  [],
];

function contourSegments(field: Field, level: number): Segment[] {
  const { height, width, values } = field;
  const segments: Segment[] = [];
  for (let row = 0; row + 1 < height; row++) {
    for (let column = 0; column + 1 < width; column++) {
      const at = row * width + column;
      const square = [values[at], values[at + 1], values[at + width + 1], values[at + width]] as number[];
      if (square.every(Number.isFinite)) segments.push(...squareSegments(square, row, column, level));
    }
  }
  return segments;
}

function squareSegments(square: number[], row: number, column: number, level: number): Segment[] {
  const [topLeft = 0, topRight = 0, bottomRight = 0, bottomLeft = 0] = square;
  const bits = square.reduce((sum, value, bit) => (value > level ? sum | (1 << bit) : sum), 0);
  const cut = (from: number, to: number) => (level - from) / (to - from);
  const place: Record<Edge, () => Point> = {
    top: () => [column + 0.5 + cut(topLeft, topRight), row + 0.5],
    right: () => [column + 1.5, row + 0.5 + cut(topRight, bottomRight)],
    bottom: () => [column + 0.5 + cut(bottomLeft, bottomRight), row + 1.5],
    left: () => [column + 0.5, row + 0.5 + cut(topLeft, bottomLeft)],
  };
  return edgePairs(bits, square, level).map(([from, to]) => [place[from](), place[to]()]);
}

function edgePairs(bits: number, square: number[], level: number): readonly (readonly [Edge, Edge])[] {
  if (bits !== 5 && bits !== 10) return CASES[bits] ?? [];
  const middleAbove = square.reduce((sum, value) => sum + value, 0) / 4 > level;
  const joinsTopLeft = (bits === 5) !== middleAbove;
  return joinsTopLeft
    ? [
        ["left", "top"],
        ["right", "bottom"],
      ]
    : [
        ["top", "right"],
        ["bottom", "left"],
      ];
}

function joinSegments(segments: Segment[]): Line[] {
  const byPoint = new Map<string, Segment[]>();
  const key = ([x, y]: Point) => `${x.toFixed(6)},${y.toFixed(6)}`;
  for (const segment of segments) {
    for (const point of segment) {
      const there = byPoint.get(key(point));
      if (there) there.push(segment);
      else byPoint.set(key(point), [segment]);
    }
  }
  const used = new Set<Segment>();
  const grow = (line: Line): void => {
    for (;;) {
      const tip = line[line.length - 1] as Point;
      const next = byPoint.get(key(tip))?.find((segment) => !used.has(segment));
      if (!next) return;
      used.add(next);
      line.push(key(next[0]) === key(tip) ? next[1] : next[0]);
    }
  };
  const lines: Line[] = [];
  for (const segment of segments) {
    if (used.has(segment)) continue;
    used.add(segment);
    const line: Line = [...segment];
    grow(line);
    line.reverse();
    grow(line);
    lines.push(line);
  }
  return lines;
}
