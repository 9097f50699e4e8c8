import { useEffect, useId, useState } from "preact/hooks";
import type { Channel, Frame, View } from "../../../lib";

const KEPT = 160;
const caches = new WeakMap<Channel, Map<string, Frame>>();

export interface Viewed {
  /** Null until the first frame; the previous one while the next is under way. */
  frame: Frame | null;
  /** What the frame shows. */
  view: View | null;
  /** Why the newest region cannot be shown. */
  error: string | null;
  waiting: boolean;
}

const NOTHING: Viewed = { frame: null, view: null, error: null, waiting: false };

/**
 * A region of a tensor, asked for again when the region or the version of the data changes.
 *
 * What was asked for lately is kept; the frame before stays while the next one of the same tensor is under way. Null
 * asks nothing.
 */
export function useView(channel: Channel, view: View | null, version: number): Viewed {
  const slot = useId();
  const key = view && `${version}\n${JSON.stringify([view.tensor, view.index, view.pixels])}`;
  const known = key === null ? undefined : cacheOf(channel).get(key);
  const [last, setLast] = useState<{ key: string; shown: Viewed } | null>(null);
  useEffect(() => {
    if (!view || key === null) return undefined;
    let gone = false;
    const show = (shown: Viewed) => !gone && setLast({ key, shown });
    if (known) show({ frame: known, view, error: null, waiting: false });
    else {
      channel.view(view, slot).then(
        (frame) => {
          keep(channel, key, frame);
          show({ frame, view, error: null, waiting: false });
        },
        (reason: unknown) => {
          if (reason instanceof DOMException && reason.name === "AbortError") return;
          show({ ...NOTHING, error: reason instanceof Error ? reason.message : String(reason) });
        },
      );
    }
    return () => {
      gone = true;
    };
  }, [channel, key]);
  if (!view || key === null) return NOTHING;
  if (known) return { frame: known, view, error: null, waiting: false };
  if (last?.key === key) return last.shown;
  const before = last?.shown.view?.tensor === view.tensor ? last.shown : NOTHING;
  return { ...before, error: null, waiting: true };
}

function cacheOf(channel: Channel): Map<string, Frame> {
  const cache = caches.get(channel) ?? new Map<string, Frame>();
  caches.set(channel, cache);
  return cache;
}

function keep(channel: Channel, key: string, frame: Frame): void {
  const cache = cacheOf(channel);
  cache.delete(key);
  cache.set(key, frame);
  const [oldest] = cache.keys();
  if (cache.size > KEPT && oldest !== undefined) cache.delete(oldest);
}
