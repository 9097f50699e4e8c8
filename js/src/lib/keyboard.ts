/** Keys by name, so that a view's shortcuts are one table. An action that returns false leaves the key to others. */
export type KeyMap = Record<string, (event: KeyboardEvent) => unknown>;

/** "Shift+ArrowLeft", "Ctrl+a", "+". Shift is named only where it does not already change the character. */
export function keyName(event: KeyboardEvent): string {
  const parts: string[] = [];
  if (event.ctrlKey || event.metaKey) parts.push("Ctrl");
  if (event.altKey) parts.push("Alt");
  if (event.shiftKey && event.key.length > 1) parts.push("Shift");
  return [...parts, event.key].join("+");
}

/**
 * A keydown handler for a table of keys.
 *
 * A key that the table names is kept from the host: notebooks give arrows, Enter and Escape meanings of their own.
 */
export function onKeys(keys: KeyMap): (event: KeyboardEvent) => void {
  return (event) => {
    const run = keys[keyName(event)];
    if (!run || run(event) === false) return;
    event.preventDefault();
    event.stopPropagation();
  };
}

/** Keys with Ctrl or Command that edit text or select; all others with these, as Ctrl+S, are the host's. */
const EDITING = new Set(["a", "c", "v", "x", "y", "z", "Enter"]);

/**
 * Whether a key pressed inside a widget is the widget's, and no shortcut of the notebook around it.
 *
 * Shift+Enter runs the cell, but in a text of several lines it is a new line.
 */
export function isOwnKey(event: KeyboardEvent): boolean {
  if (event.ctrlKey || event.metaKey) return EDITING.has(event.key);
  if (event.shiftKey && event.key === "Enter") return event.composedPath()[0] instanceof HTMLTextAreaElement;
  return event.key !== "Escape";
}

/** What Lumino, under JupyterLab and Notebook, takes as "no shortcuts from in here". */
const NO_SHORTCUTS = "data-lm-suppress-shortcuts";

/**
 * Keeps a widget's keys from the notebook, which would cut or run cells by them, until the signal aborts.
 *
 * JupyterLab and most hosts listen as the event bubbles, and never hear of it. Notebook listens before it reaches the
 * widget, so the pressed element is marked before that, key by key. (A mark further out would come too late: shortcuts
 * are matched from the pressed element outwards.)
 */
export function keepKeys(root: HTMLElement, abort: AbortSignal): void {
  const mark = (event: KeyboardEvent) => {
    const target = event.composedPath()[0];
    if (target instanceof Element && root.contains(target)) target.toggleAttribute(NO_SHORTCUTS, isOwnKey(event));
  };
  const keep = (event: KeyboardEvent) => {
    if (isOwnKey(event)) event.stopPropagation();
  };
  root.ownerDocument.defaultView?.addEventListener("keydown", mark, { capture: true, signal: abort });
  root.addEventListener("keydown", keep, { signal: abort });
}
