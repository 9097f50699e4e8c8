/** The cells of the logit lens on a canvas: one rectangle with a word or a number each. */
import { spokenText, toCss } from "../../lib";
import type { Drawn } from "./lens-cells";
import { ROW_PX } from "./lens-data";

/** Draws one cell; `comes` puts a dot in its corner. Words stand left, numbers right. */
export function paintCell(
  context: CanvasRenderingContext2D,
  { text, color, ink }: Drawn,
  left: number,
  top: number,
  width_px: number,
  comes: boolean,
  words: boolean,
): void {
  context.fillStyle = toCss(color);
  context.fillRect(left + 0.5, top + 0.5, width_px - 1, ROW_PX - 1);
  context.fillStyle = toCss(ink);
  context.textAlign = words ? "left" : "right";
  const shown = fitted(context, words ? spokenText(text) : text, width_px - 12);
  context.fillText(shown, words ? left + 6 : left + width_px - 6, top + ROW_PX / 2 + 1);
  if (!comes) return;
  context.beginPath();
  context.arc(left + width_px - 5, top + 5.5, 2, 0, 2 * Math.PI);
  context.fill();
}

/** The text, or as much of it as there is room for and an ellipsis. */
function fitted(context: CanvasRenderingContext2D, text: string, room_px: number): string {
  if (context.measureText(text).width <= room_px) return text;
  let kept = [...text];
  while (kept.length > 1 && context.measureText(`${kept.join("")}\u2026`).width > room_px) kept = kept.slice(0, -1);
  return `${kept.join("")}\u2026`;
}
