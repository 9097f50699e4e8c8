import type { Signal } from "@preact/signals";
import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { type Cell, type Rectangle, spanning } from "./rectangle";
import { panBy, toPicture, type ViewBox, WHOLE, zoomAt } from "./view-box";

interface PointerTarget {
  view: Signal<ViewBox>;
  selecting: Signal<boolean>;
  /** The rectangle while it is being drawn. */
  draft: Signal<Rectangle | null>;
  shape: [height: number, width: number];
  point(cell: Cell | null): void;
  onSelection(selection: Rectangle): void;
  /** The wheel turned and was left to the page. */
  onIdleWheel(): void;
}

/**
 * Mouse, pen and touch on the stage: hover reads, drag pans or (with Shift or the tool) selects, two fingers or the
 * wheel zoom, a double click shows all.
 *
 * The plain wheel zooms only while the stage has the focus or is zoomed, so that a page can be scrolled past it.
 */
export function usePointer(stage: RefObject<HTMLElement>, target: PointerTarget): void {
  const latest = useRef(target);
  latest.current = target;
  useEffect(() => {
    if (!stage.current) return undefined;
    const controller = new AbortController();
    attachPointer(stage.current, () => latest.current, controller.signal);
    return () => controller.abort();
  }, []);
}

type Gesture = { kind: "pan" } | { kind: "select"; from: Cell } | { kind: "pinch"; distance: number };

function attachPointer(stage: HTMLElement, target: () => PointerTarget, signal: AbortSignal): void {
  const pointers = new Map<number, PointerEvent>();
  let gesture: Gesture | null = null;

  const place = (event: MouseEvent): [u: number, v: number] => {
    const box = stage.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };
  const cellAt = (event: MouseEvent): Cell => {
    const { view, shape } = target();
    const [x, y] = toPicture(view.value, ...place(event));
    const inside = (at: number, length: number) => Math.min(length - 1, Math.max(0, Math.floor(at * length)));
    return [inside(y, shape[0]), inside(x, shape[1])];
  };
  const pinchDistance = () => {
    const [one, other] = [...pointers.values()];
    return one && other ? Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY) : 0;
  };

  const down = (event: PointerEvent) => {
    if (event.button !== 0) return;
    pointers.set(event.pointerId, event);
    stage.setPointerCapture(event.pointerId);
    if (pointers.size === 2) gesture = { kind: "pinch", distance: pinchDistance() };
    else if (event.shiftKey || target().selecting.value) gesture = { kind: "select", from: cellAt(event) };
    else gesture = { kind: "pan" };
  };
  const move = (event: PointerEvent) => {
    const before = pointers.get(event.pointerId);
    if (before) pointers.set(event.pointerId, event);
    const { view, draft, point } = target();
    if (gesture?.kind === "select") draft.value = spanning(gesture.from, cellAt(event));
    if (gesture?.kind === "pan" && before) {
      const [u, v] = place(event);
      const [fromU, fromV] = place(before);
      view.value = panBy(view.value, fromU - u, fromV - v);
    }
    if (gesture?.kind === "pinch") {
      const distance = pinchDistance();
      view.value = zoomAt(view.value, distance / (gesture.distance || distance || 1), ...place(event));
      gesture.distance = distance;
    }
    point(cellAt(event));
  };
  const up = (event: PointerEvent) => {
    pointers.delete(event.pointerId);
    if (gesture?.kind === "select" && event.type === "pointerup") {
      const { draft, onSelection } = target();
      if (draft.value) onSelection(draft.value);
      draft.value = null;
    }
    gesture = null;
  };
  const wheel = (event: WheelEvent) => {
    const { view } = target();
    const meant = event.ctrlKey || event.metaKey || stage.contains(stage.ownerDocument.activeElement);
    if (!meant && view.value.zoom === 1) {
      target().onIdleWheel();
      return;
    }
    event.preventDefault();
    // Pinches come as wheel events with Ctrl and small steps.
    const speed = event.ctrlKey ? 0.01 : 0.002;
    view.value = zoomAt(view.value, Math.exp(-event.deltaY * speed), ...place(event));
  };

  const options = { signal };
  stage.addEventListener("pointerdown", down, options);
  stage.addEventListener("pointermove", move, options);
  stage.addEventListener("pointerup", up, options);
  stage.addEventListener("pointercancel", up, options);
  stage.addEventListener("pointerleave", () => gesture === null && target().point(null), options);
  stage.addEventListener("wheel", wheel, { signal, passive: false });
  stage.addEventListener(
    "dblclick",
    () => {
      target().view.value = WHOLE;
    },
    options,
  );
}
