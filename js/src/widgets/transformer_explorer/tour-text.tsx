import type { ComponentChildren } from "preact";

const MARKS = /\*\*([^*]+)\*\*|`([^`]+)`/g;

/** A paragraph whose **bold** and `code` are drawn; everything else is text. */
export function marked(text: string): ComponentChildren[] {
  const parts: ComponentChildren[] = [];
  let at = 0;
  for (const match of text.matchAll(MARKS)) {
    parts.push(text.slice(at, match.index));
    parts.push(match[1] !== undefined ? <strong>{match[1]}</strong> : <code>{match[2]}</code>);
    at = match.index + match[0].length;
  }
  parts.push(text.slice(at));
  return parts;
}

/** The same without its marks, to be said. */
export function unmarked(text: string): string {
  return text.replace(MARKS, (_, bold: string | undefined, code: string | undefined) => bold ?? code ?? "");
}
