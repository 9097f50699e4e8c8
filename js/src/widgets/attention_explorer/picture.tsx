import { useSignal } from "@preact/signals";
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import {
  decodeFrame,
  fitSize,
  inksOf,
  matrixNotes,
  onKeys,
  picturePixels,
  prepared,
  putPixels,
  Tooltip,
  useWidth,
  valueText,
} from "../../lib";
import { type Explorer, headWords } from "./explorer";
import {
  type DrawnPatches,
  drawPatches,
  isPicture,
  type PatchGrid,
  type PatchScene,
  patchAt,
  placeOf,
  stepPatch,
} from "./patches";
import { type Rows, rowOf } from "./rows";

interface PictureProps {
  explorer: Explorer;
  /** The query whose attention is drawn. */
  query: number;
  rows: Rows | null;
  height_px: number;
  drawn: { current: DrawnPatches | null };
}

/** Rows and columns of patches, if what is on show attends to the patches of a picture. */
export function patchGrid({ store, shown }: Pick<Explorer, "store" | "shown">): PatchGrid | null {
  const [rows, columns] = store.get("grid");
  const prefix = store.get("prefix");
  if (!rows || !columns || store.get("image") === null) return null;
  return prefix + rows * columns === shown.columns.length ? { rows, columns, prefix } : null;
}

/** The picture under the attention of one query; a click on a patch makes it the query. */
export function Picture({ explorer, query, rows, height_px, drawn }: PictureProps) {
  const { store, shown, theme } = explorer;
  const grid = patchGrid(explorer);
  const wire = store.get("image");
  const box = useRef<HTMLDivElement>(null);
  const stage = useRef<HTMLDivElement>(null);
  const pointed = useSignal<number | null>(null);
  const width = useWidth(box);
  const image = useMemo(() => wire && decodeFrame(wire), [wire]);
  const picture = useMemo(() => {
    if (!isPicture(image) || typeof document === "undefined") return null;
    const canvas = document.createElement("canvas");
    putPixels(canvas, picturePixels(image), image.shape[0] ?? 0, image.shape[1] ?? 0);
    return canvas;
  }, [image]);
  const [tall = 1, wide = 1] = image?.shape ?? [];
  const [shown_height, shown_width] = fitSize(tall, wide, height_px, Math.min(560, width || 1));
  const row = rowOf(rows, query);
  const samePositions = shown.rows.length === shown.columns.length;
  useLayoutEffect(() => {
    const canvas = stage.current?.querySelector("canvas");
    if (!canvas || !picture || !grid) return;
    const context = prepared(canvas, shown_width, shown_height, globalThis.devicePixelRatio || 1);
    const scene: PatchScene = {
      grid,
      picture,
      width_px: shown_width,
      height_px: shown_height,
      row,
      signed: shown.colors === "signed",
      query: samePositions ? query : null,
      pointed: pointed.value,
      inks: inksOf(canvas),
      theme,
    };
    drawn.current = { scene, canvas };
    if (context) drawPatches(context, scene);
  });
  if (!grid) return <p class="attrium-empty">These tokens are no patches of a picture.</p>;
  const at = (event: MouseEvent) => {
    const bounds = (event.currentTarget as HTMLElement).getBoundingClientRect();
    return patchAt(grid, (event.clientX - bounds.left) / bounds.width, (event.clientY - bounds.top) / bounds.height);
  };
  const choose = (position: number | null) => {
    if (position === null) return false;
    if (samePositions) explorer.select(position, "only");
    else explorer.pin(query, position);
    return true;
  };
  const move = (down: number, across: number) => () => {
    const next = stepPatch(grid, pointed.value ?? query, down, across);
    pointed.value = next;
    const value = row?.[next];
    explorer.announce(`${shown.columns[next]}${value === undefined ? "" : `, ${valueText(value, shown.colors)}`}`);
  };
  const keys = onKeys({
    ArrowUp: move(-1, 0),
    ArrowDown: move(1, 0),
    ArrowLeft: move(0, -1),
    ArrowRight: move(0, 1),
    Enter: () => choose(pointed.value),
    " ": () => choose(pointed.value),
  });
  const place = pointed.value === null ? null : placeOf(grid, pointed.value);
  return (
    <div class="attrium-patches" ref={box}>
      <div
        ref={stage}
        class="attrium-patches-stage"
        role="application"
        aria-roledescription="picture of patches"
        aria-label={`Attention of ${shown.rows[query]} over the picture, layer ${shown.layer}, ${headWords(shown, shown.layer, shown.head)}`}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: arrows move from patch to patch
        tabIndex={0}
        style={{ width: `${shown_width}px`, height: `${shown_height}px` }}
        onKeyDown={keys}
        onPointerMove={(event) => {
          pointed.value = at(event);
        }}
        onPointerLeave={() => {
          pointed.value = null;
        }}
        onClick={(event) => choose(at(event))}
      >
        <canvas />
        {place && pointed.value !== null && (
          <Tooltip
            x={((place[1] + 0.5) / grid.columns) * shown_width}
            y={((place[0] + 0.5) / grid.rows) * shown_height}
            within={shown_width}
          >
            <div class="attrium-number">
              {shown.columns[pointed.value]}
              <div class="attrium-matrix-value">
                {row ? valueText(row[pointed.value] ?? Number.NaN, shown.colors, shown.absent) : "\u2026"}
              </div>
            </div>
          </Tooltip>
        )}
      </div>
      <Specials explorer={explorer} grid={grid} query={query} row={row} choose={choose} />
      <p class="attrium-attention-note attrium-number">
        {[
          shown.colors === "signed"
            ? "red above zero, blue below"
            : "clear is much, faded is little; scaled to the strongest patch",
          ...matrixNotes(rows?.frame ?? null),
        ].join(" \u00b7 ")}
      </p>
    </div>
  );
}

interface SpecialsProps {
  explorer: Explorer;
  grid: PatchGrid;
  query: number;
  row: Float32Array | null;
  choose(position: number): boolean;
}

/** The tokens that are no patch, with the weight that each gets. */
function Specials({ explorer, grid, query, row, choose }: SpecialsProps) {
  const { shown } = explorer;
  if (grid.prefix === 0) return null;
  return (
    <div class="attrium-patches-special">
      {shown.columns.slice(0, grid.prefix).map((name, at) => (
        <button key={name} type="button" aria-pressed={query === at} onClick={() => choose(at)}>
          {name}
          {row && <span class="attrium-number">{valueText(row[at] ?? Number.NaN, shown.colors, shown.absent)}</span>}
        </button>
      ))}
    </div>
  );
}
