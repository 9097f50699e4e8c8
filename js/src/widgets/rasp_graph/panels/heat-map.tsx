import { useSignal } from "@preact/signals";
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { colorScale, formatNumber, inksOf, onKeys, type Theme, toCss, Tooltip, useWidth } from "../../../lib";
import { cellUnder, type Group, groupAt, heatMapLayout, type HeatMapLayout } from "./heat-map-layout";
import { type HeatMapScene, LABEL_HEIGHT_PX, needsTurning, paintHeatMap, shortName } from "./heat-map-paint";
import { cellNumber, shortNumbers } from "./number-text";

export interface HeatMapProps {
  /** Names it for readers of the screen. */
  label: string;
  rows: readonly string[];
  columns: readonly string[];
  value(row: number, column: number): number;
  endOf(row: number): number;
  theme: Theme;
  rowGroups?: readonly Group[];
  columnGroups?: readonly Group[];
  marked?: ReadonlySet<string>;
  markedColumns?: number;
  /** Most height before it scrolls. */
  height_px?: number;
  /** What a cell is, for the tooltip. */
  words(row: number, column: number): readonly string[];
  onPick?: ((row: number, column: number) => void) | undefined;
  onPickGroup?: ((label: string) => void) | undefined;
  onPoint?: ((at: readonly [row: number, column: number] | null) => void) | undefined;
  announce(text: string): void;
}

const NONE: readonly Group[] = [];
const NOBODY: ReadonlySet<string> = new Set();
const PLAIN_LABELS_PX = 20;
const TITLES_PX = 22;

/** Named rows by named columns on one canvas, of which only what is in sight is drawn; its labels stay in place. */
export function HeatMap(given: HeatMapProps) {
  const rowNames = useMemo(() => given.rows.map(shortNumbers), [given.rows]);
  const columnNames = useMemo(() => given.columns.map(shortNumbers), [given.columns]);
  const props = { ...given, rows: rowNames, columns: columnNames };
  const box = useRef<HTMLDivElement>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const cursor = useSignal<readonly [row: number, column: number] | null>(null);
  const width = useWidth(box);
  const layout = useLayout(props, width);
  const height = Math.min(props.height_px ?? 460, layout.top_px + layout.plot_height_px + 2);
  const paint = () => paintNow(props, layout, canvas.current, scroller.current, cursor.peek());
  const at = cursor.value;
  useLayoutEffect(paint);
  const move = (to: readonly [row: number, column: number] | null) => {
    if (to?.[0] === cursor.peek()?.[0] && to?.[1] === cursor.peek()?.[1]) return;
    cursor.value = to;
    props.onPoint?.(to);
  };
  const under = (event: MouseEvent) => {
    const element = scroller.current;
    if (!element) return { cell: null, group: null };
    const place = element.getBoundingClientRect();
    const x = event.clientX - place.left - layout.left_px;
    const y = event.clientY - place.top - layout.top_px;
    const row = y < 0 ? -1 : Math.floor((y + element.scrollTop) / layout.cell_height_px);
    const group = props.rowGroups?.find(({ start, stop }) => row >= start && row < stop)?.label ?? null;
    if (x < 0 || y < 0) return { cell: null, group: x < 0 ? group : null };
    return { cell: cellUnder(layout, x + element.scrollLeft, y + element.scrollTop), group: null };
  };
  const click = (event: MouseEvent) => {
    const { cell, group } = under(event);
    if (cell) props.onPick?.(...cell);
    else if (group !== null) props.onPickGroup?.(group);
  };
  const rows = props.rows.length;
  const columns = props.columns.length;
  const step = (down: number, right: number) => () => {
    if (rows === 0 || columns === 0) return;
    const [row, column] = cursor.peek() ?? [down > 0 ? -1 : 0, right > 0 ? -1 : 0];
    const to = [clampTo(row + down, rows), clampTo(column + right, columns)] as const;
    reveal(scroller.current, layout, to);
    move(to);
    props.announce(props.words(...to).join(", "));
  };
  const keys = onKeys({
    ArrowDown: step(1, 0),
    ArrowUp: step(-1, 0),
    ArrowRight: step(0, 1),
    ArrowLeft: step(0, -1),
    Enter: () => (at && props.onPick ? props.onPick(...at) : false),
    Escape: () => (at ? move(null) : false),
  });
  return (
    <div class="attrium-heat" ref={box}>
      <div
        ref={scroller}
        class="attrium-heat-scroll"
        style={{ height: `${height}px` }}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: arrows move its cursor
        tabIndex={0}
        role="application"
        aria-roledescription="heat map"
        aria-label={props.label}
        onScroll={paint}
        onPointerMove={(event) => move(under(event).cell)}
        onPointerLeave={() => move(null)}
        onClick={click}
        onKeyDown={keys}
      >
        <div
          class="attrium-heat-sheet"
          style={{
            width: `${layout.left_px + layout.plot_width_px + 1}px`,
            height: `${layout.top_px + layout.plot_height_px + 1}px`,
          }}
        >
          <canvas ref={canvas} />
        </div>
      </div>
      {at && <Note at={at} props={props} layout={layout} scroller={scroller.current} width={width} />}
    </div>
  );
}

interface NoteProps {
  at: readonly [row: number, column: number];
  props: HeatMapProps;
  layout: HeatMapLayout;
  scroller: HTMLElement | null;
  width: number;
}

