/** The lines on their canvas. */
import { prepared, type Range, toCss } from "../../lib";
import { type ArcLine, lineOpacity, lineWidth, ROW_PX } from "./arcs-lines";

/** What the lines show now, for export. */
export interface ArcsPicture {
  lines: readonly ArcLine[];
  queries: Range;
  keys: Range;
  top_px: number;
  window_px: number;
  width_px: number;
  label_px: number;
}

/** Where a line begins and ends on the canvas. */
export function lineEnds({ query, key }: ArcLine, { top_px, width_px, label_px }: Omit<ArcsPicture, "lines">) {
  return {
    x0: label_px,
    y0: (query + 0.5) * ROW_PX - top_px,
    x1: width_px - label_px,
    y1: (key + 0.5) * ROW_PX - top_px,
  };
}

const OUT_OF_SIGHT = 0.35;

/** Keys beyond one edge that lines lead to: how many, and the one with the strongest line. */
export interface KeysBeyond {
  count: number;
  strongest: number;
}

/** The keys that lines lead to beyond the upper and the lower edge; null for none. */
export function keysBeyond(picture: ArcsPicture): { above: KeysBeyond | null; below: KeysBeyond | null } {
  const ends = picture.lines.map((line) => ({ line, y1: lineEnds(line, picture).y1 }));
  const found = (lines: ArcLine[]): KeysBeyond | null => {
    const [first, ...others] = lines;
    if (!first) return null;
    const best = others.reduce((strong, line) => (line.share > strong.share ? line : strong), first);
    return { count: new Set(lines.map(({ key }) => key)).size, strongest: best.key };
  };
  return {
    above: found(ends.filter(({ y1 }) => y1 < 0).map(({ line }) => line)),
    below: found(ends.filter(({ y1 }) => y1 > picture.window_px).map(({ line }) => line)),
  };
}

/** Draws the lines in sight. */
export function drawLines(canvas: HTMLCanvasElement | null, picture: ArcsPicture): void {
  if (!canvas) return;
  const { width_px, window_px } = picture;
  canvas.style.width = `${width_px}px`;
  canvas.style.height = `${window_px}px`;
  const context = prepared(canvas, width_px, window_px, globalThis.devicePixelRatio || 1);
  if (!context) return;
  for (const line of picture.lines) {
    const { x0, y0, x1, y1 } = lineEnds(line, picture);
    const bend = (x1 - x0) * 0.45;
    // Where a line leads out of sight there are often many: quieter, so that those in sight stand out.
    const quiet = y1 < 0 || y1 > window_px ? OUT_OF_SIGHT : 1;
    context.strokeStyle = toCss(line.color, quiet * lineOpacity(line.share));
    context.lineWidth = lineWidth(line.share);
    context.beginPath();
    context.moveTo(x0, y0);
    context.bezierCurveTo(x0 + bend, y0, x1 - bend, y1, x1, y1);
    context.stroke();
  }
}
