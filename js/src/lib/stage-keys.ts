import { type KeyMap, onKeys } from "./keyboard";

/** What can be done on the stage without a pointer. */
export interface StageActions {
  /** Moves the cursor; `extend` selects on the way. */
  move(rows: number, columns: number, extend: boolean): void;
  zoom(factor: number): void;
  showAll(): void;
  switchTool(): void;
  /** Drops selection and cursor; false when there was nothing to drop. */
  clear(): boolean;
}

export const ZOOM_STEP = 1.5;

const MOVES: readonly [key: string, rows: number, columns: number][] = [
  ["ArrowUp", -1, 0],
  ["ArrowDown", 1, 0],
  ["ArrowLeft", 0, -1],
  ["ArrowRight", 0, 1],
  ["PageUp", -10, 0],
  ["PageDown", 10, 0],
];

/**
 * Arrows move a cursor from cell to cell and Page Up and Down by ten, with Shift selecting; + and - zoom, 0 shows all,
 * s takes the selection tool, Escape clears (and is the host's where there is nothing to clear).
 */
export function stageKeys({ move, zoom, showAll, switchTool, clear }: StageActions) {
  const keys: KeyMap = {
    "+": () => zoom(ZOOM_STEP),
    "=": () => zoom(ZOOM_STEP),
    "-": () => zoom(1 / ZOOM_STEP),
    "0": showAll,
    s: switchTool,
    Escape: clear,
  };
  for (const [key, rows, columns] of MOVES) {
    keys[key] = () => move(rows, columns, false);
    keys[`Shift+${key}`] = () => move(rows, columns, true);
  }
  return onKeys(keys);
}
