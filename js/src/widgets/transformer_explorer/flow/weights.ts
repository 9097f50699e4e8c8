/** The weights of the current head: discs where there is room for them, else an image for each row. */
import { mixed, roleRamp } from "../../../lib/roles";
import type { Box } from "../../../lib/scene";
import type { About } from "./about";
import { cardColors } from "./card";
import type { Layout, Matrix } from "./layout";
import type { Pattern } from "./pattern";
import { inks } from "../../../lib/inks";
import type { Pen } from "./pen";

const DOT_MOST = 26;
/** Most height of a row of weights that are drawn as an image. */
const ROW_MOST = 26;
/** Narrower cells are drawn as an image. */
const DOTS_FROM = 6.5;

/** The weights of the lanes in sight. */
export function weightMarks(pen: Pen, matrix: Matrix, pattern: Pattern, kind: Kind): void {
  if (hasDots(matrix)) dots(pen, matrix, pattern, kind);
  else image(pen, matrix, pattern, kind);
}

/** What differs between attention to the text itself and to an encoder's. */
interface Kind {
  /** Whether keys after the query are hidden. */
  causal: boolean;
  /** What all of it is about, drawn in so many cells across. */
  about(cells: number): About;
}

/** Weights as discs: the area of a disc is its weight, and its colour deepens with it. */
function dots(pen: Pen, matrix: Matrix, pattern: Pattern, { causal, about }: Kind): void {
  const { layout, theme, position } = pen.subject;
  const { line } = inks(theme);
  const most = Math.min(DOT_MOST, matrix.cell * 0.86, layout.pitch * 0.7) / 2;
  const [first, stop] = layout.visible;
  const { base, high, pale } = pen.hue("attention");
  const ring = mixed(line, pale, 0.7);
  const { fill: ground } = cardColors(theme);
  for (let query = first; query < stop; query++) {
    const y = layout.middle(query);
    const opacity = query === position ? 1 : 0.78;
    for (let key = 0; key < matrix.columns; key++) {
      const x = matrix.x + (key + 0.5) * matrix.cell;
      if (causal && key > query) {
        pen.front.push({ kind: "dot", x, y, radius: Math.max(1, most * 0.18), fill: line });
        continue;
      }
      const weight = pattern.weight(query, [key, key + 1]);
      if (most > 5) pen.front.push({ kind: "dot", x, y, radius: most, fill: ground, stroke: ring, opacity });
      if (!(weight > 0)) continue;
      const share = Math.sqrt(Math.min(1, weight));
      pen.front.push({
        kind: "dot",
        x,
        y,
        radius: Math.max(0.4, most * share),
        fill: mixed(base, high, 0.15 + 0.7 * share),
        opacity,
      });
    }
  }
  pen.front.push({
    ...patternBox(pen, matrix),
    kind: "cells",
    rows: stop - first,
    columns: matrix.columns,
    pixels: new Uint8ClampedArray(0),
    opacity: 0,
    about: about(matrix.columns),
  });
}

function patternBox(pen: Pen, matrix: Matrix): Box {
  const { layout } = pen.subject;
  const [first, stop] = layout.visible;
  return {
    x: matrix.x,
    y: layout.middle(first) - layout.pitch / 2,
    width: matrix.width,
    height: (stop - first) * layout.pitch,
  };
}

/** The largest weight in sight, which is drawn deepest where weights are drawn by colour alone. */
export function deepest({ visible: [first, stop] }: Layout, keys: number, pattern: Pattern): number {
  let largest = 0;
  for (let query = first; query < stop; query++) {
    const weight = pattern.weight(query, [0, keys]);
    if (weight > largest) largest = weight;
  }
  return largest || 1;
}

/** Whether weights are discs, or the pixels of an image. */
export function hasDots(matrix: Matrix | null): boolean {
  return (matrix?.cell ?? 0) >= DOTS_FROM;
}

/** Many keys: one pixel for a key, or for the largest of as many as share it; air keeps the lanes apart. */
function image(pen: Pen, matrix: Matrix, pattern: Pattern, { causal, about }: Kind): void {
  const { layout, theme, position } = pen.subject;
  const [first, stop] = layout.visible;
  const rows = stop - first;
  const columns = Math.min(matrix.columns, Math.max(1, Math.floor(matrix.width)));
  const end = deepest(layout, matrix.columns, pattern);
  const pixels = new Uint8ClampedArray(4 * rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const keys = [
        Math.floor((column * matrix.columns) / columns),
        Math.max(1, Math.floor(((column + 1) * matrix.columns) / columns)),
      ] as const;
      const weight = causal && keys[0] > first + row ? Number.NaN : pattern.weight(first + row, keys);
      const color = Number.isNaN(weight) ? inks(theme).line : roleRamp("attention", theme, Math.sqrt(weight / end));
      const alpha = Number.isNaN(weight) ? 90 : first + row === position ? 255 : 215;
      pixels.set([...color, alpha], 4 * (row * columns + column));
    }
  }
  const air = Math.max(layout.pitch - ROW_MOST, layout.pitch * (layout.pitch > 30 ? 0.22 : 0.12));
  pen.front.push({ ...patternBox(pen, matrix), kind: "cells", rows, columns, pixels, air, about: about(columns) });
}
