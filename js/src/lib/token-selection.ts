/** Which tokens are selected after a click or a key, as sorted token indices. */
import type { Unit } from "./tokens";

export type Selecting = "only" | "toggle" | "extend";

/**
 * The selection after choosing the unit at `at`.
 *
 * - only: this unit alone, or nothing when it was alone already;
 * - toggle: this unit in or out;
 * - extend: all units between `anchor` and this one.
 */
export function selectUnit(
  units: readonly Unit[],
  selection: readonly number[],
  at: number,
  how: Selecting,
  anchor: number,
): number[] {
  const tokens = units[at]?.tokens ?? [];
  if (how === "extend") {
    const between = units.slice(Math.min(anchor, at), Math.max(anchor, at) + 1);
    return between.flatMap((unit) => [...unit.tokens]);
  }
  const chosen = new Set(selection);
  const whole = tokens.every((token) => chosen.has(token));
  if (how === "only") return whole && chosen.size === tokens.length ? [] : [...tokens];
  for (const token of tokens) {
    if (whole) chosen.delete(token);
    else chosen.add(token);
  }
  return [...chosen].sort((a, b) => a - b);
}
