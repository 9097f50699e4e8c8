/** Reading values off the stage. */
import type { Place } from "./exact";
import { cellValue, type Field } from "./field";
import { formatSigned } from "./format-number";
import { type Frame, sourceShape } from "./frame";
import type { Cell } from "./rectangle";

export interface Pointed {
  /** Row and column in the picture, before any pooling. */
  cell: Cell;
  /** null where there is no heat map. */
  value: number | null;
}

/** Rows and columns of the picture, else of the heat map, before any pooling. */
export function stageShape(image: Frame | null, field: Field | null): [height: number, width: number] {
  const header = image ?? field?.header;
  if (header) {
    const [height = 0, width = 0] = sourceShape(header);
    return [height, width];
  }
  return field ? [field.height, field.width] : [0, 0];
}

/** The score under the middle of a picture's cell, from the finer piece where there is one. */
export function valueUnder(
  [row, column]: Cell,
  [height, width]: readonly [height: number, width: number],
  field: Field | null,
  exact: { field: Field; place: Place } | null,
): number | null {
  if (!field) return null;
  const y = (row + 0.5) / height;
  const x = (column + 0.5) / width;
  if (exact) {
    const { top, bottom, left, right } = exact.place;
    if (y >= top && y < bottom && x >= left && x < right) {
      return valueAtShare(exact.field, (y - top) / (bottom - top), (x - left) / (right - left));
    }
  }
  return valueAtShare(field, y, x);
}

function valueAtShare(field: Field, y: number, x: number): number {
  return cellValue(field, Math.floor(y * field.height), Math.floor(x * field.width));
}

/** "y 12  x 40   +0.0213", as shown under the picture. */
export function readout({ cell: [row, column], value }: Pointed): string {
  const place = `y ${row}\u2002x ${column}`;
  return value === null ? place : `${place}\u2003${formatSigned(value)}`;
}
