/** Dragging, pinching, wheel and clicks on the stage. */
import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Explorer, Place } from "../explorer";
import { toPicture } from "./camera";
import type { Picture } from "./picture";
import { placeAt } from "./place-at";
import type { CameraControl } from "./use-camera";

/** How far a press may wander and still be a click. */
const CLICK_PX = 4;

type At = readonly [x: number, y: number];

/** Handlers for the stage; positions are of its own corner. */
export function useStagePointer(
  stage: RefObject<HTMLElement>,
  explorer: Explorer,
  picture: Picture | null,
  camera: CameraControl,
) {
  const pressed = useRef(new Map<number, At>());
  const travelled = useRef(0);
  useWheel(stage, camera);
  const at = (event: PointerEvent | MouseEvent): At => {
    const box = stage.current?.getBoundingClientRect();
    return [event.clientX - (box?.left ?? 0), event.clientY - (box?.top ?? 0)];
  };
  const under = (event: PointerEvent | MouseEvent): Place | null =>
    picture && placeAt(picture, toPicture(camera.now, at(event)));
  return {
    onPointerDown: (event: PointerEvent) => {
      if (event.button > 0) return;
      if (pressed.current.size === 0) travelled.current = 0;
      pressed.current.set(event.pointerId, at(event));
      stage.current?.setPointerCapture(event.pointerId);
    },
    onPointerMove: (event: PointerEvent) => {
      const before = pressed.current.get(event.pointerId);
      if (!before) {
        explorer.point(under(event));
        return;
      }
      const now = at(event);
      const [dx, dy] = [now[0] - before[0], now[1] - before[1]];
      travelled.current += Math.abs(dx) + Math.abs(dy);
      if (travelled.current <= CLICK_PX && pressed.current.size === 1) return;
      const other = [...pressed.current].find(([id]) => id !== event.pointerId)?.[1];
      if (other) camera.zoom(distance(now, other) / (distance(before, other) || 1), middle(now, other));
      camera.pan(other ? dx / 2 : dx, other ? dy / 2 : dy);
      pressed.current.set(event.pointerId, now);
    },
    onPointerUp: (event: PointerEvent) => {
      const was = pressed.current.delete(event.pointerId);
      if (!was || pressed.current.size > 0 || travelled.current > CLICK_PX) return;
      act(explorer, under(event));
    },
    onPointerCancel: (event: PointerEvent) => {
      pressed.current.delete(event.pointerId);
    },
    onPointerLeave: () => explorer.point(null),
    onDblClick: (event: MouseEvent) => {
      const place = under(event);
      if (!place) camera.fit();
      else explorer.store.set("focus", explorer.store.get("focus") === place.node ? "" : place.node);
    },
  };
}

/** What a click does: selects the node, and pins the value or the cell. */
function act(explorer: Explorer, place: Place | null): void {
  if (!place) {
    explorer.choose("");
    return;
  }
  if (place.cell) {
    explorer.pinCell(place.node, place.cell[0], place.cell[1]);
    return;
  }
  explorer.choose(place.node);
  if (place.position >= 0) explorer.pin(place.position);
}

function distance([x0, y0]: At, [x1, y1]: At): number {
  return Math.hypot(x1 - x0, y1 - y0);
}

function middle([x0, y0]: At, [x1, y1]: At): At {
  return [(x0 + x1) / 2, (y0 + y1) / 2];
}

/** The wheel scrolls the page until the reader is in the picture, by a click or Tab; with Ctrl it always zooms. */
function useWheel(stage: RefObject<HTMLElement>, camera: CameraControl): void {
  useEffect(() => {
    const element = stage.current;
    if (!element) return undefined;
    const turn = (event: WheelEvent) => {
      const zooms = event.ctrlKey || event.metaKey;
      if (!zooms && !element.contains(element.ownerDocument.activeElement)) return;
      event.preventDefault();
      const line = event.deltaMode === 1 ? 16 : 1;
      const box = element.getBoundingClientRect();
      if (zooms) {
        const by = Math.exp(-Math.max(-60, Math.min(60, event.deltaY * line)) * 0.006);
        camera.zoom(by, [event.clientX - box.left, event.clientY - box.top]);
      } else if (event.shiftKey) camera.pan(-(event.deltaX || event.deltaY) * line, 0);
      else camera.pan(-event.deltaX * line, -event.deltaY * line);
    };
    element.addEventListener("wheel", turn, { passive: false });
    return () => element.removeEventListener("wheel", turn);
  }, [camera]);
}
