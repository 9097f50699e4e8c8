/** A weight in words that say no more than is known of it, and the exact one behind it. */
import { type Channel, formatPercent, valuesOf } from "../../../lib";
import type { NumberRef } from "../protocol";
import type { Grain, Pattern } from "./pattern";

/** "12.9%" of what is exact; else "about 12.9%", or with several cells in one "at most 12.9%". */
export function weightText(
  pattern: Pattern | null,
  query: number,
  keys: readonly [first: number, stop: number],
): string {
  const weight = pattern?.weight(query, keys) ?? Number.NaN;
  if (!pattern || Number.isNaN(weight)) return "not known yet";
  const { step, cells } = pattern.grain(query);
  // Half a step of what was rounded may be hidden in a zero, and in a one.
  if (step > 0 && weight < step / 2) return `less than ${formatPercent(step)}`;
  const near = step > 0 ? "about " : "";
  return `${cells > 1 ? "at most " : ""}${near}${formatPercent(near ? Math.min(weight, 0.9999) : weight)}`;
}

/** Whether each weight of a query's row is the model's own number. */
export function isExact({ step, cells }: Grain): boolean {
  return step === 0 && cells === 1;
}

/** A weight that is only nearly known: where the exact ones stand. */
export interface Nearly {
  /** Trace name, and of which run. */
  name: string;
  which: NumberRef["which"];
  head: number;
  query: number;
  keys: readonly [first: number, stop: number];
}

export interface ExactWeight {
  key: number;
  weight: number;
}

/** The largest of a query's weights on some keys, as the model has it; null where it does not come unrounded. */
export async function exactWeight(
  channel: Channel,
  { name, which, head, query, keys: [first, stop] }: Nearly,
): Promise<ExactWeight | null> {
  const frame = await channel.view(
    {
      tensor: `${which}/${name}`,
      index: [
        [head, head + 1],
        [query, query + 1],
        [first, stop],
      ],
      pixels: [1, stop - first],
    },
    "flow-weight",
  );
  const values = valuesOf(frame);
  if (frame.quantised || values.length !== stop - first) return null;
  let found = 0;
  values.forEach((value, at) => {
    if (value > (values[found] ?? Number.NEGATIVE_INFINITY)) found = at;
  });
  return { key: first + found, weight: values[found] ?? Number.NaN };
}
