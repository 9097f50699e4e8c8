import { useSignal } from "@preact/signals";
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { formatSigned, onKeys, type Theme, toCss, Tooltip, useWidth } from "../../../lib";
import { roleHue } from "../../../lib/roles";
import type { Explorer } from "../explorer";
import type { ContributionFacts } from "../protocol";
import { type Item, namedItem, placeOf, roleOf } from "./contribution-list";
import type { Here } from "./reading";

const HEIGHT_PX = 240;
const MARGIN = { left: 46, right: 8, top: 14, bottom: 30 };
const LABEL_PX = 16;
const NARROWEST_PX = 3;
const WIDEST_PX = 34;
/** Room between groups, in bars. */
const GAP = 1.2;

export interface Group {
  /** "in", the number of a block, "out". */
  label: string;
  block: number | null;
  items: Item[];
}

/** Neighbours of the same block together, in the order of the forward. */
export function groupsOf(items: readonly Item[]): Group[] {
  const groups: Group[] = [];
  for (const item of items) {
    const last = groups[groups.length - 1];
    if (last && last.block === item.block) last.items.push(item);
    else groups.push({ label: groupLabel(item, groups.length), block: item.block, items: [item] });
  }
  return groups;
}

function groupLabel({ block }: Item, before: number): string {
  if (block !== null) return String(block);
  return before === 0 ? "in" : "out";
}

interface Bar {
  item: Item;
  left: number;
}

interface Layout {
  bars: Bar[];
  marks: { label: string; at: number }[];
  bar_px: number;
  width_px: number;
}

/** Bars from left to right, as wide as the room allows; wider than the room where they would be too thin to see. */
export function layoutOf(groups: readonly Group[], room_px: number): Layout {
  const count = groups.reduce((sum, group) => sum + group.items.length + GAP, 0);
  const inner = room_px - MARGIN.left - MARGIN.right;
  const bar_px = Math.min(WIDEST_PX, Math.max(NARROWEST_PX, inner / Math.max(1, count)));
  const bars: Bar[] = [];
  const marks: Layout["marks"] = [];
  let left = MARGIN.left;
  for (const group of groups) {
    marks.push({ label: group.label, at: left + (group.items.length * bar_px) / 2 });
    for (const item of group.items) {
      bars.push({ item, left });
      left += bar_px;
    }
    left += GAP * bar_px;
  }
  return { bars, marks, bar_px, width_px: left + MARGIN.right };
}

/** What each part adds, block by block: heads, then the MLP. A head's bar leads to the head. */
export function ContributionBars({
  explorer,
  here,
  facts,
}: {
  explorer: Explorer;
  here: Here;
  facts: ContributionFacts;
}) {
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const room = useWidth(box);
  const pointed = useSignal<number | null>(null);
  const groups = useMemo(() => groupsOf(facts.items), [facts]);
  const layout = useMemo(() => layoutOf(groups, room), [groups, room]);
  const span = useMemo(() => spanOfItems(facts.items), [facts]);
  const { theme } = explorer;
  useLayoutEffect(() => {
    if (canvas.current && room > 0) draw(canvas.current, layout, span, theme, [here.block, here.head]);
  }, [layout, span, theme, here.block, here.head, room]);
  const at = (event: MouseEvent) => {
    const left = event.clientX - (event.currentTarget as HTMLElement).getBoundingClientRect().left;
    return layout.bars.findIndex((bar) => left >= bar.left && left < bar.left + layout.bar_px);
  };
  const open = (index: number | null) => {
    const place = index === null ? null : placeOf(layout.bars[index]?.item ?? NOTHING);
    if (place) explorer.go(place);
  };
  const step = (by: number) => () => {
    const next = Math.min(
      layout.bars.length - 1,
      Math.max(0, (pointed.value ?? (by > 0 ? -1 : layout.bars.length)) + by),
    );
    pointed.value = next;
    const item = layout.bars[next]?.item;
    if (item) explorer.announce(`${namedItem(item, here.model)}: ${formatSigned(item.value)}`);
  };
  const bar = pointed.value === null ? undefined : layout.bars[pointed.value];
  return (
    <div class="attrium-contribution-scroll" ref={box}>
      <div
        class="attrium-contribution-stage"
        role="application"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: arrows move its cursor
        tabIndex={0}
        aria-label={`${facts.items.length} contributions in the order of the forward`}
        style={{ width: `${layout.width_px}px`, height: `${HEIGHT_PX}px` }}
        onPointerMove={(event) => {
          const found = at(event);
          pointed.value = found < 0 ? null : found;
        }}
        onPointerLeave={() => {
          pointed.value = null;
        }}
        onClick={(event) => open(at(event))}
        onKeyDown={onKeys({ ArrowRight: step(1), ArrowLeft: step(-1), Enter: () => open(pointed.value) })}
      >
        <canvas ref={canvas} />
        {bar && (
          <>
            <span class="attrium-contribution-here" style={{ left: `${bar.left}px`, width: `${layout.bar_px}px` }} />
            <Tooltip x={bar.left} y={upOf(Math.max(0, bar.item.value), span)} within={layout.width_px}>
              <span class="attrium-number">
                <b>{namedItem(bar.item, here.model)}</b>
                {"\u2003"}
                {formatSigned(bar.item.value)}
              </span>
            </Tooltip>
          </>
        )}
      </div>
    </div>
  );
}

