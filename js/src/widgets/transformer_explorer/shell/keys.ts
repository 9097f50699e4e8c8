import { type KeyMap, keyName } from "../../../lib";
import { isModel } from "../flow/use-flow";
import type { Shell } from "./use-explorer";

interface Closing {
  /** Whether the list of keys was open, which is now closed. */
  closeHelp(): boolean;
  openHelp(): void;
  /** Whether the view filled the screen, which it does no more. */
  leaveScreen(): boolean;
  focusPrompt(): void;
}

/** Keys that work anywhere in the view, unless the reader is writing. */
export function shellKeys(
  { explorer, undo, redo }: Shell,
  { closeHelp, openHelp, leaveScreen, focusPrompt }: Closing,
): KeyMap {
  const { store, go } = explorer;
  const model = () => {
    const facts = store.trait("model").peek();
    return isModel(facts) ? facts : null;
  };
  const block = (by: number) => () => {
    const to = store.trait("block").peek() + by;
    return to >= 0 && to < (model()?.blocks ?? 0) ? go({ block: to }) : undefined;
  };
  const head = (by: number) => () => {
    const heads = model()?.heads ?? 0;
    if (heads > 1) go({ head: (store.trait("head").peek() + by + heads) % heads });
  };
  return {
    "[": head(-1),
    "]": head(1),
    "{": block(-1),
    "}": block(1),
    "/": focusPrompt,
    "?": openHelp,
    // Which letter Shift makes of it depends on Caps Lock.
    "Ctrl+z": (event) => (event.shiftKey ? redo() : undo()),
    "Ctrl+Z": (event) => (event.shiftKey ? redo() : undo()),
    "Ctrl+y": redo,
    Escape: () => {
      if (closeHelp()) return true;
      if (store.trait("view").peek() !== "") {
        go({ view: "" });
        return true;
      }
      return leaveScreen();
    },
  };
}

/** Runs a key unless it is being typed into a field; the fields' own Ctrl+Z stays theirs. */
export function onShellKeys(keys: KeyMap): (event: KeyboardEvent) => void {
  return (event) => {
    const target = event.composedPath()[0];
    if (
      target instanceof HTMLElement &&
      target.closest("input, textarea, select, [contenteditable]") &&
      event.key !== "Escape"
    )
      return;
    const run = keys[keyName(event)];
    if (!run || run(event) === false) return;
    event.preventDefault();
    event.stopPropagation();
  };
}
