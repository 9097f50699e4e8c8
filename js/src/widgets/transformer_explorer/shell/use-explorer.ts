import { type Signal, useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import type { ViewProps } from "../../../lib";
import { type History, noHistory, recorded, redone, undone } from "../../../lib/history";
import type { Explorer, Place } from "../explorer";
import type { NumberRef, Traits } from "../protocol";

export interface Shell {
  explorer: Explorer;
  history: Signal<History<Place>>;
  undo(): boolean;
  redo(): boolean;
}

/** What every part is given, and what going back and forth needs. */
export function useExplorer({ store, channel, abort, theme, announce }: ViewProps<Traits>): Shell {
  const history = useSignal<History<Place>>(noHistory());
  const pointed = useSignal<NumberRef | null>(null);
  const lane = useSignal<number | null>(null);
  return useMemo(() => {
    const write = (change: Partial<Place>) => {
      for (const name of Object.keys(change) as (keyof Place)[]) store.set(name, change[name] as Place[typeof name]);
    };
    const go = (change: Partial<Place>) => {
      const names = Object.keys(change) as (keyof Place)[];
      const now = Object.fromEntries(names.map((name) => [name, store.trait(name).peek()])) as Partial<Place>;
      history.value = recorded(history.peek(), now, change, Date.now());
      write(change);
    };
    const step = (take: typeof undone<Place>) => () => {
      const taken = take(history.peek());
      if (!taken) return false;
      history.value = taken.history;
      write(taken.set);
      return true;
    };
    return {
      explorer: { store, channel, abort, theme, announce, go, pointed, lane },
      history,
      undo: step(undone),
      redo: step(redone),
    };
  }, [store, channel, abort, theme]);
}
