/** What a step sets: applied when it opens, and put back when it goes. */
import type { Store } from "../../lib";
import type { ModelFacts, Traits } from "./protocol";

type Values = Record<string, unknown>;

/** By trait: what it was, and what the tour made of it. */
export type Kept = ReadonlyMap<string, { before: unknown; after: unknown }>;

export const NOTHING_KEPT: Kept = new Map();

/**
 * The values that a step means in this model: negative numbers of blocks, heads and positions count from the end, and one
 * that there is not becomes the last, so that one tour fits every model.
 */
export function resolved(show: Values, model: ModelFacts | Record<string, never>, tokens: number): Values {
  const counts: Record<string, number | undefined> = { block: model.blocks, head: model.heads, position: tokens };
  const found: Values = {};
  for (const [name, value] of Object.entries(show)) {
    const count = counts[name];
    if (!(name in counts) || typeof value !== "number") found[name] = value;
    else if (count) found[name] = Math.max(0, Math.min(count - 1, value < 0 ? count + value : value));
  }
  return found;
}

/**
 * Sets what a step wants; what the step before set and this one does not goes back to what it was.
 *
 * A trait that the reader has changed since stays as the reader left it.
 */
export function show(store: Store<Traits>, kept: Kept, wanted: Values): Kept {
  const next = new Map<string, { before: unknown; after: unknown }>();
  const now = (name: string): unknown => store.trait(name as keyof Traits & string).peek();
  const set = (name: string, value: unknown) =>
    store.set(name as keyof Traits & string, value as Traits[keyof Traits & string]);
  for (const [name, { before, after }] of kept) {
    if (!(name in wanted) && same(now(name), after)) set(name, before);
  }
  for (const [name, value] of Object.entries(wanted)) {
    const known = kept.get(name);
    const untouched = known !== undefined && same(now(name), known.after);
    const before = untouched ? known.before : now(name);
    if (!same(now(name), value)) set(name, value);
    if (!same(before, value)) next.set(name, { before, after: value });
  }
  return next;
}

/** Whether two values are the same as JSON. */
export function same(one: unknown, other: unknown): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}
