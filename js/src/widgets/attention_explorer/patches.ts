/** A picture's patches as positions, and their drawing. */
import { type Frame, type Inks, isHidden, type Theme, toCss } from "../../lib";
import { SIGN_HUES } from "./arcs-lines";

export interface PatchGrid {
  rows: number;
  columns: number;
  /** Special tokens before the patches. */
  prefix: number;
}

/** The position of the patch at a share (0 to 1) of the picture's width and height; null beside it. */
export function patchAt({ rows, columns, prefix }: PatchGrid, u: number, v: number): number | null {
  if (u < 0 || v < 0 || u >= 1 || v >= 1) return null;
  return prefix + Math.floor(v * rows) * columns + Math.floor(u * columns);
}

/** Row and column of a position; null for a special token. */
export function placeOf({ rows, columns, prefix }: PatchGrid, position: number): [row: number, column: number] | null {
  const patch = position - prefix;
  return patch < 0 || patch >= rows * columns ? null : [Math.floor(patch / columns), patch % columns];
}

/** The position that arrows lead to from a patch: its neighbour, within the picture. */
export function stepPatch(grid: PatchGrid, position: number, down: number, across: number): number {
  const at = placeOf(grid, position);
  if (!at) return grid.prefix;
  const inside = (index: number, count: number) => Math.min(count - 1, Math.max(0, index));
  return grid.prefix + inside(at[0] + down, grid.rows) * grid.columns + inside(at[1] + across, grid.columns);
}

/** The largest magnitude among the patches of a row of weights. */
export function strongestPatch({ rows, columns, prefix }: PatchGrid, row: ArrayLike<number>): number {
  let most = 0;
  for (let at = prefix; at < prefix + rows * columns; at++) {
    const size = Math.abs(row[at] ?? 0);
    if (!isHidden(size) && size > most) most = size;
  }
  return most;
}

export interface PatchScene {
  grid: PatchGrid;
  /** The picture, one pixel each. */
  picture: CanvasImageSource;
  width_px: number;
  height_px: number;
  /** Weights by position, special tokens included; null while they are under way. */
  row: ArrayLike<number> | null;
  signed: boolean;
  query: number | null;
  pointed: number | null;
  inks: Inks;
  theme: Theme;
}

/** A scene and the canvas that shows it. */
export interface DrawnPatches {
  scene: PatchScene;
  canvas: HTMLCanvasElement;
}

/** How much of the paper lies over what gets none of the attention. */
const VEIL = 0.86;

/** The picture under its weights: what gets little fades into the paper; values with signs are red and blue over grey. */
export function drawPatches(context: CanvasRenderingContext2D, scene: PatchScene): void {
  const { grid, picture, width_px, height_px, row, signed, inks, theme } = scene;
  const [width, height] = [width_px / grid.columns, height_px / grid.rows];
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = "high";
  if (signed) context.filter = "grayscale(1) opacity(0.45)";
  context.drawImage(picture, 0, 0, width_px, height_px);
  context.filter = "none";
  const most = row ? strongestPatch(grid, row) : 0;
  for (let at = 0; row && at < grid.rows * grid.columns; at++) {
    const value = row[grid.prefix + at] ?? Number.NaN;
    const share = isHidden(value) || most === 0 ? 0 : Math.abs(value) / most;
    if (signed) context.fillStyle = toCss(value < 0 ? SIGN_HUES[theme].minus : SIGN_HUES[theme].plus, 0.85 * share);
    else context.fillStyle = inks.paper;
    context.globalAlpha = signed ? 1 : VEIL * (1 - share ** 0.6);
    const [y, x] = [Math.floor(at / grid.columns) * height, (at % grid.columns) * width];
    // Whole pixels, or seams would show.
    const [left, top] = [Math.round(x), Math.round(y)];
    context.fillRect(left, top, Math.round(x + width) - left, Math.round(y + height) - top);
  }
  context.globalAlpha = 1;
  gridLines(context, scene, width, height);
  for (const [position, color] of [
    [scene.pointed, inks.ink],
    [scene.query, inks.accent],
  ] as const) {
    const place = position === null ? null : placeOf(grid, position);
    if (place) outline(context, place[1] * width, place[0] * height, width, height, color, inks.paper);
  }
}

function gridLines(
  context: CanvasRenderingContext2D,
  { grid, width_px, height_px }: PatchScene,
  width: number,
  height: number,
): void {
  if (Math.min(width, height) < 5) return;
  context.fillStyle = "rgb(128 134 150 / 0.22)";
  for (let column = 1; column < grid.columns; column++) context.fillRect(Math.round(column * width), 0, 1, height_px);
  for (let row = 1; row < grid.rows; row++) context.fillRect(0, Math.round(row * height), width_px, 1);
}

function outline(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  width: number,
  height: number,
  color: string,
  halo: string,
): void {
  for (const [line, stroke] of [
    [5, halo],
    [2.5, color],
  ] as const) {
    context.lineWidth = line;
    context.strokeStyle = stroke;
    context.strokeRect(x + 1, y + 1, width - 2, height - 2);
  }
}

/** Whether a frame is a picture of three colours. */
export function isPicture(frame: Frame | null): frame is Frame {
  return frame !== null && frame.shape.length >= 2 && frame.stored.length > 0;
}
