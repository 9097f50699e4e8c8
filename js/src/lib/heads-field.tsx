import { type Signal, useSignal } from "@preact/signals";
import type { RefObject } from "preact";
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { formatNumber } from "./format-number";
import type { Frame } from "./frame";
import { useFieldDrawing } from "./heads-field-drawing";
import { type FieldLayout, fieldLayout, type HeadRef, type HeadTile, stepTile, tileAt } from "./heads-field-layout";
import { onKeys } from "./keyboard";
import type { MatrixColors } from "./matrix-colors";
import type { Theme } from "./theme";
import { Tooltip } from "./tooltip";
import { useWidth } from "./width";

/** A number for each head, layers times heads of the field, heads fastest; NaN for none. */
export interface HeadScores {
  title: string;
  values: Float32Array;
}

export interface HeadsFieldProps {
  /** (layer, head, n, n), n the same for rows and columns or not; null while it is under way. */
  field: Frame | null;
  scores: HeadScores | null;
  /** Numbers of the layers, in the order of the field's first axis. */
  layers: readonly number[];
  /** Heads of each layer; by default as many as the field has. */
  heads?: readonly number[];
  /** Sorted, as a wrapped list; null or nothing for layers as rows. */
  order?: readonly HeadRef[] | null;
  /** The chosen head, `block` as in `layers`. */
  block: number;
  head: number;
  onChoose(layer: number, head: number): void;
  /** Heads that are on together with the chosen one. */
  together?: readonly HeadRef[];
  /** Ctrl+click or Ctrl+Enter. */
  onTogether?: ((layer: number, head: number) => void) | undefined;
  colors?: MatrixColors;
  theme: Theme;
  /** What a head is called; empty for none. */
  nameOf?: (layer: number, head: number) => string;
  label?: string;
  /** Most height; beyond it the field scrolls. */
  height_px?: number;
  /** Largest side of a thumbnail. */
  largest_px?: number;
}

/**
 * All heads of a model as thumbnails on one canvas: layers down and heads across, or a list sorted by a score.
 *
 * Hover names a head and its score, a click or Enter chooses it, arrows move from head to head. All thumbnails share
 * one scale of colours.
 */
export function HeadsField(props: HeadsFieldProps) {
  const { field, scores, order = null, height_px = 560, largest_px = 56 } = props;
  const box = useRef<HTMLDivElement>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const width_px = useWidth(box);
  const heads = useHeads(props);
  const layout = useMemo(
    () => fieldLayout({ layers: props.layers, heads, order, width_px, scored: scores !== null, largest_px }),
    [props.layers, heads, order, width_px, scores !== null, largest_px],
  );
  const pointed = useSignal<number | null>(null);
  const cursor = useSignal<number | null>(null);
  const top = useSignal(0);
  const [id] = useState(() => `attrium-head-${Math.random().toString(36).slice(2)}`);
  const window_px = Math.min(height_px, layout.height_px);
  const place = (layer: number, head: number) =>
    layout.tiles.findIndex((tile) => tile.layer === layer && tile.head === head);
  const chosen = place(props.block, props.head);
  const together = new Set((props.together ?? []).map(([layer, head]) => place(layer, head)));
  useFieldDrawing(props, layout, box, {
    chosen: chosen < 0 ? null : chosen,
    cursor: cursor.value,
    pointed: pointed.value,
    together,
    from_px: top.value,
    window_px,
  });
  const choose = (at: number | null, add: boolean) => {
    const tile = layout.tiles[at ?? -1];
    if (!tile) return false;
    if (add && props.onTogether) props.onTogether(tile.layer, tile.head);
    else props.onChoose(tile.layer, tile.head);
    return true;
  };
  const at = (event: MouseEvent) => {
    const bounds = (event.currentTarget as HTMLElement).getBoundingClientRect();
    return tileAt(layout, event.clientX - bounds.left, event.clientY - bounds.top);
  };
  const scoreOf = (tile: HeadTile) => scores?.values[tile.row * (field?.shape[1] ?? Math.max(...heads)) + tile.head];
  const nameOf = (tile: HeadTile) => props.nameOf?.(tile.layer, tile.head) ?? "";
  useLayoutEffect(() => reveal(layout, chosen, scroller.current), [layout, chosen]);
  const shown = layout.tiles[pointed.value ?? cursor.value ?? -1] ?? null;
  const keys = fieldKeys(layout, cursor, chosen, scroller, choose);
  return (
    <div class="attrium-heads" ref={box} style={{ "--attrium-heads-height": `${window_px}px` }}>
      {/* biome-ignore lint/a11y/useSemanticElements: thumbnails on a canvas */}
      <div
        ref={scroller}
        class="attrium-heads-scroll"
        role="grid"
        tabIndex={0}
        aria-label={props.label ?? "All heads"}
        aria-activedescendant={id}
        aria-rowcount={Math.ceil(layout.tiles.length / layout.across)}
        aria-colcount={layout.across}
        onKeyDown={keys}
        onBlur={() => {
          cursor.value = null;
        }}
        onScroll={(event) => {
          top.value = event.currentTarget.scrollTop;
        }}
      >
        {/* biome-ignore lint/a11y/noStaticElementInteractions: the grid around it takes the keys */}
        {/* biome-ignore lint/a11y/useKeyWithClickEvents: the grid around it takes the keys */}
        <div
          class="attrium-heads-world"
          style={{ height: `${layout.height_px}px`, width: `${layout.width_px}px` }}
          onPointerMove={(event) => {
            pointed.value = at(event);
          }}
          onPointerLeave={() => {
            pointed.value = null;
          }}
          onClick={(event) => choose(at(event), event.ctrlKey || event.metaKey)}
        >
          <canvas />
        </div>
        <Spoken
          id={id}
          tile={layout.tiles[cursor.value ?? chosen]}
          score={scoreOf}
          title={scores?.title}
          name={nameOf}
          chosen={(cursor.value ?? chosen) === chosen}
        />
      </div>
      {shown && (
        <Tooltip
          x={shown.x + layout.side_px / 2}
          y={Math.min(window_px - 8, shown.y - top.value + layout.side_px)}
          within={Math.max(width_px, 240)}
        >
          <strong>
            Layer {shown.layer}, head {shown.head}
          </strong>
          {nameOf(shown) !== "" && <div>{nameOf(shown)}</div>}
          {scores && (
            <div class="attrium-number">
              {scores.title} {scoreText(scoreOf(shown))}
            </div>
          )}
        </Tooltip>
      )}
    </div>
  );
}