const NOTHING: Item = { label: "", kind: "rest", block: null, head: null, value: 0 };

type Span = readonly [low: number, high: number];

function spanOfItems(items: readonly Item[]): Span {
  const values = items.map(({ value }) => value);
  return [Math.min(0, ...values), Math.max(1e-9, ...values)];
}

function upOf(value: number, [low, high]: Span): number {
  return MARGIN.top + ((high - value) / (high - low)) * (HEIGHT_PX - MARGIN.top - MARGIN.bottom);
}

function draw(
  canvas: HTMLCanvasElement,
  { bars, marks, bar_px, width_px }: Layout,
  span: Span,
  theme: Theme,
  [block, head]: readonly [number, number],
): void {
  const ratio = globalThis.devicePixelRatio || 1;
  canvas.width = Math.round(width_px * ratio);
  canvas.height = Math.round(HEIGHT_PX * ratio);
  const context = canvas.getContext("2d");
  if (!context) return;
  context.scale(ratio, ratio);
  const style = getComputedStyle(canvas);
  const zero = upOf(0, span);
  context.strokeStyle = style.getPropertyValue("--attrium-line-strong") || "#c8cdd9";
  context.beginPath();
  context.moveTo(MARGIN.left - 4, Math.round(zero) + 0.5);
  context.lineTo(width_px, Math.round(zero) + 0.5);
  context.stroke();
  for (const { item, left } of bars) {
    const hue = roleHue(roleOf(item), theme);
    const here = item.kind === "head" && item.block === block && item.head === head;
    context.fillStyle = toCss(here || item.kind === "mlp" ? hue.ink : hue.base);
    const top = upOf(item.value, span);
    context.fillRect(left + 0.5, Math.min(top, zero), Math.max(1, bar_px - 1), Math.max(1, Math.abs(top - zero)));
  }
  context.fillStyle = style.getPropertyValue("--attrium-ink-soft") || "#586074";
  context.font = `11px ${style.fontFamily || "sans-serif"}`;
  context.textAlign = "center";
  let taken = Number.NEGATIVE_INFINITY;
  for (const { label, at } of marks) {
    if (at - taken < 20) continue;
    taken = at;
    context.fillText(label, at, HEIGHT_PX - 10);
  }
  context.textAlign = "right";
  context.fillText(formatSigned(span[1], 2), MARGIN.left - 8, MARGIN.top + 8);
  // Near zero the lowest number would be written over it.
  const lowest = HEIGHT_PX - MARGIN.bottom;
  if (lowest - zero > LABEL_PX) context.fillText(formatSigned(span[0], 2), MARGIN.left - 8, lowest);
  context.fillText("0", MARGIN.left - 8, zero + 4);
}
