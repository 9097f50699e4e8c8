import { type Signal, useSignal } from "@preact/signals";
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { formatNumber, onKeys, selectingBy, toCss, useWidth } from "../../lib";
import { type ArcsPicture, drawLines, type KeysBeyond, keysBeyond } from "./arcs-canvas";
import { HeadRows, headsOn, nameOf, useLines } from "./arcs-data";
import { ArcsLegend } from "./arcs-legend";
import { type ArcLine, askedRows, ROW_PX, visibleRows } from "./arcs-lines";
import type { Explorer } from "./explorer";
import { type Rows, rowOf, strongest } from "./rows";

interface ArcsProps {
  explorer: Explorer;
  height_px: number;
  /** The query under the pointer or the cursor; shared with the list of strongest keys. */
  pointed: Signal<number | null>;
  picture: { current: ArcsPicture | null };
}

const WIDEST_PX = 760;
/** In a longer text a token is found by its number. */
const NUMBERED_FROM = 36;

/** Queries left, keys right, and a line for each weight between them; of one head, or of several in hues of their own. */
export function Arcs({ explorer, height_px, pointed, picture }: ArcsProps) {
  const { shown, store } = explorer;
  const box = useRef<HTMLDivElement>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const width = Math.min(WIDEST_PX, useWidth(box));
  const label_px = Math.max(64, Math.min(170, Math.floor(width * 0.26)));
  const top = useSignal(0);
  const key = useSignal<number | null>(null);
  const cursor = useSignal(0);
  const count = Math.max(shown.rows.length, shown.columns.length);
  const window_px = Math.min(height_px, count * ROW_PX);
  const queries = visibleRows(top.value, window_px, shown.rows.length);
  const keys = visibleRows(top.value, window_px, shown.columns.length);
  const heads = headsOn(explorer);
  const scale = shown.scale === "no_sink" ? "no_sink" : "linear";
  const loaded = useSignal<Record<string, Rows | null>>({});
  const data = JSON.stringify([
    shown.version,
    store.get("shown"),
    store.get("minus"),
    shown.kind.name,
    shown.measure,
    scale,
  ]);
  useLayoutEffect(() => {
    loaded.value = {};
  }, [data]);
  const error = useSignal<string | null>(null);
  const wanted = queriesOf(pointed.value, store.get("selection"), queries);
  const lines = useLines(explorer, heads, loaded.value, wanted, key.value);
  const geometry = { queries, keys, top_px: top.value, window_px, width_px: width, label_px };
  useLayoutEffect(() => {
    picture.current = { ...geometry, lines };
    drawLines(scroller.current?.querySelector("canvas") ?? null, picture.current);
  });
  const shares = useKeyShares(lines, pointed.value);
  const ids = useMemo(() => `arcs-${Math.random().toString(36).slice(2)}`, []);
  const go = (to: number, extend: boolean) => {
    const next = Math.min(shown.rows.length - 1, Math.max(0, to));
    cursor.value = next;
    pointed.value = next;
    if (extend) explorer.select(next, "extend");
    const [element, y] = [scroller.current, next * ROW_PX];
    if (element && y < element.scrollTop) element.scrollTop = y;
    if (element && y + ROW_PX > element.scrollTop + window_px) element.scrollTop = y + ROW_PX - window_px;
    speak(explorer, next, loaded.value[nameOf(heads[0])] ?? null);
  };
  const scrollTo = (at: number) => {
    if (scroller.current) scroller.current.scrollTop = (at + 0.5) * ROW_PX - window_px / 2;
    key.value = at;
    pointed.value = null;
  };
  const from = () => pointed.value ?? cursor.value;
  const onKeyDown = onKeys({
    ArrowDown: () => go(from() + 1, false),
    ArrowUp: () => go(from() - 1, false),
    "Shift+ArrowDown": () => go(from() + 1, true),
    "Shift+ArrowUp": () => go(from() - 1, true),
    PageDown: () => go(from() + 10, false),
    PageUp: () => go(from() - 10, false),
    Home: () => go(0, false),
    End: () => go(shown.rows.length, false),
    Enter: () => explorer.select(from(), "only"),
    " ": () => explorer.select(from(), "toggle"),
  });
  const selected = new Set(store.get("selection"));
  const numbered = count > NUMBERED_FROM && shown.rows[0] !== "0";
  const beyond = keysBeyond({ ...geometry, lines });
  return (
    <div class="attrium-arcs" ref={box}>
      {heads.map((head) => (
        <HeadRows
          key={nameOf(head)}
          explorer={explorer}
          head={head}
          queries={askedRows(queries, shown.rows.length)}
          scale={scale}
          loaded={loaded}
          error={error}
        />
      ))}
      <div class="attrium-arcs-titles" style={{ width: `${width}px` }}>
        <span>queries</span>
        <span>
          keys
          {beyond.above && <WayTo beyond={beyond.above} words="above" columns={shown.columns} onGo={scrollTo} />}
          {beyond.below && <WayTo beyond={beyond.below} words="below" columns={shown.columns} onGo={scrollTo} />}
        </span>
      </div>
      <div
        ref={scroller}
        class="attrium-arcs-scroll"
        style={{ height: `${window_px}px`, width: `${width}px` }}
        role="listbox"
        aria-multiselectable="true"
        aria-label="Queries"
        aria-activedescendant={`${ids}-${from()}`}
        tabIndex={0}
        onKeyDown={onKeyDown}
        onScroll={(event) => {
          top.value = event.currentTarget.scrollTop;
        }}
        onPointerLeave={() => {
          pointed.value = null;
          key.value = null;
        }}
      >
        <div class="attrium-arcs-world" style={{ height: `${count * ROW_PX}px` }}>
          <canvas />
          {numbers(queries).map((at) => (
            // biome-ignore lint/a11y/useKeyWithClickEvents: keys are the list's
            // biome-ignore lint/a11y/useFocusableInteractive: the list has the focus
            <span
              key={`q${at}`}
              id={`${ids}-${at}`}
              class="attrium-arcs-query"
              role="option"
              aria-selected={selected.has(at)}
              aria-posinset={at + 1}
              aria-setsize={shown.rows.length}
              data-pointed={pointed.value === at}
              style={{ top: `${at * ROW_PX}px`, width: `${label_px}px` }}
              onPointerEnter={() => {
                pointed.value = at;
                key.value = null;
              }}
              onClick={(event) => explorer.select(at, selectingBy(event))}
            >
              {numbered && <i>{at}</i>}
              {shown.rows[at]}
            </span>
          ))}
          {numbers(keys).map((at) => (
            <span
              key={`k${at}`}
              class="attrium-arcs-key"
              aria-hidden="true"
              data-pointed={key.value === at}
              style={{ top: `${at * ROW_PX}px`, width: `${label_px}px`, ...shares.get(at) }}
              onPointerEnter={() => {
                key.value = at;
                pointed.value = null;
              }}
            >
              {shown.columns[at]}
              {numbered && <i>{at}</i>}
            </span>
          ))}
        </div>
      </div>
      <ArcsLegend explorer={explorer} heads={heads} lines={lines} error={error.value} />
    </div>
  );
}

