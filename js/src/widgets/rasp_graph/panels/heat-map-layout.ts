/** Where the cells of a heat map with named rows and columns stand. */

/** Neighbouring rows or columns that belong together, half-open. */
export interface Group {
  label: string;
  start: number;
  stop: number;
}

export interface HeatMapSize {
  rows: number;
  columns: number;
  columnGroups: readonly Group[];
  /** Room that there is for all of it. */
  width_px: number;
  /** Room that row labels and the brackets beside them take. */
  left_px: number;
  /** Where the brackets stand in it. */
  bracket_px: number;
  /** Room that column labels and the titles above them take. */
  top_px: number;
}

export interface HeatMapLayout {
  left_px: number;
  bracket_px: number;
  top_px: number;
  cell_width_px: number;
  cell_height_px: number;
  /** Left edge of every column, from the left edge of the first. */
  columnLeft: Float64Array;
  /** Of all cells, without the labels. */
  plot_width_px: number;
  plot_height_px: number;
}

const NARROWEST_PX = 11;
const WIDEST_PX = 46;
const GROUP_GAP_PX = 10;
const TALLEST_PX = 20;
const SHORTEST_PX = 12;
const MANY_ROWS = 60;

/** As wide as there is room, between a least width (it scrolls then) and a most. */
export function heatMapLayout(size: HeatMapSize): HeatMapLayout {
  const { rows, columns, columnGroups, left_px, bracket_px, top_px, width_px } = size;
  const gaps = Math.max(0, columnGroups.length - 1) * GROUP_GAP_PX;
  const share = (width_px - left_px - gaps - 2) / Math.max(1, columns);
  const cell_width_px = Math.max(NARROWEST_PX, Math.min(WIDEST_PX, Math.floor(share)));
  const cell_height_px = rows > MANY_ROWS ? SHORTEST_PX : TALLEST_PX;
  const columnLeft = new Float64Array(columns);
  const starts = new Set(columnGroups.slice(1).map((group) => group.start));
  let left = 0;
  for (let column = 0; column < columns; column++) {
    if (starts.has(column)) left += GROUP_GAP_PX;
    columnLeft[column] = left;
    left += cell_width_px;
  }
  return {
    left_px,
    bracket_px,
    top_px,
    cell_width_px,
    cell_height_px,
    columnLeft,
    plot_width_px: left,
    plot_height_px: rows * cell_height_px,
  };
}

/** The cell under a point of the plot (labels not counted, scrolled back); null between columns and outside. */
export function cellUnder(
  layout: HeatMapLayout,
  x_px: number,
  y_px: number,
): readonly [row: number, column: number] | null {
  if (x_px < 0 || y_px < 0 || y_px >= layout.plot_height_px) return null;
  const column = columnAt(layout, x_px);
  if (column < 0 || x_px >= (layout.columnLeft[column] ?? 0) + layout.cell_width_px) return null;
  return [Math.floor(y_px / layout.cell_height_px), column];
}

/** The last column that begins at or before a point; -1 before the first. */
export function columnAt({ columnLeft }: HeatMapLayout, x_px: number): number {
  let [low, high] = [-1, columnLeft.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((columnLeft[middle] ?? 0) <= x_px) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Runs of rows that have the same name. */
export function groupsOf(names: readonly string[]): Group[] {
  const groups: Group[] = [];
  names.forEach((label, at) => {
    const last = groups[groups.length - 1];
    if (last?.label === label) last.stop = at + 1;
    else groups.push({ label, start: at, stop: at + 1 });
  });
  return groups;
}

/** The group that a row or column belongs to. */
export function groupAt(groups: readonly Group[], at: number): Group | undefined {
  return groups.find(({ start, stop }) => at >= start && at < stop);
}
