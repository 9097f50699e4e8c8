/** Zoom and pan over a picture, as plain numbers. */

/** What part of a picture is in the window: magnification over "fits", and the picture point at the window's middle. */
export interface ViewBox {
  zoom: number;
  /** 0 to 1 across the picture. */
  x: number;
  y: number;
}

export const WHOLE: ViewBox = { zoom: 1, x: 0.5, y: 0.5 };
export const LARGEST_ZOOM = 32;

/** Keeps the window inside the picture. */
export function clampView({ zoom, x, y }: ViewBox): ViewBox {
  const clamped = Math.min(LARGEST_ZOOM, Math.max(1, zoom));
  const half = 0.5 / clamped;
  const inside = (at: number) => Math.min(1 - half, Math.max(half, at));
  return { zoom: clamped, x: inside(x), y: inside(y) };
}

/** Zooms by a factor so that the point under (u, v), 0 to 1 across the window, stays where it is. */
export function zoomAt(view: ViewBox, factor: number, u = 0.5, v = 0.5): ViewBox {
  const zoom = Math.min(LARGEST_ZOOM, Math.max(1, view.zoom * factor));
  const shift = (at: number, across: number) => at + (across - 0.5) * (1 / view.zoom - 1 / zoom);
  return clampView({ zoom, x: shift(view.x, u), y: shift(view.y, v) });
}

/** Moves by a share of the window. */
export function panBy(view: ViewBox, du: number, dv: number): ViewBox {
  return clampView({ ...view, x: view.x + du / view.zoom, y: view.y + dv / view.zoom });
}

/** The picture point (0 to 1) under a window point (0 to 1). */
export function toPicture(view: ViewBox, u: number, v: number): [x: number, y: number] {
  return [view.x + (u - 0.5) / view.zoom, view.y + (v - 0.5) / view.zoom];
}

/** Moves no more than needed so that a picture point is inside the window. */
export function showPoint(view: ViewBox, x: number, y: number): ViewBox {
  const half = 0.45 / view.zoom;
  const near = (at: number, middle: number) => Math.min(at + half, Math.max(at - half, middle));
  return clampView({ ...view, x: near(x, view.x), y: near(y, view.y) });
}

/** The visible cells of a picture of `length` cells along one axis, as a half-open range. */
export function visibleRange(middle: number, zoom: number, length: number): [start: number, stop: number] {
  const half = 0.5 / zoom;
  return [Math.max(0, Math.floor((middle - half) * length)), Math.min(length, Math.ceil((middle + half) * length))];
}

/**
 * The largest size, in CSS pixels, at which a picture fits in a window.
 *
 * An enlarged picture is scaled so that all its cells are equally many screen pixels, where that costs little size.
 */
export function fitSize(
  height: number,
  width: number,
  maxHeight: number,
  maxWidth: number,
  pixelRatio = 1,
): [height: number, width: number] {
  if (height <= 0 || width <= 0) return [0, 0];
  const scale = Math.min(maxHeight / height, maxWidth / width);
  const even = Math.floor(scale * pixelRatio) / pixelRatio;
  const chosen = even >= 1 && even > 0.9 * scale ? even : scale;
  return [Math.max(1, height * chosen), Math.max(1, width * chosen)];
}
