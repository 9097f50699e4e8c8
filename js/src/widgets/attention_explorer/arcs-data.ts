/** The heads whose lines are drawn, their weights, and the lines these make. */
import type { Signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import type { HeadRef, Range } from "../../lib";
import { type ArcLine, headHue, largest, linesOf, SIGN_HUES } from "./arcs-lines";
import type { Explorer } from "./explorer";
import { type Rows, useRows } from "./rows";

/** Heads whose lines are drawn: those that are on, or the current one. */
export function headsOn({ store, shown }: Pick<Explorer, "store" | "shown">): HeadRef[] {
  const on = store.get("heads_on");
  return on.length > 0 && shown.heads.some((heads) => heads > 1) ? on : [[shown.layer, shown.head]];
}

/** Names a head among others. */
export function nameOf(head: HeadRef | undefined): string {
  return head ? `${head[0]}.${head[1]}` : "";
}

interface HeadRowsProps {
  explorer: Explorer;
  head: HeadRef;
  queries: Range;
  scale: "linear" | "no_sink";
  loaded: Signal<Record<string, Rows | null>>;
  error: Signal<string | null>;
}

/** Fetches the rows of one head; draws nothing. */
export function HeadRows({ explorer, head, queries, scale, loaded, error }: HeadRowsProps) {
  const name = nameOf(head);
  const found = useRows(explorer, head, queries, `arcs-${name}`, scale);
  useEffect(() => {
    if (found.rows) loaded.value = { ...loaded.peek(), [name]: found.rows };
  }, [found.rows]);
  useEffect(() => {
    error.value = found.error;
  }, [found.error]);
  return null;
}

/** The lines of all heads, strong ones last. */
export function useLines(
  explorer: Explorer,
  heads: readonly HeadRef[],
  loaded: Record<string, Rows | null>,
  queries: readonly number[],
  key: number | null,
): ArcLine[] {
  const { theme, shown } = explorer;
  const signs = SIGN_HUES[theme];
  const signed = shown.colors === "signed";
  return useMemo(() => {
    const there = heads.flatMap((head, at) => {
      const rows = loaded[nameOf(head)];
      return rows ? [{ rows, at }] : [];
    });
    const most = Math.max(0, ...there.map(({ rows }) => largest(rows, queries)));
    return there
      .flatMap(({ rows, at }) => {
        const alone = signed && heads.length === 1;
        const color = alone ? signs.plus : headHue(at, theme);
        return linesOf({ rows, color, negative: alone ? signs.minus : null, strongest: most, queries, key });
      })
      .sort((a, b) => a.share - b.share);
  }, [loaded, JSON.stringify([heads, queries, key]), theme, signed]);
}
