/** The card's place: a corner, or wherever the reader dragged it. */
import { useRef, useState } from "preact/hooks";
import {
  bestCorner,
  type Box,
  type Corner,
  cornerBy,
  inside,
  nearCorner,
  type Size,
  type Spot,
  spotOf,
} from "./tour-place";

interface Dragged {
  spot: Spot;
  corner: Corner;
  onPointerDown(event: PointerEvent): void;
  onKey(key: string): void;
}

/**
 * Where the card lies in its frame.
 *
 * It stays in its corner as long as it covers nothing lit, and where the reader put it.
 *
 * @param frame - what can be seen.
 * @param card - size of the card.
 * @param lit - what it should not cover.
 */
export function useDragged(frame: Size, card: Size, lit: readonly Box[]): Dragged {
  const corner = useRef<Corner>("bottom-right");
  const [free, setFree] = useState<Spot | null>(null);
  const [, redraw] = useState(0);
  const chosen = useRef(false);
  if (!chosen.current && free === null) corner.current = bestCorner(corner.current, frame, card, lit);
  const spot = free ? inside(free, frame, card) : spotOf(corner.current, frame, card);
  const settle = (at: Corner) => {
    corner.current = at;
    chosen.current = true;
    setFree(null);
    redraw((n) => n + 1);
  };
  const onPointerDown = (event: PointerEvent) => {
    if (event.button !== 0 || isControl(event)) return;
    const handle = event.currentTarget as HTMLElement;
    const start = { x: event.clientX - spot.x, y: event.clientY - spot.y };
    const controller = new AbortController();
    const at = (move: PointerEvent) => inside({ x: move.clientX - start.x, y: move.clientY - start.y }, frame, card);
    const options = { signal: controller.signal };
    handle.setPointerCapture?.(event.pointerId);
    handle.addEventListener("pointermove", (move) => setFree(at(move)), options);
    const end = (up: PointerEvent) => {
      controller.abort();
      const near = nearCorner(at(up), frame, card);
      if (near) settle(near);
      else setFree(at(up));
    };
    handle.addEventListener("pointerup", end, options);
    handle.addEventListener("pointercancel", () => controller.abort(), options);
    event.preventDefault();
  };
  return { spot, corner: corner.current, onPointerDown, onKey: (key) => settle(cornerBy(corner.current, key)) };
}

function isControl(event: PointerEvent): boolean {
  return event.target instanceof Element && event.target.closest("button:not(.attrium-tour-grip), select") !== null;
}
