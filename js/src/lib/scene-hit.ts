/** What lies under the pointer in a scene. */
import { type Box, type Line, type Mark, ribbonAt, type Scene } from "./scene";

export interface Hit<About> {
  mark: Mark<About>;
  about: About;
  /** Of cells and bars: which row and column. */
  row: number;
  column: number;
}

/** How near a thin mark must be, in pixels. */
const NEAR = 3;

/** The frontmost mark under a point that is about something, or null. */
export function hitTest<About>(scene: Scene<About>, x: number, y: number): Hit<About> | null {
  for (let depth = scene.layers.length - 1; depth >= 0; depth--) {
    const layer = scene.layers[depth];
    if (!layer || (layer.clip && !inside(layer.clip, x, y))) continue;
    for (let at = layer.marks.length - 1; at >= 0; at--) {
      const mark = layer.marks[at];
      if (mark?.about === undefined || !covers(mark, x, y)) continue;
      return { mark, about: mark.about, ...cellOf(mark, x, y) };
    }
  }
  return null;
}

function covers(mark: Mark, x: number, y: number): boolean {
  switch (mark.kind) {
    case "bar":
      // A bar of a few pixels is still to be hit.
      return inside({ ...mark, x: mark.x - NEAR, width: mark.width + 2 * NEAR }, x, y);
    case "cells":
    case "card":
      return inside(mark, x, y);
    case "ribbon": {
      if (x < mark.from.x || x > mark.to.x) return false;
      const { y: middle, width } = ribbonAt(mark, x);
      return Math.abs(y - middle) <= Math.max(width / 2, NEAR);
    }
    case "line":
      return nearLine(mark, x, y);
    case "text": {
      const wide = mark.text.length * mark.size * 0.6;
      const left = mark.align === "start" ? mark.x : mark.align === "end" ? mark.x - wide : mark.x - wide / 2;
      if (mark.turn) return Math.abs(x - mark.x) <= mark.size / 2 && y <= mark.y && y >= mark.y - wide;
      return inside({ x: left, y: mark.y - mark.size * 0.75, width: wide, height: mark.size * 1.5 }, x, y);
    }
    case "dot":
      return Math.hypot(x - mark.x, y - mark.y) <= Math.max(mark.radius, NEAR) + 1;
  }
}

function cellOf(mark: Mark, x: number, y: number): { row: number; column: number } {
  if (mark.kind !== "bar" && mark.kind !== "cells") return { row: 0, column: 0 };
  const [rows, columns] = mark.kind === "bar" ? [mark.colors.length, 1] : [mark.rows, mark.columns];
  const step = (offset: number, size: number, count: number) =>
    Math.min(count - 1, Math.max(0, Math.floor((offset / size) * count)));
  return { row: step(y - mark.y, mark.height, rows), column: step(x - mark.x, mark.width, columns) };
}

function inside(box: Box, x: number, y: number): boolean {
  return x >= box.x && x <= box.x + box.width && y >= box.y && y <= box.y + box.height;
}

function nearLine({ points, width }: Line, x: number, y: number): boolean {
  return points.some((to, at) => {
    const from = points[at - 1];
    if (!from) return false;
    const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
    const share = Math.min(1, Math.max(0, ((x - from[0]) * dx + (y - from[1]) * dy) / (dx * dx + dy * dy || 1)));
    return Math.hypot(x - from[0] - share * dx, y - from[1] - share * dy) <= Math.max(NEAR, width / 2);
  });
}
