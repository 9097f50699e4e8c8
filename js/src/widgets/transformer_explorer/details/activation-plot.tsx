import { useSignal } from "@preact/signals";
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { formatNumber, formatSigned, type Theme, toCss, Tooltip, useWidth } from "../../../lib";
import { roleHue } from "../../../lib/roles";
import { withName } from "../names";

interface Props {
  /** Before the activation, one for each hidden unit. */
  pre: Float32Array;
  /** What the activation makes of it. */
  post: Float32Array;
  theme: Theme;
  /** Names of the axes. */
  names: readonly [across: string, up: string];
  lit: number | null;
  onPoint(neuron: number | null): void;
  onPick(neuron: number): void;
  /** What a hidden unit is called; empty for none. */
  nameOf?(neuron: number): string;
}

const HEIGHT_PX = 220;
const MARGIN = { left: 46, right: 12, top: 10, bottom: 34 };
const NEAR_PX = 14;
const LABEL_PX = 16;

/** Every hidden unit as a point, from what goes into the activation to what comes out: the points are its curve. */
export function ActivationPlot({ pre, post, theme, names, lit, onPoint, onPick, nameOf }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const width = Math.min(520, useWidth(box));
  const here = useSignal<number | null>(null);
  const plot = useMemo(() => plotOf(pre, post, width), [pre, post, width]);
  useLayoutEffect(() => {
    if (canvas.current && width > 0) draw(canvas.current, plot, theme, lit, names);
  }, [plot, theme, lit, names[0], names[1]]);
  const nearest = (event: PointerEvent) => {
    const bounds = (event.currentTarget as HTMLElement).getBoundingClientRect();
    here.value = nearestPoint(plot, event.clientX - bounds.left, event.clientY - bounds.top);
    onPoint(here.value);
  };
  const at = here.value;
  return (
    <div class="attrium-activation" ref={box}>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: a shortcut for the mouse; the list of neurons takes keys */}
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: a shortcut for the mouse; the list of neurons takes keys */}
      <div
        class="attrium-activation-stage"
        style={{ width: `${width}px`, height: `${HEIGHT_PX}px` }}
        onPointerMove={nearest}
        onPointerLeave={() => {
          here.value = null;
          onPoint(null);
        }}
        onClick={() => here.value !== null && onPick(here.value)}
      >
        <canvas ref={canvas} role="img" aria-label={`${pre.length} hidden units: ${names[0]} across, ${names[1]} up`} />
        {at !== null && (
          <Tooltip x={plot.x(pre[at] ?? 0)} y={plot.y(post[at] ?? 0)} within={width}>
            <span class="attrium-number">
              {`${withName(`neuron ${at}`, nameOf?.(at) ?? "")}: ${formatSigned(pre[at] ?? Number.NaN)} \u2192 ${formatSigned(post[at] ?? Number.NaN)}`}
            </span>
          </Tooltip>
        )}
      </div>
    </div>
  );
}

interface Plot {
  pre: Float32Array;
  post: Float32Array;
  width: number;
  x(value: number): number;
  y(value: number): number;
  across: readonly [number, number];
  up: readonly [number, number];
}

function plotOf(pre: Float32Array, post: Float32Array, width: number): Plot {
  const across = spanOf(pre);
  const up = spanOf(post);
  const inner = { width: width - MARGIN.left - MARGIN.right, height: HEIGHT_PX - MARGIN.top - MARGIN.bottom };
  return {
    pre,
    post,
    width,
    across,
    up,
    x: (value) => MARGIN.left + ((value - across[0]) / (across[1] - across[0])) * inner.width,
    y: (value) => MARGIN.top + (1 - (value - up[0]) / (up[1] - up[0])) * inner.height,
  };
}

/** From the smallest to the largest number, zero included, with a little room. */
export function spanOf(values: Float32Array): readonly [number, number] {
  let [low, high] = [0, 0];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const room = (high - low) * 0.04 || 1;
  return [low - room, high + room];
}

/** The point under the pointer, the nearest within reach; null where there is none. */
function nearestPoint({ pre, post, x, y }: Plot, left: number, top: number): number | null {
  let best: number | null = null;
  let nearest = NEAR_PX ** 2;
  for (let i = 0; i < pre.length; i++) {
    const away = (x(pre[i] ?? 0) - left) ** 2 + (y(post[i] ?? 0) - top) ** 2;
    if (away < nearest) {
      nearest = away;
      best = i;
    }
  }
  return best;
}

function draw(
  canvas: HTMLCanvasElement,
  plot: Plot,
  theme: Theme,
  lit: number | null,
  names: readonly [string, string],
): void {
  const ratio = globalThis.devicePixelRatio || 1;
  canvas.width = Math.round(plot.width * ratio);
  canvas.height = Math.round(HEIGHT_PX * ratio);
  const context = canvas.getContext("2d");
  if (!context) return;
  context.scale(ratio, ratio);
  const style = getComputedStyle(canvas);
  axes(context, plot, names, style);
  const hue = roleHue("mlp", theme);
  context.fillStyle = toCss(hue.high, 0.5);
  for (let i = 0; i < plot.pre.length; i++) dot(context, plot, i, 2);
  if (lit === null) return;
  context.fillStyle = toCss(roleHue("change", theme).ink);
  dot(context, plot, lit, 4.5);
}

function dot(context: CanvasRenderingContext2D, { pre, post, x, y }: Plot, i: number, radius: number): void {
  context.beginPath();
  context.arc(x(pre[i] ?? 0), y(post[i] ?? 0), radius, 0, 2 * Math.PI);
  context.fill();
}

function axes(
  context: CanvasRenderingContext2D,
  { x, y, across, up, width }: Plot,
  [first, second]: readonly [string, string],
  style: CSSStyleDeclaration,
): void {
  const soft = style.getPropertyValue("--attrium-ink-soft") || "#586074";
  context.strokeStyle = style.getPropertyValue("--attrium-line-strong") || "#c8cdd9";
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(MARGIN.left, Math.round(y(0)) + 0.5);
  context.lineTo(width - MARGIN.right, Math.round(y(0)) + 0.5);
  context.moveTo(Math.round(x(0)) + 0.5, MARGIN.top);
  context.lineTo(Math.round(x(0)) + 0.5, HEIGHT_PX - MARGIN.bottom);
  context.stroke();
  context.fillStyle = soft;
  context.font = `11px ${style.fontFamily || "sans-serif"}`;
  context.textAlign = "left";
  const bottom = HEIGHT_PX - MARGIN.bottom + 14;
  context.fillText(formatNumber(across[0], 2), MARGIN.left, bottom);
  context.textAlign = "right";
  context.fillText(formatNumber(across[1], 2), width - MARGIN.right, bottom);
  context.fillText(formatNumber(up[1], 2), MARGIN.left - 6, MARGIN.top + 8);
  // Near zero the lowest number would be written over it.
  const lowest = HEIGHT_PX - MARGIN.bottom;
  if (lowest - y(0) > LABEL_PX) context.fillText(formatNumber(up[0], 2), MARGIN.left - 6, lowest);
  context.fillText("0", MARGIN.left - 6, y(0) + 4);
  context.textAlign = "center";
  context.fillText(first, (MARGIN.left + width - MARGIN.right) / 2, HEIGHT_PX - 5);
  context.save();
  context.translate(12, (HEIGHT_PX - MARGIN.bottom + MARGIN.top) / 2);
  context.rotate(-Math.PI / 2);
  context.fillText(second, 0, 0);
  context.restore();
}
