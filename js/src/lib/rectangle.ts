/** Rectangles of cells, as Python's slices: half-open rows, then half-open columns. */
import type { Field } from "./field";
import type { Range } from "./channel";

export type Cell = readonly [row: number, column: number];
export type Rectangle = [rows: Range, columns: Range];

/** The rectangle that covers two cells and all between them. */
export function spanning([row, column]: Cell, [otherRow, otherColumn]: Cell): Rectangle {
  return [
    [Math.min(row, otherRow), Math.max(row, otherRow) + 1],
    [Math.min(column, otherColumn), Math.max(column, otherColumn) + 1],
  ];
}

/** Sum over the finite values inside a rectangle that is given in cells of a grid of `height` by `width`. */
export function sumInside(field: Field, [rows, columns]: Rectangle, height: number, width: number): number {
  const inside = (cell: number, cells: number, grid: number, [start, stop]: Range) => {
    const middle = ((cell + 0.5) * grid) / cells;
    return middle >= start && middle < stop;
  };
  let sum = 0;
  for (let row = 0; row < field.height; row++) {
    if (!inside(row, field.height, height, rows)) continue;
    for (let column = 0; column < field.width; column++) {
      if (!inside(column, field.width, width, columns)) continue;
      const value = field.values[row * field.width + column] ?? Number.NaN;
      if (Number.isFinite(value)) sum += value;
    }
  }
  return sum;
}
