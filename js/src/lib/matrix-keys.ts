import { type KeyMap, onKeys } from "./keyboard";

/** What can be done on a matrix without a pointer. */
export interface MatrixActions {
  /** Moves the cursor by cells; as far as there are any. */
  move(rows: number, columns: number): void;
  zoom(factor: number): void;
  showAll(): void;
  /** Chooses the cell under the cursor. */
  pick(): boolean;
  /** Takes the cursor's row into the selection, or out of it. */
  selectRow(): boolean;
  /** Drops what is pinned, then the cursor; false when there was nothing to drop. */
  clear(): boolean;
}

const FAR = Number.MAX_SAFE_INTEGER;
const ZOOM_STEP = 1.5;

const MOVES: readonly [key: string, rows: number, columns: number][] = [
  ["ArrowUp", -1, 0],
  ["ArrowDown", 1, 0],
  ["ArrowLeft", 0, -1],
  ["ArrowRight", 0, 1],
  ["PageUp", -10, 0],
  ["PageDown", 10, 0],
  ["Shift+ArrowLeft", 0, -10],
  ["Shift+ArrowRight", 0, 10],
  ["Shift+ArrowUp", -10, 0],
  ["Shift+ArrowDown", 10, 0],
  ["Home", 0, -FAR],
  ["End", 0, FAR],
  ["Ctrl+Home", -FAR, -FAR],
  ["Ctrl+End", FAR, FAR],
];

/**
 * Arrows move from cell to cell, with Shift and by Page Up and Down by ten, Home and End along the row; + and - zoom,
 * 0 shows all, Enter pins the cell, Space selects the row, Escape unpins (and is the host's where nothing is pinned).
 */
export function matrixKeys({ move, zoom, showAll, pick, selectRow, clear }: MatrixActions) {
  const keys: KeyMap = {
    "+": () => zoom(ZOOM_STEP),
    "=": () => zoom(ZOOM_STEP),
    "-": () => zoom(1 / ZOOM_STEP),
    "0": showAll,
    Enter: pick,
    " ": selectRow,
    Escape: clear,
  };
  for (const [key, rows, columns] of MOVES) keys[key] = () => move(rows, columns);
  return onKeys(keys);
}
