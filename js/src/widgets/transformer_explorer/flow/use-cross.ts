/** Weights of the current head over the encoder's tokens, read for the lanes in sight. */
import { useEffect, useMemo, useState } from "preact/hooks";
import type { Frame } from "../../../lib";
import type { Explorer } from "../explorer";
import { type Cross, NO_CROSS } from "./cross";
import type { Layout } from "./layout";
import { rowsOf } from "./pattern";
import type { Shown } from "./use-flow";

/** Most keys that are sent for a row. */
const MOST_KEYS = 2048;

export function useCross(
  { channel, store }: Explorer,
  shown: Shown | null,
  layout: Layout | null,
  head: number,
): Cross {
  const name = shown?.data.facts.names["cross.z"] ?? "";
  const which = store.get("which");
  const [keys, setKeys] = useState<{ key: string; count: number } | null>(null);
  const [rows, setRows] = useState<{ key: string; frame: Frame; first: number } | null>(null);
  const [first, stop] = layout?.visible ?? [0, 0];
  const key = name === "" ? "" : [shown?.version, which, name].join("\n");
  const count = keys?.key === key ? keys.count : null;
  useEffect(() => {
    if (key === "") return undefined;
    let gone = false;
    // How many tokens the encoder read is the length of the keys that it gave.
    const tensor = `${which}/${name.replace(/z$/, "k")}`;
    channel
      .view({ tensor, index: null, pixels: [1, 1] }, "flow-cross-keys")
      .then(({ shape }) => !gone && setKeys({ key, count: shape[0] ?? 0 }))
      // A saved page may be without: the picture then says where the weights are to be seen.
      .catch(() => undefined);
    return () => {
      gone = true;
    };
  }, [key]);
  const rowsKey = `${key}\n${head}`;
  useEffect(() => {
    if (!count || stop <= first) return undefined;
    let gone = false;
    channel
      .view(
        {
          tensor: `${which}/${name.replace(/z$/, "pattern")}`,
          index: [
            [head, head + 1],
            [first, stop],
            [0, count],
          ],
          pixels: [stop - first, Math.min(count, MOST_KEYS)],
        },
        "flow-cross",
      )
      .then((frame) => !gone && setRows({ key: rowsKey, frame, first }))
      .catch(() => undefined);
    return () => {
      gone = true;
    };
  }, [rowsKey, count, first, stop]);
  return useMemo(() => {
    if (key === "") return NO_CROSS;
    const known = rows?.key === rowsKey ? rows : null;
    return { keys: count, pattern: known && rowsOf(known.frame, known.first) };
  }, [key, rowsKey, count, rows]);
}
