import { type Signal, useSignal } from "@preact/signals";
import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import type { Channel } from "./channel";
import type { Frame } from "./frame";
import { type Gutter, LABEL_FONT_PX } from "./matrix-canvas";
import { clippedDomain, type Domain, type MatrixColors } from "./matrix-colors";
import { matrixActions } from "./matrix-actions";
import { cellOf, type MatrixCell, useExactCell } from "./matrix-cursor";
import { type IndexOf, type MatrixFrames, useMatrixFrames } from "./matrix-frames";
import { matrixKeys } from "./matrix-keys";
import { MatrixLegend } from "./matrix-legend";
import { MatrixNote } from "./matrix-note";
import { EDGE_PX, MatrixPainter, sceneSize } from "./matrix-painter";
import { useMatrixPointer } from "./matrix-pointer";
import { fitPlot, type MatrixWindow, type Plot, WHOLE_MATRIX } from "./matrix-window";
import type { Theme } from "./theme";
import { type Tile, wholeRegion } from "./tiles";
import { type Labels, labelRoom } from "./token-axis";
import type { Selecting } from "./token-selection";
import { useWidth } from "./width";

export type { MatrixCell } from "./matrix-cursor";

export interface MatrixViewProps {
  channel: Channel;
  /** A tensor of axes (head, row, column), unless `index` says how its axes are drawn. */
  tensor: string;
  /** Along the first axis. */
  head: number;
  /** Where the tensor has other axes: the region to ask for, given the drawn one. Only the last two may be drawn. */
  index?: IndexOf;
  /** Of the data: another number makes everything be asked again. */
  version: number;
  rows: Labels;
  columns: Labels;
  colors: MatrixColors;
  theme: Theme;
  /** The cell under the pointer or the keyboard's cursor; shared with other views. */
  cell: Signal<MatrixCell | null>;
  onPick?: ((row: number, column: number) => void) | undefined;
  /** The cell that stays marked. */
  pinned?: readonly [row: number, column: number] | null;
  /** Escape; false when there was nothing to drop. */
  onClear?: (() => boolean) | undefined;
  /** Rows that are marked, ascending. */
  selected?: readonly number[];
  onSelectRow?: ((row: number, how: Selecting) => void) | undefined;
  /** Drawn until the frame is there: (rows, columns) or more coarsely, as the heads field has it. */
  preview?: Frame | null;
  /** Ends of the colours, where views share them; else from the frame's own range. */
  domain?: Domain | null;
  /** Most height of labels and plot together. */
  height_px?: number;
  label: string;
  /** What a row and a column are. */
  nouns?: readonly [row: string, column: string];
  /** What a cell without a value is. */
  absent?: string;
  /** What else was done to the values, for the legend. */
  notes?: readonly string[];
  legend?: boolean;
  announce?: ((text: string) => void) | undefined;
  /** Gets the painter, whose scene can be drawn elsewhere for export. */
  painter?: { current: MatrixPainter | null };
}

const LABEL_ROOM_PX = [20, 88] as const;
const NOBODY: readonly number[] = [];
/** So many labels never fit beside all cells. */
const MANY = 36;
const NOUNS = ["query", "key"] as const;

/**
 * One matrix of a tensor as a heat map that fetches itself: pooled to the pixels there are, sharp where one zooms in,
 * exact in the cell at hand.
 *
 * The first paint after a change is the preview, if there is one; else what is on show stays until the frame is there.
 */
