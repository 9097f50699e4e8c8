/** Where the thumbnails of all heads lie: a grid of layers and heads, or a wrapped list in any order. CSS pixels. */

/** One head, by the number of its layer and its own. */
export type HeadRef = readonly [layer: number, head: number];

export interface HeadTile {
  layer: number;
  head: number;
  /** Rows of the field: the layer's place among those shown. */
  row: number;
  x: number;
  y: number;
}

export interface FieldLayout {
  tiles: readonly HeadTile[];
  /** Side of a thumbnail. */
  side_px: number;
  /** Height of the score's bar under it. */
  bar_px: number;
  /** Height of the name under it; 0 in the grid, whose sides name layers and heads. */
  name_px: number;
  gap_px: number;
  left_px: number;
  top_px: number;
  /** Tiles in one row. */
  across: number;
  width_px: number;
  height_px: number;
  /** Every so manieth head and layer is named at the sides of the grid. */
  head_stride: number;
  layer_stride: number;
}

export interface FieldShape {
  /** Numbers of the layers, in rows of the field. */
  layers: readonly number[];
  /** Heads of each of these layers. */
  heads: readonly number[];
  /** Null for the grid. */
  order: readonly HeadRef[] | null;
  width_px: number;
  scored: boolean;
  /** Largest side of a thumbnail. */
  largest_px: number;
}

const LEFT_PX = 30;
const TOP_PX = 18;
const SMALLEST_PX = 6;
const NAME_PX = 15;
/** A name as "11.31" needs so much. */
const NAMED_PX = 36;
const NUMBER_WIDTH_PX = 18;
const NUMBER_HEIGHT_PX = 13;

export function fieldLayout(shape: FieldShape): FieldLayout {
  return shape.order ? listLayout(shape, shape.order) : gridLayout(shape);
}

function gridLayout({ layers, heads, width_px, scored, largest_px }: FieldShape): FieldLayout {
  const across = Math.max(1, ...heads);
  const room = (width_px - LEFT_PX) / across;
  const gap_px = room >= 24 ? 4 : room >= 15 ? 3 : room >= 11 ? 2 : 1;
  const side_px = Math.max(SMALLEST_PX, Math.min(largest_px, Math.floor(room - gap_px)));
  const bar_px = scored ? barFor(side_px) : 0;
  const step_x = side_px + gap_px;
  const step_y = side_px + gap_px + (scored ? bar_px + 1 : 0);
  const tiles = layers.flatMap((layer, row) =>
    Array.from({ length: heads[row] ?? 0 }, (_, head) => ({
      layer,
      head,
      row,
      x: LEFT_PX + head * step_x,
      y: TOP_PX + row * step_y,
    })),
  );
  return {
    tiles,
    side_px,
    bar_px,
    name_px: 0,
    gap_px,
    left_px: LEFT_PX,
    top_px: TOP_PX,
    across,
    width_px: LEFT_PX + across * step_x,
    height_px: TOP_PX + layers.length * step_y + 2,
    head_stride: strideOf(NUMBER_WIDTH_PX / step_x),
    layer_stride: strideOf(NUMBER_HEIGHT_PX / step_y),
  };
}

function listLayout({ layers, width_px, scored, largest_px }: FieldShape, order: readonly HeadRef[]): FieldLayout {
  const gap_px = 8;
  const least = Math.max(NAMED_PX, Math.min(largest_px, 44));
  const across = Math.max(1, Math.floor((width_px - 4 + gap_px) / (least + gap_px)));
  const side_px = Math.max(NAMED_PX, Math.min(largest_px, Math.floor((width_px - 4 + gap_px) / across - gap_px)));
  const bar_px = scored ? barFor(side_px) : 0;
  const step_y = side_px + NAME_PX + gap_px + (scored ? bar_px + 1 : 0);
  const tiles = order.map(([layer, head], at) => ({
    layer,
    head,
    row: layers.indexOf(layer),
    x: 2 + (at % across) * (side_px + gap_px),
    y: 3 + Math.floor(at / across) * step_y,
  }));
  return {
    tiles,
    side_px,
    bar_px,
    name_px: NAME_PX,
    gap_px,
    left_px: 2,
    top_px: 3,
    across,
    width_px: 2 + across * (side_px + gap_px),
    height_px: 3 + Math.ceil(order.length / across) * step_y,
    head_stride: 1,
    layer_stride: 1,
  };
}

function barFor(side_px: number): number {
  return side_px >= 22 ? 3 : 2;
}

function strideOf(least: number): number {
  return [1, 2, 4, 5, 8, 10, 16, 20, 32].find((step) => step >= least) ?? 64;
}

/** The place among the tiles of the one at (x, y), its gap, bar and name included; null beside all. */
export function tileAt(layout: FieldLayout, x: number, y: number): number | null {
  const { tiles, side_px, gap_px, bar_px, name_px } = layout;
  const tall = side_px + name_px + gap_px + (bar_px > 0 ? bar_px + 1 : 0);
  const found = tiles.findIndex(
    (tile) => x >= tile.x && x < tile.x + side_px + gap_px && y >= tile.y && y < tile.y + tall,
  );
  return found < 0 ? null : found;
}

/** The tile that arrows lead to: along the row and on over its end, and to the nearest tile above or below. */
export function stepTile(layout: FieldLayout, at: number, down: number, across: number): number {
  const { tiles } = layout;
  const last = tiles.length - 1;
  if (across !== 0) return Math.min(last, Math.max(0, at + across));
  const from = tiles[at];
  if (!from || down === 0) return at;
  const lines = [...new Set(tiles.map(({ y }) => y))].sort((a, b) => a - b);
  const line = lines[Math.min(lines.length - 1, Math.max(0, lines.indexOf(from.y) + down))];
  let best = at;
  tiles.forEach((tile, index) => {
    const now = tiles[best];
    if (tile.y !== line) return;
    if (now?.y !== line || Math.abs(tile.x - from.x) < Math.abs(now.x - from.x)) best = index;
  });
  return best;
}

/**
 * Heads from the best score to the worst; those without a score come last, ties as in the model.
 *
 * `values` hold one number for each layer and head, heads fastest, `width` heads to a layer.
 */
export function orderByScore(
  { layers, heads }: Pick<FieldShape, "layers" | "heads">,
  values: ArrayLike<number>,
  width: number,
  highFirst: boolean,
): HeadRef[] {
  const all = layers.flatMap((layer, row) =>
    Array.from({ length: heads[row] ?? 0 }, (_, head) => ({
      ref: [layer, head] as const,
      value: values[row * width + head] ?? Number.NaN,
    })),
  );
  const sign = highFirst ? -1 : 1;
  const rank = (value: number) => (Number.isNaN(value) ? Number.POSITIVE_INFINITY : sign * value);
  return all
    .map((entry, at) => ({ ...entry, at }))
    .sort((a, b) => (rank(a.value) === rank(b.value) ? a.at - b.at : rank(a.value) - rank(b.value)))
    .map(({ ref }) => ref);
}
