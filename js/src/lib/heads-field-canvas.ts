/** Drawing all heads: thumbnails painted once into one bitmap, then laid out from it. */
import type { Frame } from "./frame";
import type { FieldLayout, HeadTile } from "./heads-field-layout";
import { type Domain, HIDDEN_FROM, type Inks, type MatrixColors, paintCells } from "./matrix-colors";

/** One thumbnail of a field as a frame of its own, (rows, columns); null where there is none. */
export function thumbnailOf(field: Frame, row: number, head: number): Frame | null {
  const [layers = 0, heads = 0, height = 0, width = 0] = field.shape;
  if (row < 0 || row >= layers || head < 0 || head >= heads) return null;
  const size = height * width;
  const from = (row * heads + head) * size;
  return {
    ...field,
    shape: [height, width],
    stored: field.stored.subarray(from, from + size),
    pooled: { kind: field.pooled.kind, factor: field.pooled.factor.slice(-2) },
  };
}

/**
 * A matrix folded to at most `most` cells along each axis, the strongest of each block: that of largest magnitude, as
 * the frame itself was pooled, or the smallest where smallest counts. A block that is hidden throughout stays hidden.
 */
export function foldThumbnail(thumbnail: Frame, most: number, colors: MatrixColors = "attention"): Frame {
  const [height = 0, width = 0] = thumbnail.shape;
  const [rows, columns] = [Math.min(height, most), Math.min(width, most)];
  if (rows === height && columns === width) return thumbnail;
  const { stored } = thumbnail;
  const bytes = stored instanceof Uint8Array;
  const zero = zeroOf(thumbnail, colors);
  const folded = bytes ? new Uint8Array(rows * columns) : new Float32Array(rows * columns).fill(Number.NaN);
  const strongest = new Float32Array(rows * columns).fill(Number.NEGATIVE_INFINITY);
  for (let y = 0; y < height; y++) {
    const row = Math.floor((y * rows) / height);
    for (let x = 0; x < width; x++) {
      const value = stored[y * width + x] as number;
      if (!bytes && !(value > HIDDEN_FROM)) continue;
      const to = row * columns + Math.floor((x * columns) / width);
      const strength = zero === null ? -value : Math.abs(value - zero);
      if (strength <= (strongest[to] as number)) continue;
      strongest[to] = strength;
      folded[to] = value;
    }
  }
  return { ...thumbnail, shape: [rows, columns], stored: folded };
}

/** What is stored for the weakest value: for 0, or the least of logarithms; null where the smallest is strongest. */
function zeroOf({ quantised, range }: Frame, colors: MatrixColors): number | null {
  if (colors === "rank") return null;
  const weakest = range && colors === "attention" ? Math.min(0, range[0]) : 0;
  return quantised ? (weakest - quantised.offset) / (quantised.scale || 1) : weakest;
}

/** All thumbnails of a field in one bitmap, at no more pixels than they are shown in. */
export class HeadsAtlas {
  readonly canvas: HTMLCanvasElement;
  side = 0;
  #painted: readonly unknown[] = [];

  constructor(document: Document) {
    this.canvas = document.createElement("canvas");
  }