export function MatrixView(props: MatrixViewProps) {
  const { channel, tensor, head, version, rows, columns, cell, colors, height_px = 520, nouns = NOUNS } = props;
  const box = useRef<HTMLDivElement>(null);
  const stage = useRef<HTMLDivElement>(null);
  const ratio = globalThis.devicePixelRatio || 1;
  const gutter = useGutter(rows, columns);
  const plot = usePlot(rows, columns, gutter, [height_px, useWidth(box)], ratio);
  const view = useSignal<MatrixWindow>(WHOLE_MATRIX);
  const hovered = useSignal(false);
  const index = props.index ?? headIndex(head);
  const part = JSON.stringify(index([0, 1], [0, 1]));
  const frames = useMatrixFrames({ channel, tensor, index, part, version }, plot, view, ratio);
  useLayoutEffect(() => {
    view.value = WHOLE_MATRIX;
  }, [rows.length, columns.length]);
  useExactCell(frames, cell);

  const point = (at: readonly [number, number] | null) => {
    hovered.value = at !== null;
    const now = cell.peek();
    if (!at) cell.value = null;
    else if (now?.row !== at[0] || now.column !== at[1]) cell.value = cellOf(frames, ...at);
  };
  useMatrixPointer(stage, {
    plot,
    gutter,
    view,
    point,
    pick: (row, column) => props.onPick?.(row, column),
    pickRow: (row, how) => props.onSelectRow?.(row, how),
  });
  const tiles = tilesOnShow(props, frames);
  const [coarse] = tiles;
  const own = useMemo(() => (coarse ? clippedDomain(coarse.frame, colors) : null), [coarse?.frame, colors]);
  const domain = props.domain ?? own;
  usePainter(stage, props, { plot, gutter, view: view.value, tiles, domain, ratio });
  const at = cell.value;
  const sharp = (view.value.zoom > 1 ? tiles[tiles.length - 1] : coarse)?.frame ?? null;
  const [width, height] = sceneSize({ plot, gutter });
  return (
    <div class="attrium-matrix-view" ref={box}>
      <div
        ref={stage}
        class="attrium-matrix-stage"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: arrows move its cursor
        tabIndex={0}
        role="application"
        aria-label={props.label}
        aria-roledescription="matrix"
        aria-busy={frames.waiting.value && coarse === frames.whole.value?.tile}
        data-zoomed={view.value.zoom > 1}
        style={{ width: `${width}px`, height: `${height}px` }}
        onKeyDown={matrixKeys(matrixActions({ ...props, nouns }, frames, plot, view, hovered))}
      >
        <canvas />
        <canvas />
        {at && hovered.value && (
          <MatrixNote
            at={at}
            reading={frames.read(at.row, at.column)}
            header={sharp}
            place={{ plot, gutter, view: view.value }}
            labels={[rows, columns]}
            nouns={nouns}
            colors={colors}
            absent={props.absent}
          />
        )}
      </div>
      {frames.error.value !== null && <p class="attrium-matrix-error">{frames.error.value}</p>}
      {props.legend !== false && (
        <MatrixLegend
          colors={colors}
          theme={props.theme}
          domain={domain}
          header={sharp}
          marked={at?.value ?? null}
          notes={props.notes ?? []}
        />
      )}
    </div>
  );
}

function headIndex(head: number): IndexOf {
  return (rows, columns) => [[head, head + 1], rows, columns];
}

/** Room for the labels, measured in the font they are drawn in. */
function useGutter(rows: Labels, columns: Labels): Gutter {
  return useMemo(() => {
    const context = typeof document === "undefined" ? null : document.createElement("canvas").getContext("2d");
    if (context) context.font = `600 ${LABEL_FONT_PX}px sans-serif`;
    const measure = (text: string) => context?.measureText(text).width ?? text.length * LABEL_FONT_PX * 0.55;
    // Where cells are too small for a label each, an index is written beside the text.
    const index = ({ length }: Labels) => (length > MANY ? measure(`\u2002${length}`) : 0);
    const room = (labels: Labels) => Math.ceil(labelRoom(labels, measure, LABEL_ROOM_PX) + index(labels) + 14);
    return { left: room(rows), top: room(columns) };
  }, [rows, columns]);
}

function usePlot(
  rows: Labels,
  columns: Labels,
  { left, top }: Gutter,
  [height_px, width_px]: readonly [number, number],
  ratio: number,
): Plot {
  const room = [height_px - top - EDGE_PX, width_px - left - EDGE_PX] as const;
  return useMemo(
    () => fitPlot(rows.length, columns.length, room, ratio),
    [rows.length, columns.length, room[0], room[1], ratio],
  );
}

/** What to draw, coarse first: the frame, before it the preview, before that what was there. */
function tilesOnShow({ preview, rows, columns }: MatrixViewProps, frames: MatrixFrames): Tile[] {
  const whole = frames.whole.value;
  const near = frames.near.value;
  // What was there before is not what was asked for.
  if (frames.error.value !== null) return [];
  if (whole?.key === frames.key) return near?.key === frames.key ? [whole.tile, near.tile] : [whole.tile];
  if (preview) return [{ ...wholeRegion(rows.length, columns.length), frame: preview }];
  return whole ? [whole.tile] : [];
}

interface Drawn {
  plot: Plot;
  gutter: Gutter;
  view: MatrixWindow;
  tiles: readonly Tile[];
  domain: Domain | null;
  ratio: number;
}

/** Draws after every render; the painter knows what has changed. */
function usePainter(stage: RefObject<HTMLElement>, props: MatrixViewProps, drawn: Drawn): void {
  const own = useRef<MatrixPainter | null>(null);
  const { rows, columns, cell, pinned = null, selected = NOBODY, colors, theme } = props;
  const { ratio, ...rest } = drawn;
  const at = cell.value;
  const pointed = at && at.row < rows.length && at.column < columns.length ? ([at.row, at.column] as const) : null;
  useLayoutEffect(() => {
    const [cells, marks] = stage.current?.querySelectorAll("canvas") ?? [];
    if (!cells || !marks) return;
    own.current ??= new MatrixPainter(cells, marks);
    own.current.draw({ ...rest, rows, columns, pointed, pinned, selected, colors, theme, pixelRatio: ratio });
    if (props.painter) props.painter.current = own.current;
  });
  useEffect(
    () => () => {
      if (props.painter) props.painter.current = null;
    },
    [],
  );
}
