/** The drawing of a heat map: only the cells in sight, with the labels of rows and columns staying in place. */
import { colorScale, elide, type Inks, inkOn, type Rgb, type Theme, toCss, valueToRgb } from "../../../lib";
import { columnAt, type Group, groupAt, type HeatMapLayout } from "./heat-map-layout";
import { cellNumber } from "./number-text";

export interface HeatMapScene {
  layout: HeatMapLayout;
  rows: readonly string[];
  columns: readonly string[];
  rowGroups: readonly Group[];
  columnGroups: readonly Group[];
  value(row: number, column: number): number;
  /** The magnitude at which the colours of a row end, above 0. */
  endOf(row: number): number;
  /** Labels of row groups that are marked. */
  marked: ReadonlySet<string>;
  /** Index of the column group that is marked; -1 for none. */
  markedColumns: number;
  cursor: readonly [row: number, column: number] | null;
  theme: Theme;
}

export interface Sight {
  scroll_left_px: number;
  scroll_top_px: number;
  width_px: number;
  height_px: number;
}

const FONT_PX = 11;
/** Cells this wide hold their number. */
const NUMBER_PX = 25;
/** What rounding leaves of zero, as a share of the colours' end, is coloured and not written out. */
const TINY = 1e-6;

export function paintHeatMap(context: CanvasRenderingContext2D, scene: HeatMapScene, sight: Sight, inks: Inks): void {
  const { layout } = scene;
  context.clearRect(0, 0, sight.width_px, sight.height_px);
  context.font = `${FONT_PX}px ${inks.sans}`;
  context.textBaseline = "middle";
  const rows = rowsInSight(layout, sight, scene.rows.length);
  const columns = columnsInSight(layout, sight, scene.columns.length);
  clipped(context, [layout.left_px, layout.top_px, sight.width_px, sight.height_px], () => {
    paintCells(context, scene, sight, inks, rows, columns);
    paintCursor(context, scene, sight, inks);
  });
  clipped(context, [0, layout.top_px, layout.left_px, sight.height_px], () => {
    paintRowLabels(context, scene, sight, inks, rows);
    paintBrackets(context, scene, sight, inks);
  });
  clipped(context, [layout.left_px - 4, 0, sight.width_px, layout.top_px], () => {
    paintColumnLabels(context, scene, sight, inks, columns);
    paintTitles(context, scene, sight, inks);
  });
}

type Span = readonly [first: number, last: number];

function rowsInSight({ cell_height_px, top_px }: HeatMapLayout, sight: Sight, count: number): Span {
  const first = Math.max(0, Math.floor(sight.scroll_top_px / cell_height_px));
  const last = Math.ceil((sight.scroll_top_px + sight.height_px - top_px) / cell_height_px);
  return [first, Math.min(count, last)];
}

function columnsInSight(layout: HeatMapLayout, sight: Sight, count: number): Span {
  const first = Math.max(0, columnAt(layout, sight.scroll_left_px));
  const last = columnAt(layout, sight.scroll_left_px + sight.width_px - layout.left_px);
  return [first, Math.min(count, last + 1)];
}

function clipped(
  context: CanvasRenderingContext2D,
  [left, top, right, bottom]: readonly [number, number, number, number],
  draw: () => void,
): void {
  context.save();
  context.beginPath();
  context.rect(left, top, Math.max(0, right - left), Math.max(0, bottom - top));
  context.clip();
  draw();
  context.restore();
}

function xOf(layout: HeatMapLayout, sight: Sight, column: number): number {
  return layout.left_px + (layout.columnLeft[column] ?? 0) - sight.scroll_left_px;
}

function yOf(layout: HeatMapLayout, sight: Sight, row: number): number {
  return layout.top_px + row * layout.cell_height_px - sight.scroll_top_px;
}

/** The colour of a value: the paper for zero, at the colours' end the strongest of its sign. */
export function heatColor(value: number, end: number, theme: Theme): Rgb {
  const clippedTo = Number.isNaN(value) ? 0 : Math.max(-end, Math.min(end, value));
  return valueToRgb(clippedTo, { scale: colorScale("red-blue", theme), end, sign: "all", signed: true });
}

function paintCells(
  context: CanvasRenderingContext2D,
  scene: HeatMapScene,
  sight: Sight,
  inks: Inks,
  rows: Span,
  columns: Span,
): void {
  const { layout, theme } = scene;
  const { cell_width_px: width, cell_height_px: height } = layout;
  const gap = width > 8 && height > 8 ? 1 : 0;
  context.textAlign = "center";
  for (let row = rows[0]; row < rows[1]; row++) {
    const end = scene.endOf(row);
    const y = yOf(layout, sight, row);
    for (let column = columns[0]; column < columns[1]; column++) {
      const value = scene.value(row, column);
      const x = xOf(layout, sight, column);
      const color = value === 0 ? null : heatColor(value, end, theme);
      context.fillStyle = color ? toCss(color) : inks.wash;
      context.fillRect(x, y, width - gap, height - gap);
      if (!color || width < NUMBER_PX || height < 14 || Math.abs(value) < TINY * end) continue;
      const text = cellNumber(value);
      if (context.measureText(text).width > width - 4) continue;
      context.fillStyle = toCss(inkOn(color));
      context.fillText(text, x + (width - gap) / 2, y + height / 2);
    }
  }
}

