/** What a saved page took along: only that is offered there, as no kernel computes the rest. */
import { useEffect, useMemo, useState } from "preact/hooks";
import type { Channel, Range, Store } from "../../lib";
import type { Measure, Scale, Traits } from "./protocol";

/** What can be chosen to be shown of a layer. */
export interface Choice {
  shown: number;
  /** -1 for no difference. */
  minus: number;
  measure: Measure;
  scale: Scale;
}

/** Whether a choice can be shown here. */
export type Held = (choice: Choice) => boolean;

const ONE_CELL: Range[] = [
  [0, 1],
  [0, 1],
  [0, 1],
];
const ALL: Held = () => true;

/** The layer's tensor of a choice. */
export function choiceName({ shown, minus, measure, scale }: Choice, kind: string, layer: number): string {
  return `attention/${minus < 0 ? shown : `${shown}-${minus}`}/${kind}/${layer}/${measure}/${scale}`;
}

/** Whether the page has some number of a tensor. */
export async function isHeld(channel: Channel, tensor: string): Promise<boolean> {
  try {
    await channel.view({ tensor, index: ONE_CELL, pixels: [1, 1] }, "held");
    return true;
  } catch {
    return false;
  }
}

/**
 * All that a live widget shows; of a saved page what is found in it, and what is on show, by asking it for a cell of
 * each of the candidates.
 */
export function useHeld(
  store: Store<Traits>,
  channel: Channel,
  place: { kind: string; layer: number },
  candidates: readonly Choice[],
): Held {
  const names = candidates.map((choice) => choiceName(choice, place.kind, place.layer));
  const asked = JSON.stringify(names);
  const [missing, setMissing] = useState<ReadonlySet<string>>(new Set());
  useEffect(() => {
    if (!store.saved) return undefined;
    let gone = false;
    void Promise.all(names.map((name) => isHeld(channel, name))).then((held) => {
      if (!gone) setMissing(new Set(names.filter((_, at) => !held[at])));
    });
    return () => {
      gone = true;
    };
  }, [store, channel, asked]);
  return useMemo(
    () => (store.saved ? (choice) => !missing.has(choiceName(choice, place.kind, place.layer)) : ALL),
    [store.saved, missing, place.kind, place.layer],
  );
}