function Note({ at: [row, column], props, layout, scroller, width }: NoteProps) {
  if (row >= props.rows.length || column >= props.columns.length) return null;
  const x = layout.left_px + (layout.columnLeft[column] ?? 0) + layout.cell_width_px / 2 - (scroller?.scrollLeft ?? 0);
  const y = layout.top_px + (row + 0.5) * layout.cell_height_px - (scroller?.scrollTop ?? 0);
  const [first, ...rest] = props.words(row, column);
  return (
    <Tooltip x={x} y={y} within={width}>
      <div class="attrium-heat-note">
        <strong class="attrium-number">{first}</strong>
        {rest.map((line) => (
          <span key={line}>{line}</span>
        ))}
      </div>
    </Tooltip>
  );
}

const clampTo = (value: number, count: number) => Math.max(0, Math.min(count - 1, value));

/** Row labels beside their brackets where there are groups; column labels turned where they are too wide. */
function useLayout(props: HeatMapProps, width: number): HeatMapLayout {
  const { rows, columns, rowGroups = NONE, columnGroups = NONE } = props;
  return useMemo(() => {
    const context = measuring();
    const measure = (text: string) => context?.measureText(text).width ?? text.length * 6;
    const widest = (texts: readonly string[], most: number) =>
      texts.reduce((wide, text) => (wide >= most ? most : Math.max(wide, Math.min(most, measure(text)))), 0);
    const grouped = rowGroups.length > 0;
    const most = Math.max(70, width * 0.32);
    const shown = rows.map((name, at) => (grouped ? shortName(name, groupAt(rowGroups, at)?.label) : name));
    const bracket_px = grouped ? Math.ceil(widest(groupNames(rowGroups), most / 2)) + 12 : 0;
    const left_px =
      bracket_px + Math.ceil(Math.max(14, widest(shown, grouped ? most / 2 : most))) + (grouped ? 16 : 12);
    const size = { rows: rows.length, columns: columns.length, columnGroups, width_px: width, left_px, bracket_px };
    const titles = columnGroups.length > 0 ? TITLES_PX : 0;
    const flat = heatMapLayout({ ...size, top_px: titles + PLAIN_LABELS_PX });
    const turned = columns.filter((name) => needsTurning(name, flat.cell_width_px, measure));
    if (turned.length === 0) return flat;
    return heatMapLayout({ ...size, top_px: titles + Math.ceil(widest(turned, LABEL_HEIGHT_PX)) + 10 });
  }, [rows, columns, rowGroups, columnGroups, width]);
}

const groupNames = (groups: readonly Group[]) => groups.map(({ label }) => label);

function measuring(): CanvasRenderingContext2D | null {
  const context = globalThis.document?.createElement("canvas").getContext?.("2d") ?? null;
  if (context) context.font = "11px sans-serif";
  return context;
}

function paintNow(
  props: HeatMapProps,
  layout: HeatMapLayout,
  canvas: HTMLCanvasElement | null,
  scroller: HTMLElement | null,
  cursor: HeatMapScene["cursor"],
): void {
  const context = canvas?.getContext?.("2d");
  if (!canvas || !scroller || !context) return;
  const [width_px, height_px] = [scroller.clientWidth, scroller.clientHeight];
  const ratio = globalThis.devicePixelRatio || 1;
  const [wide, high] = [Math.round(width_px * ratio), Math.round(height_px * ratio)];
  if (canvas.width !== wide || canvas.height !== high) {
    canvas.width = wide;
    canvas.height = high;
    canvas.style.width = `${width_px}px`;
    canvas.style.height = `${height_px}px`;
  }
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  const { rowGroups = NONE, columnGroups = NONE, marked = NOBODY, markedColumns = -1 } = props;
  const scene = { ...props, layout, rowGroups, columnGroups, marked, markedColumns, cursor };
  const sight = { scroll_left_px: scroller.scrollLeft, scroll_top_px: scroller.scrollTop, width_px, height_px };
  paintHeatMap(context, scene, sight, inksOf(canvas));
}

/** Scrolls so that a cell is in sight. */
function reveal(scroller: HTMLElement | null, layout: HeatMapLayout, [row, column]: readonly [number, number]): void {
  if (!scroller) return;
  const top = row * layout.cell_height_px;
  const left = layout.columnLeft[column] ?? 0;
  const [high, wide] = [scroller.clientHeight - layout.top_px, scroller.clientWidth - layout.left_px];
  if (top < scroller.scrollTop) scroller.scrollTop = top;
  else if (top + layout.cell_height_px > scroller.scrollTop + high)
    scroller.scrollTop = top + layout.cell_height_px - high;
  if (left < scroller.scrollLeft) scroller.scrollLeft = left;
  else if (left + layout.cell_width_px > scroller.scrollLeft + wide)
    scroller.scrollLeft = left + layout.cell_width_px - wide;
}

interface LegendProps {
  /** Null: rows have ends of their own. */
  end: number | null;
  theme: Theme;
  note?: string | undefined;
}

/** What the colours mean. */
export function HeatLegend({ end, theme, note }: LegendProps) {
  const text = end === null ? "largest" : cellNumber(end);
  return (
    <p class="attrium-heat-legend attrium-number">
      <span>{`\u2212${text}`}</span>
      <span class="attrium-heat-ramp" style={{ background: ramp(theme) }} />
      <span>{`+${text}`}</span>
      {note && <span class="attrium-faint">{note}</span>}
    </p>
  );
}

function ramp(theme: Theme): string {
  const stops = colorScale("red-blue", theme).stops.map((stop) => toCss(stop));
  return `linear-gradient(to right, ${stops.join(", ")})`;
}

/** A value in full, for a tooltip. */
export function valueWords(value: number): string {
  return Number.isInteger(value) ? cellNumber(value) : formatNumber(value, 6);
}