function paintCursor(context: CanvasRenderingContext2D, scene: HeatMapScene, sight: Sight, inks: Inks): void {
  if (!scene.cursor) return;
  const [row, column] = scene.cursor;
  const { layout } = scene;
  context.strokeStyle = inks.ink;
  context.lineWidth = 1.5;
  const [x, y] = [xOf(layout, sight, column), yOf(layout, sight, row)];
  context.strokeRect(x - 0.25, y - 0.25, layout.cell_width_px - 0.5, layout.cell_height_px - 0.5);
}

/** What of a row's name the bracket beside it does not say already. */
export function shortName(name: string, group: string | undefined): string {
  if (name === group) return "number";
  return group !== undefined && name.startsWith(`${group}:`) ? name.slice(group.length + 1) : name;
}

function paintRowLabels(
  context: CanvasRenderingContext2D,
  { layout, rows, rowGroups, cursor }: HeatMapScene,
  sight: Sight,
  inks: Inks,
  [first, last]: Span,
): void {
  context.textAlign = "right";
  const measure = (text: string) => context.measureText(text).width;
  const room = layout.left_px - layout.bracket_px - 12;
  for (let row = first; row < last; row++) {
    const group = groupAt(rowGroups, row);
    // A node of one dimension is named by its bracket.
    if (group && group.stop - group.start === 1 && rows[row] === group.label) continue;
    const strong = cursor?.[0] === row;
    context.fillStyle = strong ? inks.ink : inks.soft;
    const text = elide(shortName(rows[row] ?? "", group?.label), room, measure);
    context.fillText(text, layout.left_px - 6, yOf(layout, sight, row) + layout.cell_height_px / 2);
  }
}

function paintBrackets(
  context: CanvasRenderingContext2D,
  { layout, rowGroups, marked }: HeatMapScene,
  sight: Sight,
  inks: Inks,
): void {
  const at = layout.bracket_px;
  const measure = (text: string) => context.measureText(text).width;
  for (const { label, start, stop } of rowGroups) {
    if (label === "") continue;
    const [top, bottom] = [yOf(layout, sight, start) + 2, yOf(layout, sight, stop) - 3];
    if (bottom < layout.top_px || top > sight.height_px) continue;
    const on = marked.has(label);
    context.strokeStyle = on ? inks.accent : inks.soft;
    context.lineWidth = on ? 2 : 1;
    context.beginPath();
    context.moveTo(at + 4, top);
    context.lineTo(at, top);
    context.lineTo(at, bottom);
    context.lineTo(at + 4, bottom);
    context.stroke();
    context.fillStyle = on ? inks.accent : inks.ink;
    context.textAlign = "right";
    // The name stays in sight while any of its rows is.
    const middle = (Math.max(top, layout.top_px) + Math.min(bottom, sight.height_px)) / 2;
    context.fillText(elide(label, at - 8, measure), at - 6, middle);
  }
}

/** A label stands upright where it fits over its column, else it is turned. */
function paintColumnLabels(
  context: CanvasRenderingContext2D,
  { layout, columns, cursor }: HeatMapScene,
  sight: Sight,
  inks: Inks,
  [first, last]: Span,
): void {
  const measure = (text: string) => context.measureText(text).width;
  for (let column = first; column < last; column++) {
    const x = xOf(layout, sight, column) + layout.cell_width_px / 2;
    context.fillStyle = cursor?.[1] === column ? inks.ink : inks.soft;
    const name = columns[column] ?? "";
    if (!needsTurning(name, layout.cell_width_px, measure)) {
      context.textAlign = "center";
      context.fillText(name, x, layout.top_px - 9);
      continue;
    }
    context.save();
    context.translate(x, layout.top_px - 5);
    context.rotate(-Math.PI / 2);
    context.textAlign = "left";
    context.fillText(elide(name, LABEL_HEIGHT_PX, measure), 0, 0);
    context.restore();
  }
}

/** Most room that a turned column label takes. */
export const LABEL_HEIGHT_PX = 124;

/** Whether a label is wider than its column. */
export function needsTurning(name: string, cell_width_px: number, measure: (text: string) => number): boolean {
  return name.length > 1 && measure(name) > cell_width_px - 3;
}

function paintTitles(
  context: CanvasRenderingContext2D,
  { layout, columnGroups, columns, markedColumns }: HeatMapScene,
  sight: Sight,
  inks: Inks,
): void {
  context.textAlign = "left";
  const measure = (text: string) => context.measureText(text).width;
  columnGroups.forEach(({ label, start, stop }, at) => {
    const left = xOf(layout, sight, start);
    const right = xOf(layout, sight, Math.min(stop, columns.length) - 1) + layout.cell_width_px;
    const on = at === markedColumns;
    context.fillStyle = on ? inks.accent : inks.ink;
    context.font = `${on ? 600 : 500} ${FONT_PX}px ${inks.sans}`;
    if (label === "") return;
    context.fillText(elide(label, right - left, measure), left, 9);
    context.fillStyle = on ? inks.accent : inks.line;
    context.fillRect(left, 17, right - left - 1, on ? 2 : 1);
  });
  context.font = `${FONT_PX}px ${inks.sans}`;
}
