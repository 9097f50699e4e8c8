/** The camera, how it is moved, and one drawing per frame however many moves there were. */
import { useEffect, useMemo, useRef } from "preact/hooks";
import { type Camera, fitted, kept, moved, opening, showing, type Window, zoomed } from "./camera";
import type { Layout } from "./layout";
import type { Box } from "../../../lib";

export interface CameraControl {
  now: Camera;
  /** Whether the reader moved it since the program was opened. */
  moved: boolean;
  pan(dx: number, dy: number): void;
  zoom(factor: number, at?: readonly [number, number]): void;
  fit(): void;
  show(box: Box): void;
  redraw(): void;
}

const LEAST_OF_FITTED = 0.6;

export function useCamera(
  layout: Layout | null,
  window: Window,
  draw: (control: CameraControl) => void,
): CameraControl {
  const latest = useRef({ layout, window, draw });
  latest.current = { layout, window, draw };
  const frame = useRef(0);
  const control = useMemo((): CameraControl => {
    const bounds = () => latest.current.layout?.bounds ?? { x: 0, y: 0, width: 1, height: 1 };
    const least = () => Math.min(0.5, fitted(bounds(), latest.current.window).scale * LEAST_OF_FITTED);
    const move = (camera: Camera) => {
      made.now = camera;
      made.redraw();
    };
    const made: CameraControl = {
      now: { x: 0, y: 0, scale: 1 },
      moved: false,
      pan: (dx, dy) => {
        made.moved = true;
        move(moved(made.now, dx, dy, bounds(), latest.current.window));
      },
      zoom: (factor, at) => {
        made.moved = true;
        const { window } = latest.current;
        const around = at ?? ([window.width / 2, window.height / 2] as const);
        move(kept(zoomed(made.now, factor, around, least()), bounds(), window));
      },
      fit: () => move(fitted(bounds(), latest.current.window)),
      show: (box) => move(showing(made.now, box, latest.current.window)),
      redraw: () => {
        if (frame.current !== 0) return;
        frame.current = requestAnimationFrame(() => {
          frame.current = 0;
          latest.current.draw(made);
        });
      },
    };
    return made;
  }, []);
  useEffect(() => () => cancelAnimationFrame(frame.current), []);
  useOpening(control, layout, window);
  return control;
}

/** Another program or arrangement is seen from its start; an edited one from where the reader was. */
function useOpening(control: CameraControl, layout: Layout | null, window: Window): void {
  const seen = useRef<{ layout: Layout; width: number } | null>(null);
  if (!layout || window.width === 0) return;
  const last = seen.current;
  if (last?.layout === layout && last.width === window.width) return;
  const alike = last && last.width === window.width && stays(last.layout, layout);
  seen.current = { layout, width: window.width };
  if (alike && (control.moved || isAcross(control.now, layout, window))) {
    control.now = kept(control.now, layout.bounds, window);
    return;
  }
  control.moved = false;
  control.now = opening(layout.bounds, window);
}

/** Whether the picture's whole width is in sight. */
function isAcross({ x, scale }: Camera, { bounds }: Layout, { width }: Window): boolean {
  return bounds.x * scale + x >= 0 && (bounds.x + bounds.width) * scale + x <= width;
}

function stays(before: Layout, now: Layout): boolean {
  const known = [...now.boxes.keys()].filter((label) => before.boxes.has(label)).length;
  const sameKind = before.lanes.length > 0 === now.lanes.length > 0;
  return sameKind && known >= 0.6 * Math.max(now.boxes.size, before.boxes.size);
}
