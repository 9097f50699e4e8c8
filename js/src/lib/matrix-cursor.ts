import type { Signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { formatNumber, formatSigned } from "./format-number";
import type { MatrixColors } from "./matrix-colors";
import { isHidden } from "./matrix-colors";
import type { MatrixFrames } from "./matrix-frames";
import type { Labels } from "./token-axis";
import { spokenText } from "./tokens";

/** One cell of a matrix, and its exact value where it is known. */
export interface MatrixCell {
  row: number;
  column: number;
  value: number | null;
}

/** So long the cursor rests before the exact value is asked for. */
const REST_MS = 120;

/** A cell as far as the frames at hand know it. */
export function cellOf(frames: MatrixFrames, row: number, column: number): MatrixCell {
  const reading = frames.read(row, column);
  return { row, column, value: reading?.exact ? reading.value : null };
}

/** Where the cursor rests on a cell that is pooled or quantised, its exact value is fetched. */
export function useExactCell(frames: MatrixFrames, cell: Signal<MatrixCell | null>): void {
  const at = cell.value;
  useEffect(() => {
    if (!at || at.value !== null) return undefined;
    const timer = setTimeout(() => {
      frames.exact(at.row, at.column).then(
        (value) => {
          if (cell.peek() === at) cell.value = { ...at, value };
        },
        () => undefined, // Refused or overtaken: the note keeps saying what the frame at hand says.
      );
    }, REST_MS);
    return () => clearTimeout(timer);
  }, [at?.row, at?.column, at?.value === null, frames.key]);
}

/** A value as a reader meets it; `absent` says what a cell without one is. */
export function valueText(value: number, colors: MatrixColors, absent = "hidden"): string {
  if (isHidden(value)) return Number.isNaN(value) || value < 0 ? absent : formatNumber(value);
  if (colors === "rank") return `no. ${Math.round(value)} of its row`;
  return colors === "signed" ? formatSigned(value) : formatNumber(value);
}

/** "query 12 cat, key 5 the", for speech. */
export function cellWords(cell: MatrixCell, rows: Labels, columns: Labels, nouns: readonly [string, string]): string {
  const side = (noun: string, index: number, labels: Labels) =>
    `${noun} ${index} ${spokenText(labels.at(index) ?? "")}`.trim();
  return `${side(nouns[0], cell.row, rows)}, ${side(nouns[1], cell.column, columns)}`;
}