  paint(field: Frame, colors: MatrixColors, domain: Domain, table: Uint32Array, side_px: number): void {
    const [layers = 0, heads = 0, height = 0, width = 0] = field.shape;
    const side = Math.max(1, Math.min(Math.max(height, width), side_px));
    const what = [field, domain.low, domain.high, table, side];
    if (what.every((part, at) => part === this.#painted[at])) return;
    this.#painted = what;
    this.side = side;
    this.canvas.width = heads * side;
    this.canvas.height = layers * side;
    const context = this.canvas.getContext("2d");
    if (!context || layers * heads * height * width === 0) return;
    const scratch = this.canvas.ownerDocument.createElement("canvas");
    const pen = scratch.getContext("2d");
    for (let row = 0; row < layers; row++) {
      for (let head = 0; head < heads; head++) {
        const thumbnail = thumbnailOf(field, row, head);
        if (thumbnail && pen)
          this.#place(context, pen, foldThumbnail(thumbnail, side, colors), domain, table, [row, head]);
      }
    }
  }

  #place(
    context: CanvasRenderingContext2D,
    pen: CanvasRenderingContext2D,
    thumbnail: Frame,
    domain: Domain,
    table: Uint32Array,
    [row, head]: readonly [number, number],
  ): void {
    const [height = 0, width = 0] = thumbnail.shape;
    const image = pen.createImageData(width, height);
    paintCells(thumbnail, domain, table, new Uint32Array(image.data.buffer));
    if (height === this.side && width === this.side) {
      context.putImageData(image, head * this.side, row * this.side);
      return;
    }
    pen.canvas.width = width;
    pen.canvas.height = height;
    pen.putImageData(image, 0, 0);
    context.imageSmoothingEnabled = false;
    context.drawImage(pen.canvas, head * this.side, row * this.side, this.side, this.side);
  }
}

export interface FieldScene {
  layout: FieldLayout;
  inks: Inks;
  atlas: HeadsAtlas | null;
  /** One number from 0 to 1 for each tile, NaN for none; null without scores. */
  shares: readonly number[] | null;
  chosen: number | null;
  cursor: number | null;
  pointed: number | null;
  /** Tiles that are on together, as a set of places. */
  together: ReadonlySet<number>;
}

const FONT_PX = 10.5;

/** Draws the tiles between two heights; the canvas begins at the first. */
export function drawField(context: CanvasRenderingContext2D, scene: FieldScene, from_px: number, to_px: number): void {
  const { layout } = scene;
  context.save();
  context.translate(0, -from_px);
  layout.tiles.forEach((tile, at) => {
    if (tile.y > to_px || tile.y + layout.side_px + layout.name_px + 8 < from_px) return;
    drawTile(context, scene, tile, at);
  });
  if (layout.name_px === 0) drawSides(context, scene, from_px);
  for (const [at, color, wide] of framesOf(scene)) {
    const tile = layout.tiles[at];
    if (!tile) continue;
    context.strokeStyle = color;
    context.lineWidth = wide;
    context.strokeRect(tile.x - 1, tile.y - 1, layout.side_px + 2, layout.side_px + 2);
  }
  context.restore();
}

function framesOf({
  chosen,
  cursor,
  pointed,
  together,
  inks,
}: FieldScene): [at: number, color: string, wide: number][] {
  const frames: [number, string, number][] = [...together].map((at) => [at, inks.accent, 1]);
  if (pointed !== null) frames.push([pointed, inks.soft, 1.5]);
  if (cursor !== null) frames.push([cursor, inks.ink, 1.5]);
  if (chosen !== null) frames.push([chosen, inks.accent, 2]);
  return frames;
}

function drawTile(context: CanvasRenderingContext2D, scene: FieldScene, tile: HeadTile, at: number): void {
  const { layout, inks, atlas, shares } = scene;
  const { side_px, bar_px, name_px } = layout;
  context.fillStyle = inks.wash;
  context.fillRect(tile.x, tile.y, side_px, side_px);
  if (atlas && atlas.side > 0 && tile.row >= 0) {
    const { side, canvas } = atlas;
    // Few cells over few more pixels would look uneven; smoothing must not reach into the neighbour's.
    const smooth = side_px > side && side_px < 2 * side;
    const inset = smooth ? 0.5 : 0;
    context.imageSmoothingEnabled = smooth;
    context.drawImage(
      canvas,
      tile.head * side + inset,
      tile.row * side + inset,
      side - 2 * inset,
      side - 2 * inset,
      tile.x,
      tile.y,
      side_px,
      side_px,
    );
  }
  context.strokeStyle = inks.line;
  context.lineWidth = 1;
  context.strokeRect(tile.x - 0.5, tile.y - 0.5, side_px + 1, side_px + 1);
  const share = shares?.[at];
  if (share !== undefined && !Number.isNaN(share)) {
    context.fillStyle = inks.line;
    context.fillRect(tile.x, tile.y + side_px + 2, side_px, bar_px);
    context.fillStyle = inks.accent;
    context.fillRect(tile.x, tile.y + side_px + 2, side_px * share, bar_px);
  }
  if (name_px > 0) {
    context.font = `${at === scene.chosen ? 600 : 400} ${FONT_PX}px ${inks.sans}`;
    context.fillStyle = at === scene.chosen ? inks.accent : inks.soft;
    context.textAlign = "left";
    context.textBaseline = "top";
    context.fillText(`${tile.layer}.${tile.head}`, tile.x, tile.y + side_px + (bar_px > 0 ? bar_px + 4 : 3));
  }
}

/** Numbers of layers at the left and of heads above, the latter always in sight. */
function drawSides(context: CanvasRenderingContext2D, scene: FieldScene, from_px: number): void {
  const { layout, inks, pointed, cursor, chosen } = scene;
  const { side_px, left_px, top_px, head_stride, layer_stride, tiles } = layout;
  const marked = tiles[pointed ?? cursor ?? chosen ?? -1];
  const rows = new Map<number, HeadTile>();
  const columns = new Map<number, HeadTile>();
  for (const tile of tiles) {
    if (!rows.has(tile.row)) rows.set(tile.row, tile);
    if (!columns.has(tile.head)) columns.set(tile.head, tile);
  }
  const pen = (strong: boolean) => {
    context.font = `${strong ? 600 : 400} ${FONT_PX}px ${inks.sans}`;
    context.fillStyle = strong ? inks.ink : inks.soft;
  };
  context.textBaseline = "middle";
  context.textAlign = "right";
  for (const [row, tile] of rows) {
    const strong = row === marked?.row;
    if (!isNamed(row, layer_stride, marked?.row)) continue;
    pen(strong);
    context.fillText(String(tile.layer), left_px - 6, tile.y + side_px / 2);
  }
  context.fillStyle = inks.paper;
  context.fillRect(0, from_px, layout.width_px, top_px - 2);
  context.textAlign = "center";
  for (const [head, tile] of columns) {
    if (!isNamed(head, head_stride, marked?.head)) continue;
    pen(head === marked?.head);
    context.fillText(String(head), tile.x + side_px / 2, from_px + top_px / 2 - 1);
  }
}

/** Whether a number at the side is written: each `stride`th, and the marked one in place of its neighbours. */
export function isNamed(at: number, stride: number, marked: number | undefined): boolean {
  if (at === marked) return true;
  return at % stride === 0 && (marked === undefined || Math.abs(at - marked) >= stride);
}
