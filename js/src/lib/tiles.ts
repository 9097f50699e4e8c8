/** Which region of a matrix to ask for, in how many pixels; and the regions that came, kept. */
import type { Channel, Range } from "./channel";
import { type Frame, isPooled } from "./frame";
import { type MatrixWindow, type Plot, visibleCells } from "./matrix-window";

/** A block of a matrix. */
export interface Region {
  rows: Range;
  columns: Range;
}

/** A block that came from Python. */
export interface Tile extends Region {
  frame: Frame;
}

/** How much of the window is asked for beyond each of its edges, so that a short pan needs nothing new. */
const MARGIN = 0.5;
/** A pooled tile is used until the window magnifies it by more than this. */
const COARSEST = 1.3;

/** All of a matrix. */
export function wholeRegion(rows: number, columns: number): Region {
  return { rows: [0, rows], columns: [0, columns] };
}

/** The region in the window and a margin around it. */
export function regionFor(plot: Plot, view: MatrixWindow): Region {
  const { rows, columns } = visibleCells(plot, view);
  return { rows: widen(rows, plot.rows), columns: widen(columns, plot.columns) };
}

function widen([start, stop]: Range, count: number): Range {
  const by = Math.ceil((stop - start) * MARGIN);
  return [Math.max(0, start - by), Math.min(count, stop + by)];
}

/** The screen pixels that a region takes, at most one for each cell. */
export function pixelsFor(plot: Plot, view: MatrixWindow, region: Region, pixelRatio: number): [number, number] {
  const along = ([start, stop]: Range, cell_px: number) =>
    Math.max(1, Math.min(stop - start, Math.ceil((stop - start) * cell_px * view.zoom * pixelRatio)));
  return [along(region.rows, plot.cell_height_px), along(region.columns, plot.cell_width_px)];
}

/** Whether a tile shows all of the window as sharply as the screen can. */
export function isEnough(tile: Tile, plot: Plot, view: MatrixWindow, pixelRatio: number): boolean {
  const { rows, columns } = visibleCells(plot, view);
  const inside = (seen: Range, there: Range) => seen[0] >= there[0] && seen[1] <= there[1];
  if (!inside(rows, tile.rows) || !inside(columns, tile.columns)) return false;
  if (!isPooled(tile.frame)) return true;
  const [height, width] = shapeOf(tile.frame);
  const wanted = pixelsFor(plot, view, tile, pixelRatio);
  return wanted[0] <= height * COARSEST && wanted[1] <= width * COARSEST;
}

/** Rows and columns that a frame stores; axes before the last two have one entry each. */
export function shapeOf(frame: Frame): [rows: number, columns: number] {
  const columns = frame.shape[frame.shape.length - 1] ?? 0;
  return [columns > 0 ? frame.stored.length / columns : 0, columns];
}

/** What a tile says of one cell of the matrix; exact where neither pooling nor quantisation touched it. */
export interface Reading {
  value: number;
  exact: boolean;
}

export function readTile(tile: Tile, row: number, column: number): Reading | null {
  const { rows, columns, frame } = tile;
  if (row < rows[0] || row >= rows[1] || column < columns[0] || column >= columns[1]) return null;
  const [height, width] = shapeOf(frame);
  const at = (index: number, [start, stop]: Range, stored: number) => pooledIndex(index - start, stop - start, stored);
  const stored = frame.stored[at(row, rows, height) * width + at(column, columns, width)];
  if (stored === undefined) return null;
  const { quantised } = frame;
  const value = quantised ? quantised.offset + quantised.scale * stored : stored;
  return { value, exact: !isPooled(frame) && quantised === null };
}

/** The stored cell that covers source cell `index`: stored cell i covers floor(i * factor) to floor((i + 1) * factor). */
export function pooledIndex(index: number, source: number, stored: number): number {
  if (stored >= source) return index;
  // The guess may be one short where the division rounds.
  const guess = Math.floor((index * stored) / source);
  return Math.floor(((guess + 1) * source) / stored) <= index ? guess + 1 : guess;
}

const KEPT_BYTES = 48 * 2 ** 20;

/** Frames by what was asked, the least used forgotten once they take too much memory. */
export class TileCache {
  readonly #kept = new Map<string, Frame>();
  readonly #most: number;
  #bytes = 0;

  constructor(most_bytes = KEPT_BYTES) {
    this.#most = most_bytes;
  }

  get(key: string): Frame | undefined {
    const found = this.#kept.get(key);
    if (found) {
      this.#kept.delete(key);
      this.#kept.set(key, found);
    }
    return found;
  }

  set(key: string, frame: Frame): void {
    this.#forget(key);
    this.#kept.set(key, frame);
    this.#bytes += frame.stored.byteLength;
    while (this.#bytes > this.#most && this.#kept.size > 1) {
      const [oldest] = this.#kept.keys();
      if (oldest === undefined) return;
      this.#forget(oldest);
    }
  }

  #forget(key: string): void {
    this.#bytes -= this.#kept.get(key)?.stored.byteLength ?? 0;
    this.#kept.delete(key);
  }
}

const caches = new WeakMap<Channel, TileCache>();

/** The frames kept for a channel: views of the same tensors share them. */
export function tilesOf(channel: Channel): TileCache {
  const known = caches.get(channel) ?? new TileCache();
  caches.set(channel, known);
  return known;
}
