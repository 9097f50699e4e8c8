/** Blocks and heads count from 0, so "of 4" after "Block 1" would mislead: their range is said instead. */

/** "of 0-3" for four of a thing; nothing where there is only one. */
export function rangeOf(count: number): string {
  return count > 1 ? `of 0\u2013${count - 1}` : "";
}

/** The same in words, for readers of the screen: "Block 1, of 0 to 3". */
export function spokenAt(what: string, at: number, count: number): string {
  return count > 1 ? `${what} ${at}, of 0 to ${count - 1}` : `${what} ${at}`;
}
