/** Whether the reader has done what a step asks. */
import { same } from "./tour-show";

type Values = Record<string, unknown>;

/**
 * Whether the traits are as a step waits for.
 *
 * `{changed: true}` means any value other than when the step opened; of other objects the keys that they name count.
 */
export function isDone(wanted: Values, opening: Values, now: Values): boolean {
  return Object.entries(wanted).every(([name, value]) => meets(value, opening[name], now[name]));
}

function meets(wanted: unknown, opening: unknown, now: unknown): boolean {
  if (!isObject(wanted)) return same(wanted, now);
  if (wanted.changed === true) return !same(opening, now);
  if (!isObject(now)) return false;
  const before = isObject(opening) ? opening : {};
  return Object.entries(wanted).every(([key, value]) => meets(value, before[key], now[key]));
}

function isObject(value: unknown): value is Values {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
