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

/** Attribute that keeps JupyterLab's own shortcuts off an element that has keys of its own. */
export const OWN_KEYS = { "data-lm-suppress-shortcuts": "true" } as const;
