/** The number behind a pooled one: which entry of a bin was the largest. */
import { type Channel, type Range, valuesOf } from "../../../lib";
import type { NumberRef } from "../protocol";
import type { Hint } from "./hints";

export interface Exact {
  reference: NumberRef;
  value: number;
}

/** Reads the entries that a hint's value stands for, as the model has them; null where it stands for none. */
export async function exactOf(channel: Channel, { reference, range }: Hint): Promise<Exact | null> {
  if (!reference || !range) return null;
  const leading = reference.index.slice(0, -1);
  const start = reference.index[reference.index.length - 1] ?? 0;
  const count = range[1] - range[0];
  const index: Range[] = [...leading.map((at): Range => [at, at + 1]), [start, start + count]];
  const frame = await channel.view(
    { tensor: `${reference.which}/${reference.name}`, index, pixels: [1, count] },
    "flow-exact",
  );
  const values = valuesOf(frame);
  let found = 0;
  values.forEach((value, at) => {
    if (Math.abs(value) > Math.abs(values[found] ?? 0)) found = at;
  });
  return { reference: { ...reference, index: [...leading, start + found] }, value: values[found] ?? Number.NaN };
}
