/** Which part of a matrix is on show, and where its cells lie: plain numbers, CSS pixels, the plot's corner at (0, 0). */
import type { Range } from "./channel";

/** Magnification over "all of it fits", and the cell at the plot's top left corner, which may be a fraction of one. */
export interface MatrixWindow {
  zoom: number;
  row: number;
  column: number;
}

export const WHOLE_MATRIX: MatrixWindow = { zoom: 1, row: 0, column: 0 };

/** The plot and the size of a cell in it at zoom 1. */
export interface Plot {
  rows: number;
  columns: number;
  width_px: number;
  height_px: number;
  cell_width_px: number;
  cell_height_px: number;
}

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

const LARGEST_CELL_PX = 40;
const LARGEST_OBLONG_PX = 22;
const CLOSEST_CELL_PX = 48;
/** A matrix much longer than wide gets oblong cells rather than a side thinner than this. */
const THINNEST_SIDE_PX = 150;

/**
 * The largest plot of square cells in a room; oblong cells where squares would leave a sliver.
 *
 * Cells are a whole number of screen pixels where that costs little size, so that all look equally large.
 */
export function fitPlot(rows: number, columns: number, room_px: readonly [number, number], pixelRatio = 1): Plot {
  const [height, width] = room_px;
  if (rows <= 0 || columns <= 0 || height <= 0 || width <= 0) {
    return { rows, columns, width_px: 0, height_px: 0, cell_width_px: 0, cell_height_px: 0 };
  }
  const square = Math.min(height / rows, width / columns, LARGEST_CELL_PX);
  const side = (count: number, room: number) =>
    snap(Math.max(square, Math.min(LARGEST_OBLONG_PX, Math.min(THINNEST_SIDE_PX, room) / count)), pixelRatio);
  const [cell_height_px, cell_width_px] = [side(rows, height), side(columns, width)];
  return {
    rows,
    columns,
    width_px: Math.max(1, Math.round(columns * cell_width_px)),
    height_px: Math.max(1, Math.round(rows * cell_height_px)),
    cell_width_px,
    cell_height_px,
  };
}

function snap(size: number, pixelRatio: number): number {
  const even = Math.floor(size * pixelRatio) / pixelRatio;
  return even >= 1 && even > 0.88 * size ? even : size;
}

export function closestZoom(plot: Plot): number {
  return Math.max(1, CLOSEST_CELL_PX / Math.max(1e-6, Math.min(plot.cell_width_px, plot.cell_height_px)));
}

/** Width and height of a cell, in pixels. */
export function cellSize(plot: Plot, { zoom }: MatrixWindow): [width: number, height: number] {
  return [plot.cell_width_px * zoom, plot.cell_height_px * zoom];
}

/** Keeps the window inside the matrix. */
export function clampWindow(plot: Plot, { zoom, row, column }: MatrixWindow): MatrixWindow {
  const clamped = Math.min(closestZoom(plot), Math.max(1, zoom));
  const inside = (at: number, count: number) => Math.min(count - count / clamped, Math.max(0, at));
  return { zoom: clamped, row: inside(row, plot.rows), column: inside(column, plot.columns) };
}

/** Zooms by a factor so that what lies at (x, y) stays there. */
export function zoomWindow(plot: Plot, view: MatrixWindow, factor: number, x: number, y: number): MatrixWindow {
  const zoom = Math.min(closestZoom(plot), Math.max(1, view.zoom * factor));
  const [width, height] = cellSize(plot, view);
  const [wider, taller] = cellSize(plot, { ...view, zoom });
  return clampWindow(plot, {
    zoom,
    row: view.row + y / height - y / taller,
    column: view.column + x / width - x / wider,
  });
}

/** Moves what is shown by so many pixels. */
export function panWindow(plot: Plot, view: MatrixWindow, dx: number, dy: number): MatrixWindow {
  const [width, height] = cellSize(plot, view);
  return clampWindow(plot, { ...view, row: view.row - dy / height, column: view.column - dx / width });
}

/** Moves no more than needed so that a cell is inside the window. */
export function showCell(plot: Plot, view: MatrixWindow, row: number, column: number): MatrixWindow {
  const near = (from: number, count: number, at: number) => {
    const seen = count / view.zoom;
    return Math.min(at, Math.max(at + 1 - seen, from));
  };
  return clampWindow(plot, {
    ...view,
    row: near(view.row, plot.rows, row),
    column: near(view.column, plot.columns, column),
  });
}

/** The cells of which anything is seen. */
export function visibleCells(plot: Plot, view: MatrixWindow): { rows: Range; columns: Range } {
  const along = (from: number, count: number): Range => [
    Math.max(0, Math.floor(from + 1e-9)),
    Math.min(count, Math.ceil(from + count / view.zoom - 1e-9)),
  ];
  return { rows: along(view.row, plot.rows), columns: along(view.column, plot.columns) };
}

/** The cell at (x, y), or null beside the matrix. */
export function cellAt(plot: Plot, view: MatrixWindow, x: number, y: number): [row: number, column: number] | null {
  if (x < 0 || y < 0 || x >= plot.width_px || y >= plot.height_px) return null;
  const [width, height] = cellSize(plot, view);
  const row = Math.min(plot.rows - 1, Math.floor(view.row + y / height));
  const column = Math.min(plot.columns - 1, Math.floor(view.column + x / width));
  return row < 0 || column < 0 ? null : [row, column];
}

/** Where a block of cells lies; it may reach beyond the plot. */
export function boxOf(plot: Plot, view: MatrixWindow, rows: Range, columns: Range): Box {
  const [width, height] = cellSize(plot, view);
  return {
    x: (columns[0] - view.column) * width,
    y: (rows[0] - view.row) * height,
    width: (columns[1] - columns[0]) * width,
    height: (rows[1] - rows[0]) * height,
  };
}
