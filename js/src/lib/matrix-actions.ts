import type { Signal } from "@preact/signals";
import type { MatrixColors } from "./matrix-colors";
import { cellOf, cellWords, type MatrixCell, valueText } from "./matrix-cursor";
import type { MatrixFrames } from "./matrix-frames";
import type { MatrixActions } from "./matrix-keys";
import { type MatrixWindow, type Plot, showCell, WHOLE_MATRIX, zoomWindow } from "./matrix-window";
import type { Labels } from "./token-axis";
import type { Selecting } from "./token-selection";

/** What of a matrix view the keys act on. */
interface Acting {
  rows: Labels;
  columns: Labels;
  colors: MatrixColors;
  cell: Signal<MatrixCell | null>;
  pinned?: readonly [row: number, column: number] | null;
  nouns: readonly [row: string, column: string];
  absent?: string;
  onPick?: ((row: number, column: number) => void) | undefined;
  onSelectRow?: ((row: number, how: Selecting) => void) | undefined;
  onClear?: (() => boolean) | undefined;
  announce?: ((text: string) => void) | undefined;
}

/** What the keys of a matrix do. */
export function matrixActions(
  props: Acting,
  frames: MatrixFrames,
  plot: Plot,
  view: Signal<MatrixWindow>,
  hovered: Signal<boolean>,
): MatrixActions {
  const { rows, columns, cell, colors, nouns } = props;
  const inside = (at: number, count: number) => Math.min(count - 1, Math.max(0, at));
  return {
    move: (down, across) => {
      if (rows.length === 0 || columns.length === 0) return;
      const from = cell.peek() ?? start(props);
      const [row, column] = [inside(from.row + down, rows.length), inside(from.column + across, columns.length)];
      const next = cellOf(frames, row, column);
      hovered.value = true;
      cell.value = next;
      view.value = showCell(plot, view.value, row, column);
      frames.exact(row, column).then(
        (value) =>
          cell.peek()?.row === row &&
          cell.peek()?.column === column &&
          props.announce?.(`${cellWords(next, rows, columns, nouns)}, ${valueText(value, colors, props.absent)}`),
        () => undefined, // Overtaken by the next step, or refused: nothing is said.
      );
    },
    zoom: (factor) => {
      const at = cell.peek();
      const [width, height] = [plot.width_px, plot.height_px];
      const x = at ? (at.column + 0.5 - view.value.column) * plot.cell_width_px * view.value.zoom : width / 2;
      const y = at ? (at.row + 0.5 - view.value.row) * plot.cell_height_px * view.value.zoom : height / 2;
      view.value = zoomWindow(plot, view.value, factor, x, y);
    },
    showAll: () => {
      view.value = WHOLE_MATRIX;
    },
    pick: () => {
      const at = cell.peek();
      if (at) props.onPick?.(at.row, at.column);
      return at !== null;
    },
    selectRow: () => {
      const at = cell.peek();
      if (at) props.onSelectRow?.(at.row, "toggle");
      return at !== null;
    },
    clear: () => {
      const cleared = props.onClear?.() ?? false;
      const had = cell.peek() !== null;
      cell.value = null;
      return cleared || had;
    },
  };
}

/** Where the cursor begins: one step before the pinned cell or the first. */
function start({ pinned }: Acting): { row: number; column: number } {
  return pinned ? { row: pinned[0], column: pinned[1] } : { row: 0, column: 0 };
}