function scoreText(score: number | undefined): string {
  return score === undefined || Number.isNaN(score) ? "\u2013" : formatNumber(score, 3);
}

function useHeads({ heads, layers, field }: HeadsFieldProps): readonly number[] {
  const most = field?.shape[1] ?? 0;
  return useMemo(() => heads ?? layers.map(() => most), [heads, layers, most]);
}

interface SpokenProps {
  id: string;
  tile: HeadTile | undefined;
  score(tile: HeadTile): number | undefined;
  title: string | undefined;
  name(tile: HeadTile): string;
  chosen: boolean;
}

/** The head under the cursor as the one cell that readers of the screen meet. */
function Spoken({ id, tile, score, title, name, chosen }: SpokenProps) {
  if (!tile) return null;
  return (
    // biome-ignore lint/a11y/useSemanticElements: no table is drawn
    // biome-ignore lint/a11y/useFocusableInteractive: the grid has the focus
    <div role="row" class="attrium-spoken">
      {/* biome-ignore lint/a11y/useSemanticElements: no table is drawn */}
      <span id={id} role="gridcell" tabIndex={-1} aria-selected={chosen}>
        Layer {tile.layer}, head {tile.head}
        {name(tile) && ` ${name(tile)}`}
        {title === undefined ? "" : `, ${title} ${scoreText(score(tile))}`}
      </span>
    </div>
  );
}

function fieldKeys(
  layout: FieldLayout,
  cursor: Signal<number | null>,
  chosen: number,
  scroller: RefObject<HTMLElement>,
  choose: (at: number | null, add: boolean) => boolean,
) {
  const go = (to: number) => {
    cursor.value = Math.min(layout.tiles.length - 1, Math.max(0, to));
    reveal(layout, cursor.value, scroller.current);
  };
  const from = () => cursor.value ?? Math.max(0, chosen);
  return onKeys({
    ArrowLeft: () => go(from() - 1),
    ArrowRight: () => go(from() + 1),
    ArrowUp: () => go(stepTile(layout, from(), -1, 0)),
    ArrowDown: () => go(stepTile(layout, from(), 1, 0)),
    Home: () => go(0),
    End: () => go(layout.tiles.length - 1),
    Enter: () => choose(from(), false),
    " ": () => choose(from(), false),
    "Ctrl+Enter": () => choose(from(), true),
  });
}

/** Scrolls no more than needed so that a tile is in sight. */
function reveal(layout: FieldLayout, at: number, scroller: HTMLElement | null): void {
  const tile = layout.tiles[at];
  if (!tile || !scroller) return;
  const high = layout.side_px + layout.name_px + 12;
  const head_px = layout.name_px > 0 ? 4 : layout.top_px;
  if (tile.y < scroller.scrollTop + head_px) scroller.scrollTop = tile.y - head_px;
  if (tile.y + high > scroller.scrollTop + scroller.clientHeight)
    scroller.scrollTop = tile.y + high - scroller.clientHeight;
}
