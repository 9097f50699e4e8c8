import { useRef } from "preact/hooks";
import { toCss, valueText } from "../../lib";
import { SIGN_HUES } from "./arcs-lines";
import { rowOf, type Rows, strongest } from "./rows";
import type { Explorer } from "./explorer";

interface StrongestProps {
  explorer: Explorer;
  query: number;
  rows: Rows | null;
  /** Whether the rows could not be had. */
  failed: boolean;
}

const LISTED = 8;

/**
 * What one query looks at most, in words and bars; a click pins the cell. The list before stays, dimmed, while the next
 * is under way, so that nothing jumps.
 */
export function Strongest({ explorer, query: asked, rows, failed }: StrongestProps) {
  const { shown, store } = explorer;
  const last = useRef<{ query: number; row: Float32Array } | null>(null);
  const found = rowOf(rows, asked);
  if (found) last.current = { query: asked, row: found };
  const { query, row } = last.current ?? { query: asked, row: null };
  if (failed || query >= shown.rows.length) return null;
  const list = row ? strongest(row, LISTED, shown.scale === "rank") : [];
  const longest = Math.max(1e-12, ...list.map(({ value }) => Math.abs(value)));
  const length = (value: number) => (shown.colors === "rank" ? 1 / value : Math.abs(value) / longest);
  const signs = SIGN_HUES[explorer.theme];
  const hue = (value: number) =>
    shown.colors === "signed" ? toCss(value < 0 ? signs.minus : signs.plus) : "var(--attrium-accent)";
  const pinned = store.get("cell");
  return (
    <section class="attrium-strongest" aria-label="Strongest keys" aria-busy={found === null}>
      <h3>
        Query <strong>{shown.rows[query]}</strong> <span class="attrium-number">{query}</span>
        {shown.colors === "signed" ? ", largest values" : " looks most at"}
      </h3>
      {row && list.length === 0 && <p class="attrium-attention-note">no key at all</p>}
      <ol>
        {list.map(({ key, value }) => (
          <li key={key}>
            <button
              type="button"
              aria-pressed={pinned?.[0] === query && pinned[1] === key}
              onClick={() => explorer.pin(query, key)}
            >
              <span class="attrium-strongest-token">{shown.columns[key]}</span>
              <span class="attrium-number attrium-faint">{key}</span>
              <span class="attrium-strongest-bar">
                {shown.scale !== "log" && (
                  <i style={{ width: `${100 * length(value)}%`, backgroundColor: hue(value) }} />
                )}
              </span>
              <span class="attrium-number">{valueText(value, shown.colors)}</span>
            </button>
          </li>
        ))}
      </ol>
    </section>
  );
}
