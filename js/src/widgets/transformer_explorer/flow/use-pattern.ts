/** Weights of the current head: from the patterns of the flow, and finer where these are pooled or rounded. */
import { useEffect, useMemo, useState } from "preact/hooks";
import type { Explorer } from "../explorer";
import type { Layout } from "./layout";
import { isExact } from "./weight-text";
import { finest, type Pattern, patternOf, rowsOf } from "./pattern";
import type { Shown } from "./use-flow";

const SETTLED_MS = 60;
/** Most keys that are sent for a row. */
const MOST_KEYS = 2048;

export function usePattern(
  { channel, store }: Explorer,
  shown: Shown | null,
  layout: Layout | null,
  head: number,
): Pattern | null {
  const frame = shown?.data.patterns ?? null;
  const coarse = useMemo(() => (frame ? patternOf(frame, head) : null), [frame, head]);
  const [fine, setFine] = useState<{ key: string; pattern: Pattern } | null>(null);
  const [first, stop] = layout?.visible ?? [0, 0];
  const name = shown?.data.facts.names["attn.z"]?.replace(/z$/, "pattern") ?? "";
  const which = store.get("which");
  const coarser = coarse !== null && !isExact(coarse.grain(0));
  const key = shown && coarser ? [shown.version, which, name, head].join("\n") : "";
  useEffect(() => {
    if (!shown || key === "") return undefined;
    let gone = false;
    const keys = shown.data.tokens;
    const ask = () =>
      channel
        .view(
          {
            tensor: `${which}/${name}`,
            index: [
              [head, head + 1],
              [first, stop],
              [0, keys],
            ],
            pixels: [stop - first, Math.min(keys, MOST_KEYS)],
          },
          "flow-rows",
        )
        .then((rows) => !gone && setFine({ key, pattern: rowsOf(rows, first) }))
        // On a saved page there may be only that pattern, and the picture says how it was pooled.
        .catch(() => undefined);
    const timer = setTimeout(ask, SETTLED_MS);
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [key, first, stop]);
  return useMemo(
    () => finest(fine?.key === key && coarser ? fine.pattern : null, coarse),
    [fine, key, coarser, coarse],
  );
}