function numbers([from, to]: readonly [number, number]): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, at) => from + at);
}

/** The queries whose lines are drawn: the pointed one, else the selected ones in sight, else all in sight. */
function queriesOf(
  pointed: number | null,
  selection: readonly number[],
  [from, to]: readonly [number, number],
): number[] {
  if (pointed !== null) return [pointed];
  const inside = selection.filter((at) => at >= from && at < to);
  return inside.length > 0 ? inside : numbers([from, to]);
}

/** The background of each key that the pointed query looks at. */
function useKeyShares(lines: readonly ArcLine[], pointed: number | null): Map<number, { backgroundColor: string }> {
  return useMemo(() => {
    const shares = new Map<number, { backgroundColor: string }>();
    if (pointed === null) return shares;
    for (const { key, color, share } of lines) shares.set(key, { backgroundColor: toCss(color, 0.08 + 0.34 * share) });
    return shares;
  }, [lines, pointed]);
}

interface WayToProps {
  beyond: KeysBeyond;
  words: "above" | "below";
  columns: readonly string[];
  onGo(key: number): void;
}

/** Keys out of sight that lines lead to; a click brings the strongest of them into sight. */
function WayTo({ beyond: { count, strongest: key }, words, columns, onGo }: WayToProps) {
  return (
    <button
      type="button"
      class="attrium-arcs-way attrium-number"
      title={`Go to the strongest: ${columns[key] ?? ""} ${key}`}
      onClick={() => onGo(key)}
    >
      {`${words === "above" ? "\u2191" : "\u2193"} to ${count} ${words}`}
    </button>
  );
}

function speak({ announce, shown }: Explorer, query: number, rows: Rows | null): void {
  const row = rowOf(rows, query);
  const keys = row
    ? strongest(row, 3, false).map(({ key, value }) => `${shown.columns[key]} ${formatNumber(value, 2)}`)
    : [];
  announce(`query ${query} ${shown.rows[query]}${keys.length > 0 ? `: ${keys.join(", ")}` : ""}`);
}
