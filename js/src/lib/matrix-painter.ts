import type { FrameHeader } from "./frame";
import { CellBitmap, drawCells, drawMarks, type Layer, type MatrixScene, prepared } from "./matrix-canvas";
import { colorTable, type Domain, type Inks, inksOf, type MatrixColors } from "./matrix-colors";
import type { Theme } from "./theme";
import type { Tile } from "./tiles";

/** What a matrix looks like now. */
export interface MatrixPicture extends Omit<MatrixScene, "layers" | "inks"> {
  /** Coarse first. */
  tiles: readonly Tile[];
  domain: Domain | null;
  colors: MatrixColors;
  theme: Theme;
  pixelRatio: number;
}

/** Room beyond the plot, right and below. */
export const EDGE_PX = 8;

/** The size of a matrix with its labels, in CSS pixels. */
export function sceneSize({ plot, gutter }: Pick<MatrixScene, "plot" | "gutter">): [width: number, height: number] {
  return [plot.width_px + gutter.left + EDGE_PX, plot.height_px + gutter.top + EDGE_PX];
}

/**
 * Draws a matrix on its two canvases.
 *
 * Frames are painted once, into bitmaps that are used again; a move or zoom only blits them, and a move of the pointer
 * only draws the marks.
 */
export class MatrixPainter {
  readonly #cells: HTMLCanvasElement;
  readonly #marks: HTMLCanvasElement;
  readonly #bitmaps: CellBitmap[] = [];
  #table: { colors: MatrixColors; theme: Theme; entries: Uint32Array } | null = null;
  #inks: Inks | null = null;
  #drawn: readonly unknown[] = [];
  /** What was drawn last, with its colours' ends and the sharpest frame's header. */
  scene: MatrixScene | null = null;
  domain: Domain | null = null;
  header: FrameHeader | null = null;

  constructor(cells: HTMLCanvasElement, marks: HTMLCanvasElement) {
    this.#cells = cells;
    this.#marks = marks;
  }

  draw(picture: MatrixPicture): void {
    const { theme, colors, domain, tiles, pixelRatio, plot, view, gutter } = picture;
    if (this.#table?.theme !== theme || this.#table.colors !== colors) {
      this.#table = { theme, colors, entries: colorTable(colors, theme) };
      this.#inks = inksOf(this.#cells);
    }
    const inks = this.#inks ?? inksOf(this.#cells);
    const scene = { ...picture, inks, layers: domain ? this.#paint(tiles, domain, this.#table.entries) : [] };
    this.scene = scene;
    this.domain = domain;
    this.header = tiles[tiles.length - 1]?.frame ?? null;
    const [width, height] = sceneSize(scene);
    const wanted = [plot, view, gutter, inks, domain?.low, domain?.high, pixelRatio, ...tiles];
    if (wanted.length !== this.#drawn.length || wanted.some((part, at) => part !== this.#drawn[at])) {
      this.#drawn = wanted;
      const context = prepared(this.#cells, width, height, pixelRatio);
      if (context) drawCells(context, scene);
    }
    const context = prepared(this.#marks, width, height, pixelRatio);
    if (context) drawMarks(context, scene);
  }

  #paint(tiles: readonly Tile[], domain: Domain, table: Uint32Array): Layer[] {
    return tiles.map((tile, at) => {
      const bitmap = this.#bitmaps[at] ?? new CellBitmap(this.#cells.ownerDocument);
      this.#bitmaps[at] = bitmap;
      bitmap.paint(tile.frame, domain, table);
      return { bitmap, rows: tile.rows, columns: tile.columns };
    });
  }
}
