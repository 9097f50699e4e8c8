/** Which part of the picture is in the window. */
import type { Box } from "../../../lib";

/** A point of the picture is at `scale * point + offset` in the window. */
export interface Camera {
  x: number;
  y: number;
  scale: number;
}

export interface Window {
  width: number;
  height: number;
}

export const CLOSEST = 2;
const MARGIN = 6;
/** A small picture is not blown up to more than this. */
export const LARGEST_FIT = 1.15;
/** A picture that would become smaller than this is not shown whole: its text could not be read. */
const WHOLE_FROM = 0.8;
/** It is not made smaller than this for its width alone. */
export const READABLE = 0.6;

/** The whole picture. */
export function fitted(bounds: Box, window: Window): Camera {
  const [width, height] = [window.width - 2 * MARGIN, window.height - 2 * MARGIN];
  const scale = Math.max(0.02, Math.min(LARGEST_FIT, width / bounds.width, height / bounds.height));
  return centred(bounds, window, scale);
}

/** What is seen first: the whole width where that can be read, from the top. */
export function opening(bounds: Box, window: Window): Camera {
  const whole = fitted(bounds, window);
  if (whole.scale >= WHOLE_FROM) return whole;
  const scale = Math.max(READABLE, Math.min(1, (window.width - 2 * MARGIN) / bounds.width));
  return { ...centred(bounds, window, scale), y: MARGIN - bounds.y * scale };
}

function centred(bounds: Box, window: Window, scale: number): Camera {
  const left = (window.width - bounds.width * scale) / 2 - bounds.x * scale;
  const top = Math.max(MARGIN, (window.height - bounds.height * scale) / 2) - bounds.y * scale;
  return { x: left, y: top, scale };
}

/** Zoomed around a point of the window. */
export function zoomed(camera: Camera, factor: number, [x, y]: readonly [number, number], least: number): Camera {
  const scale = Math.min(CLOSEST, Math.max(least, camera.scale * factor));
  const by = scale / camera.scale;
  return { scale, x: x - (x - camera.x) * by, y: y - (y - camera.y) * by };
}

/** Moved, with a good part of the picture always in sight. */
export function moved(camera: Camera, dx: number, dy: number, bounds: Box, window: Window): Camera {
  return kept({ ...camera, x: camera.x + dx, y: camera.y + dy }, bounds, window);
}

export function kept(camera: Camera, bounds: Box, window: Window): Camera {
  const { scale } = camera;
  const hold = (offset: number, from: number, size: number, room: number) => {
    const least = Math.min(room * 0.5, size * scale * 0.75);
    return Math.min(room - least - from * scale, Math.max(least - (from + size) * scale, offset));
  };
  return {
    scale,
    x: hold(camera.x, bounds.x, bounds.width, window.width),
    y: hold(camera.y, bounds.y, bounds.height, window.height),
  };
}

/** Where a card can be read. */
const READING = 0.8;

/** Moved as little as brings a box into sight; from where nothing can be read, also closer. */
export function showing(camera: Camera, box: Box, window: Window): Camera {
  if (camera.scale < 0.5) {
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    return { scale: READING, x: window.width / 2 - x * READING, y: window.height / 2 - y * READING };
  }
  const { scale } = camera;
  const shift = (offset: number, from: number, size: number, room: number) => {
    const [low, high] = [from * scale + offset, (from + size) * scale + offset];
    const air = Math.min(28, Math.max(0, (room - size * scale) / 2));
    if (low < air) return offset + air - low;
    if (high > room - air) return Math.max(offset + room - air - high, offset + air - low);
    return offset;
  };
  return {
    scale,
    x: shift(camera.x, box.x, box.width, window.width),
    y: shift(camera.y, box.y, box.height, window.height),
  };
}

export function toPicture({ x, y, scale }: Camera, [px, py]: readonly [number, number]): [number, number] {
  return [(px - x) / scale, (py - y) / scale];
}

/** Whether a box of the picture can be seen. */
export function inSight({ x, y, scale }: Camera, box: Box, window: Window): boolean {
  const [left, top] = [box.x * scale + x, box.y * scale + y];
  return left < window.width && top < window.height && left + box.width * scale > 0 && top + box.height * scale > 0;
}
