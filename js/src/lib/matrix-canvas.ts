/** Drawing a matrix: cells from bitmaps on one canvas; labels, cross hair and marks on another above it. */
import type { Range } from "./channel";
import type { Frame } from "./frame";
import { type Domain, type Inks, paintCells } from "./matrix-colors";
import { type Box, boxOf, cellSize, type MatrixWindow, type Plot } from "./matrix-window";
import { shapeOf } from "./tiles";
import { type AxisLabels, axisLabels, elide, type Labels } from "./token-axis";

/** A painted frame, kept to be drawn at any size; its canvas is used again for the next frame. */
export class CellBitmap {
  readonly canvas: HTMLCanvasElement;
  #painted: readonly unknown[] = [];

  constructor(document: Document) {
    this.canvas = document.createElement("canvas");
  }

  /** Paints a frame unless it is what the bitmap shows. */
  paint(frame: Frame, domain: Domain, table: Uint32Array): void {
    const what = [frame, domain.low, domain.high, table];
    if (what.every((part, at) => part === this.#painted[at])) return;
    this.#painted = what;
    const [height, width] = shapeOf(frame);
    if (height === 0 || width === 0) return;
    this.canvas.width = width;
    this.canvas.height = height;
    const context = this.canvas.getContext("2d");
    if (!context) return;
    const image = context.createImageData(width, height);
    paintCells(frame, domain, table, new Uint32Array(image.data.buffer));
    context.putImageData(image, 0, 0);
  }
}

/** A bitmap and the cells that it covers. */
export interface Layer {
  bitmap: CellBitmap;
  rows: Range;
  columns: Range;
}

/** Room for labels beside and above the plot. */
export interface Gutter {
  left: number;
  top: number;
}

export interface MatrixScene {
  plot: Plot;
  view: MatrixWindow;
  gutter: Gutter;
  inks: Inks;
  /** Coarse first. */
  layers: readonly Layer[];
  rows: Labels;
  columns: Labels;
  pointed: readonly [row: number, column: number] | null;
  pinned: readonly [row: number, column: number] | null;
  /** Rows that are selected, ascending. */
  selected: readonly number[];
}

export const LINE_PX = 12;
export const LABEL_FONT_PX = 11;
const GAP_FROM_PX = 7;
const HATCH_PX = 6;

/** Gives a canvas the screen's resolution, and a context in CSS pixels; null where there is nothing to draw on. */
export function prepared(
  canvas: HTMLCanvasElement,
  width_px: number,
  height_px: number,
  pixelRatio: number,
): CanvasRenderingContext2D | null {
  const [width, height] = [Math.ceil(width_px * pixelRatio), Math.ceil(height_px * pixelRatio)];
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const context = canvas.getContext("2d");
  if (!context) return null;
  context.setTransform(pixelRatio, 0, 0, pixelRatio, 0, 0);
  context.clearRect(0, 0, width_px, height_px);
  return context;
}

/** The cells; where a cell is hidden the hatching beneath shows. */
export function drawCells(context: CanvasRenderingContext2D, scene: MatrixScene): void {
  const { plot, view, gutter, inks } = scene;
  context.save();
  context.translate(gutter.left, gutter.top);
  context.beginPath();
  context.rect(0, 0, plot.width_px, plot.height_px);
  context.clip();
  const scale = context.getTransform().a;
  for (const { bitmap, rows, columns } of scene.layers) {
    const box = boxOf(plot, view, rows, columns);
    // Enlarged cells keep their edges; shrunk ones are averaged until the sharper frame is there.
    context.imageSmoothingEnabled = bitmap.canvas.width > box.width * scale * 1.05;
    if (bitmap.canvas.width > 0) context.drawImage(bitmap.canvas, box.x, box.y, box.width, box.height);
  }
  // Gaps only between cells that are there, then the hatching beneath them all.
  context.globalCompositeOperation = "source-atop";
  gaps(context, scene);
  context.globalCompositeOperation = "destination-over";
  hatch(context, plot, inks);
  context.restore();
  context.strokeStyle = inks.line;
  context.lineWidth = 1;
  context.strokeRect(gutter.left - 0.5, gutter.top - 0.5, plot.width_px + 1, plot.height_px + 1);
}

function hatch(context: CanvasRenderingContext2D, { width_px, height_px }: Plot, { line, paper }: Inks): void {
  context.strokeStyle = line;
  context.lineWidth = 1;
  context.beginPath();
  for (let at = -height_px; at < width_px; at += HATCH_PX) {
    context.moveTo(at, height_px);
    context.lineTo(at + height_px, 0);
  }
  context.stroke();
  context.fillStyle = paper;
  context.fillRect(0, 0, width_px, height_px);
}

/** Lines of paper between cells that are large enough to spare them. */
function gaps(context: CanvasRenderingContext2D, { plot, view, inks }: MatrixScene): void {
  const [width, height] = cellSize(plot, view);
  context.fillStyle = inks.paper;
  if (width >= GAP_FROM_PX) {
    for (let x = -(view.column % 1) * width; x <= plot.width_px; x += width) {
      context.fillRect(x - 0.5, 0, 1, plot.height_px);
    }
  }
  if (height >= GAP_FROM_PX) {
    for (let y = -(view.row % 1) * height; y <= plot.height_px; y += height) {
      context.fillRect(0, y - 0.5, plot.width_px, 1);
    }
  }
}

/** Labels on both axes, the selected rows, the cross hair, and the pinned cell. */
export function drawMarks(context: CanvasRenderingContext2D, scene: MatrixScene): void {
  const { plot, gutter, pointed, pinned } = scene;
  drawLabels(context, scene);
  context.save();
  context.beginPath();
  context.rect(gutter.left - 5, gutter.top - 5, plot.width_px + 10, plot.height_px + 10);
  context.clip();
  context.translate(gutter.left, gutter.top);
  for (const row of scene.selected) selectedRow(context, scene, row);
  if (pointed) crossHair(context, scene, pointed);
  if (pinned) frame(context, cellBox(scene, pinned), scene.inks.accent, scene.inks.paper);
  if (pointed) frame(context, cellBox(scene, pointed), scene.inks.ink, scene.inks.paper);
  context.restore();
}

function cellBox({ plot, view }: MatrixScene, [row, column]: readonly [number, number]): Box {
  return boxOf(plot, view, [row, row + 1], [column, column + 1]);
}

function selectedRow(context: CanvasRenderingContext2D, { plot, view, inks }: MatrixScene, row: number): void {
  const { y, height } = boxOf(plot, view, [row, row + 1], [0, plot.columns]);
  if (y + height < 0 || y > plot.height_px) return;
  context.fillStyle = inks.accent;
  context.fillRect(-4, y, 3, Math.max(1.5, height));
  if (height < 4) return;
  context.globalAlpha = 0.55;
  context.fillRect(0, y - 0.5, plot.width_px, 1);
  context.fillRect(0, y + height - 0.5, plot.width_px, 1);
  context.globalAlpha = 1;
}

function crossHair(
  context: CanvasRenderingContext2D,
  scene: MatrixScene,
  [row, column]: readonly [number, number],
): void {
  const { plot, inks } = scene;
  const { x, y, width, height } = cellBox(scene, [row, column]);
  context.fillStyle = inks.soft;
  context.globalAlpha = 0.6;
  for (const at of height >= 4 ? [y - 0.5, y + height - 0.5] : [y + height / 2 - 0.5]) {
    context.fillRect(0, at, plot.width_px, 1);
  }
  for (const at of width >= 4 ? [x - 0.5, x + width - 0.5] : [x + width / 2 - 0.5]) {
    context.fillRect(at, 0, 1, plot.height_px);
  }
  context.globalAlpha = 1;
}

const SMALLEST_FRAME_PX = 7;

function frame(context: CanvasRenderingContext2D, box: Box, color: string, halo: string): void {
  const width = Math.max(SMALLEST_FRAME_PX, box.width);
  const height = Math.max(SMALLEST_FRAME_PX, box.height);
  const x = box.x + (box.width - width) / 2;
  const y = box.y + (box.height - height) / 2;
  context.strokeStyle = halo;
  context.lineWidth = 4;
  context.strokeRect(x, y, width, height);
  context.strokeStyle = color;
  context.lineWidth = 2;
  context.strokeRect(x, y, width, height);
}

/** Labels of both axes as they are laid out in the window. */
export function labelsOf({ plot, view, pointed, rows, columns }: MatrixScene): {
  rows: AxisLabels;
  columns: AxisLabels;
} {
  const [width, height] = cellSize(plot, view);
  return {
    rows: axisLabels({
      count: rows.length,
      cell_px: height,
      start_px: -view.row * height,
      extent_px: plot.height_px,
      line_px: LINE_PX,
      pointed: pointed?.[0] ?? null,
    }),
    columns: axisLabels({
      count: columns.length,
      cell_px: width,
      start_px: -view.column * width,
      extent_px: plot.width_px,
      line_px: LINE_PX,
      pointed: pointed?.[1] ?? null,
    }),
  };
}

/** A label cut to its room: with its index, which is never cut, where not every cell has a label. */
export function labelText(
  labels: Labels,
  index: number,
  stride: number,
  room_px: number,
  measure: (text: string) => number,
): string {
  const text = labels.at(index) ?? "";
  const number = stride > 1 && text !== String(index) ? `\u2002${index}` : "";
  return elide(text, room_px - (number === "" ? 0 : measure(number)), measure) + number;
}

function drawLabels(context: CanvasRenderingContext2D, scene: MatrixScene): void {
  const { gutter, inks, selected } = scene;
  const chosen = new Set(selected);
  const measure = (text: string) => context.measureText(text).width;
  const font = (strong: boolean) => `${strong ? 600 : 400} ${LABEL_FONT_PX}px ${inks.sans}`;
  const { rows, columns } = labelsOf(scene);
  context.textBaseline = "middle";
  context.textAlign = "right";
  for (const { index, at_px, strong } of rows.labels) {
    context.font = font(strong || chosen.has(index));
    context.fillStyle = strong ? inks.ink : chosen.has(index) ? inks.accent : inks.soft;
    const text = labelText(scene.rows, index, rows.stride, gutter.left - 10, measure);
    context.fillText(text, gutter.left - 8, gutter.top + at_px);
  }
  context.textAlign = "left";
  for (const { index, at_px, strong } of columns.labels) {
    context.font = font(strong);
    context.fillStyle = strong ? inks.ink : inks.soft;
    const text = labelText(scene.columns, index, columns.stride, gutter.top - 8, measure);
    context.save();
    context.translate(gutter.left + at_px, gutter.top - 6);
    context.rotate(-Math.PI / 2);
    context.fillText(text, 0, 0);
    context.restore();
  }
}
