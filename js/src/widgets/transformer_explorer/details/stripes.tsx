import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { onKeys, putPixels, type Shading, Tooltip } from "../../../lib";
import { binOf, foldRows, stripePixels, stripesHeight } from "./bins";

export interface StripesProps {
  /** Row-major, `rows` by `length`. */
  values: Float32Array;
  rows: number;
  length: number;
  shading: Shading;
  width_px: number;
  /** Of each row. */
  height_px?: number;
  gap_px?: number;
  /** The row that the reader is at; the others step back. */
  current?: number | null;
  /** A row and a number along it that belong to what is pointed at elsewhere. */
  litRow?: number | null;
  lit?: number | null;
  /** What the tooltip says of a number. */
  tell(row: number, index: number): ComponentChildren;
  onPoint?(place: { row: number; index: number } | null): void;
  onPick?(place: { row: number; index: number }): void;
  /** Name for readers of the screen. */
  label: string;
}

export const ROW_PX = 12;
export const GAP_PX = 3;

/**
 * Vectors as stripes, one row each; where there is less room than numbers, each stripe is the largest of its window.
 *
 * The stripe knows which number it shows, so that pointing at it is exact. Arrows move, Enter chooses.
 */
export function Stripes(props: StripesProps) {
  const { values, rows, length, shading, width_px, height_px = ROW_PX, gap_px = GAP_PX, current = null } = props;
  const { lit = null, litRow = null } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const place = useSignal<{ row: number; index: number } | null>(null);
  const folded = useMemo(() => foldRows(values, rows, length, width_px), [values, rows, length, width_px]);
  const { scale, end, sign } = shading;
  const height = stripesHeight(rows, height_px, gap_px);
  useLayoutEffect(() => {
    if (canvas.current) {
      putPixels(canvas.current, stripePixels(folded, shading, height_px, gap_px), height, folded.bins);
    }
  }, [folded, scale, end, sign, height_px, gap_px]);

  const point = (next: { row: number; index: number } | null) => {
    place.value = next;
    props.onPoint?.(next);
  };
  const at = (event: MouseEvent) => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const row = clamp(Math.floor((event.clientY - box.top) / (height_px + gap_px)), rows);
    const bin = clamp(Math.floor(((event.clientX - box.left) / (box.width || 1)) * folded.bins), folded.bins);
    return { row, index: folded.at[row * folded.bins + bin] ?? 0 };
  };
  const move = (down: number, right: number) => () => {
    const { row, index } = place.value ?? { row: current ?? 0, index: folded.at[0] ?? 0 };
    const toRow = clamp(row + down, rows);
    const bin = clamp(binOf(folded, index) + right, folded.bins);
    point({ row: toRow, index: folded.at[toRow * folded.bins + bin] ?? 0 });
  };
  const keys = onKeys({
    ArrowLeft: move(0, -1),
    ArrowRight: move(0, 1),
    ArrowUp: move(-1, 0),
    ArrowDown: move(1, 0),
    Home: move(0, -folded.bins),
    End: move(0, folded.bins),
    Enter: () => place.value !== null && props.onPick?.(place.value),
    " ": () => place.value !== null && props.onPick?.(place.value),
  });
  const stripe_px = width_px / folded.bins;
  const left = (index: number) => binOf(folded, index) * stripe_px;
  const here = place.value;
  return (
    <div
      class="attrium-stripes"
      style={{ width: `${width_px}px`, height: `${height}px` }}
      role="slider"
      tabIndex={0}
      aria-label={props.label}
      aria-valuemin={0}
      aria-valuemax={Math.max(0, length - 1)}
      aria-valuenow={here?.index ?? 0}
      aria-valuetext={here ? spoken(values[here.row * length + here.index], here) : `${length} numbers`}
      onPointerMove={(event) => point(at(event))}
      onPointerLeave={() => point(null)}
      onBlur={() => point(null)}
      onClick={(event) => props.onPick?.(at(event))}
      onKeyDown={keys}
    >
      <canvas ref={canvas} />
      {current !== null && rows > 1 && (
        <span class="attrium-stripes-row" style={rowStyle(current, height_px, gap_px)} data-kind="current" />
      )}
      {litRow !== null && <span class="attrium-stripes-row" style={rowStyle(litRow, height_px, gap_px)} />}
      {lit !== null && (
        <span class="attrium-stripes-lit" style={{ left: `${left(lit)}px`, width: `${Math.max(2, stripe_px)}px` }} />
      )}
      {here && (
        <>
          <span
            class="attrium-stripes-here"
            style={{
              left: `${left(here.index)}px`,
              width: `${Math.max(2, stripe_px)}px`,
              top: `${here.row * (height_px + gap_px)}px`,
              height: `${height_px}px`,
            }}
          />
          <Tooltip x={left(here.index)} y={here.row * (height_px + gap_px) + height_px} within={width_px}>
            {props.tell(here.row, here.index)}
          </Tooltip>
        </>
      )}
    </div>
  );
}

function rowStyle(row: number, height_px: number, gap_px: number) {
  return { top: `${row * (height_px + gap_px)}px`, height: `${height_px}px` };
}

function clamp(at: number, count: number): number {
  return Math.min(count - 1, Math.max(0, at));
}

function spoken(value: number | undefined, { row, index }: { row: number; index: number }): string {
  return `row ${row + 1}, number ${index}: ${value ?? "unknown"}`;
}
