import type { Checked, Shown } from "../protocol";

/** A value in a sentence. */
export function said(value: Shown): string {
  return value === null ? "absent" : value;
}

/** Where two disagree first: "hist at position 2 is 3, expected 2". */
export function firstWords(first: Checked["first"]): string {
  if (!first) return "";
  return `${first.label} at position ${first.position}: expected ${said(first.expected)}, found ${said(first.found)}`;
}

/** Positions at which two rows of values differ, as texts. */
export function differing(one: readonly Shown[], other: readonly Shown[]): number[] {
  const length = Math.max(one.length, other.length);
  return Array.from({ length }, (_, at) => at).filter((at) => (one[at] ?? null) !== (other[at] ?? null));
}
