/** Rows of weights, as lines and lists need them: all keys of some queries, not pooled. */
import { useEffect, useState } from "preact/hooks";
import { type Frame, isHidden, type Range, valuesOf } from "../../lib";
import { type Explorer, tensorName } from "./explorer";
import type { Scale } from "./protocol";

export interface Rows {
  /** Queries that `values` hold, all keys each. */
  queries: Range;
  keys: number;
  values: Float32Array;
  /** As it came: range and quantisation are in its header. */
  frame: Frame;
}

/** One of the rows; null where it is not among them. */
export function rowOf(rows: Rows | null, query: number): Float32Array | null {
  if (!rows || query < rows.queries[0] || query >= rows.queries[1]) return null;
  const from = (query - rows.queries[0]) * rows.keys;
  return rows.values.subarray(from, from + rows.keys);
}

interface Held {
  name: string;
  rows: Rows;
}

/**
 * The rows of some queries of one head; null until they are there.
 *
 * `place` names where on screen they go: of each place the newest request wins.
 */
export function useRows(
  { store, channel, shown }: Explorer,
  [layer, head]: readonly [number, number],
  queries: Range | null,
  place: string,
  scale: Scale = shown.scale,
): { rows: Rows | null; error: string | null } {
  const tensor = tensorName(store, shown, layer, scale);
  const keys = shown.columns.length;
  const name = queries && JSON.stringify([shown.version, tensor, head, queries]);
  const [held, setHeld] = useState<Held | null>(null);
  const [error, setError] = useState<string | null>(null);
  useEffect(() => {
    setError(null);
    if (!name || !queries) return undefined;
    let gone = false;
    const view = { tensor, index: [[head, head + 1], queries, [0, keys]] as Range[] };
    channel.view({ ...view, pixels: [queries[1] - queries[0], keys] }, `rows-${place}`).then(
      (frame) => {
        if (gone) return;
        setHeld({ name, rows: { queries, keys, values: valuesOf(frame), frame } });
      },
      (reason: unknown) => {
        if (gone || (reason instanceof DOMException && reason.name === "AbortError")) return;
        setError(reason instanceof Error ? reason.message : String(reason));
      },
    );
    return () => {
      gone = true;
    };
  }, [name]);
  return { rows: held?.name === name ? held.rows : null, error };
}

export interface Strong {
  key: number;
  value: number;
}

/** The keys of a row that count most: of largest magnitude, or of lowest rank; hidden ones and zeros never. */
export function strongest(row: ArrayLike<number>, count: number, byRank = false): Strong[] {
  const found: Strong[] = [];
  for (let key = 0; key < row.length; key++) {
    const value = row[key] as number;
    if (!isHidden(value) && value !== 0) found.push({ key, value });
  }
  const size = ({ value }: Strong) => (byRank ? -value : Math.abs(value));
  return found.sort((a, b) => size(b) - size(a) || a.key - b.key).slice(0, count);
}
