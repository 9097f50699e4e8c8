import type { Signal } from "@preact/signals";
import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Gutter } from "./matrix-canvas";
import { cellAt, type MatrixWindow, panWindow, type Plot, WHOLE_MATRIX, zoomWindow } from "./matrix-window";
import type { Selecting } from "./token-selection";

interface PointerTarget {
  plot: Plot;
  gutter: Gutter;
  view: Signal<MatrixWindow>;
  point(cell: readonly [number, number] | null): void;
  pick(row: number, column: number): void;
  pickRow(row: number, how: Selecting): void;
}

/** So many pixels of movement make a press a drag. */
const SLACK_PX = 4;

/**
 * Mouse, pen and touch on a matrix: hover reads, a click chooses the cell or (on its label) the row, drag pans, two
 * fingers or the wheel zoom, a double click shows all.
 *
 * The plain wheel zooms only while the matrix has the focus, so that a page can be scrolled past it.
 */
export function useMatrixPointer(stage: RefObject<HTMLElement>, target: PointerTarget): void {
  const latest = useRef(target);
  latest.current = target;
  useEffect(() => {
    if (!stage.current) return undefined;
    const controller = new AbortController();
    attach(stage.current, () => latest.current, controller.signal);
    return () => controller.abort();
  }, []);
}

/** How a click selects: alone, with Ctrl in or out, with Shift from the last one on. */
export function selectingBy(event: MouseEvent | KeyboardEvent): Selecting {
  if (event.shiftKey) return "extend";
  return event.ctrlKey || event.metaKey ? "toggle" : "only";
}

interface Press {
  x: number;
  y: number;
  moved: boolean;
}

function attach(stage: HTMLElement, target: () => PointerTarget, signal: AbortSignal): void {
  const pointers = new Map<number, PointerEvent>();
  let press: Press | null = null;
  let spread_px = 0;

  /** In the plot's own pixels. */
  const place = (event: MouseEvent): [x: number, y: number] => {
    const box = stage.getBoundingClientRect();
    const { gutter } = target();
    return [event.clientX - box.left - gutter.left, event.clientY - box.top - gutter.top];
  };
  const cell = (event: MouseEvent) => {
    const { plot, view } = target();
    return cellAt(plot, view.value, ...place(event));
  };
  const spread = () => {
    const [one, other] = [...pointers.values()];
    return one && other ? Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY) : 0;
  };
  const down = (event: PointerEvent) => {
    if (event.button !== 0) return;
    pointers.set(event.pointerId, event);
    stage.setPointerCapture?.(event.pointerId);
    press = { x: event.clientX, y: event.clientY, moved: pointers.size > 1 };
    spread_px = spread();
  };
  const move = (event: PointerEvent) => {
    const before = pointers.get(event.pointerId);
    const { plot, view, point } = target();
    if (before && press) {
      pointers.set(event.pointerId, event);
      if (pointers.size === 2) {
        const now = spread();
        view.value = zoomWindow(plot, view.value, now / (spread_px || now || 1), ...place(event));
        spread_px = now;
      } else {
        press.moved ||= Math.hypot(event.clientX - press.x, event.clientY - press.y) > SLACK_PX;
        if (press.moved) {
          view.value = panWindow(plot, view.value, event.clientX - before.clientX, event.clientY - before.clientY);
        }
      }
    }
    point(cell(event));
  };
  const up = (event: PointerEvent) => {
    pointers.delete(event.pointerId);
    if (press && !press.moved && event.type === "pointerup") choose(event);
    if (pointers.size === 0) press = null;
  };
  const choose = (event: PointerEvent) => {
    const { plot, view, pick, pickRow } = target();
    const at = cell(event);
    if (at) {
      pick(...at);
      return;
    }
    const [x, y] = place(event);
    const row = x < 0 ? cellAt(plot, view.value, 0, y) : null;
    if (row) pickRow(row[0], selectingBy(event));
  };
  const wheel = (event: WheelEvent) => {
    const { plot, view } = target();
    const pinch = event.ctrlKey || event.metaKey;
    if (!pinch && !stage.contains(stage.ownerDocument.activeElement)) return;
    event.preventDefault();
    // Pinches come as wheel events with Ctrl and small steps.
    view.value = zoomWindow(plot, view.value, Math.exp(-event.deltaY * (pinch ? 0.01 : 0.002)), ...place(event));
  };
  const whole = () => {
    target().view.value = WHOLE_MATRIX;
  };
  const options = { signal };
  stage.addEventListener("pointerdown", down, options);
  stage.addEventListener("pointermove", move, options);
  stage.addEventListener("pointerup", up, options);
  stage.addEventListener("pointercancel", up, options);
  stage.addEventListener("pointerleave", () => press === null && target().point(null), options);
  stage.addEventListener("wheel", wheel, { signal, passive: false });
  stage.addEventListener("dblclick", whole, options);
}
