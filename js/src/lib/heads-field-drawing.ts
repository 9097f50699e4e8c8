import type { RefObject } from "preact";
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Frame } from "./frame";
import { drawField, type FieldScene, HeadsAtlas } from "./heads-field-canvas";
import type { FieldLayout } from "./heads-field-layout";
import { prepared } from "./matrix-canvas";
import { clippedDomain, colorTable, type Inks, inksOf, type MatrixColors } from "./matrix-colors";
import type { Theme } from "./theme";

interface Pictured {
  field: Frame | null;
  scores: { values: Float32Array } | null;
  colors?: MatrixColors;
  theme: Theme;
}

interface Marked extends Pick<FieldScene, "chosen" | "cursor" | "pointed" | "together"> {
  from_px: number;
  window_px: number;
}

/** Draws what is scrolled into sight, after every render; thumbnails are painted only when they change. */
export function useFieldDrawing(
  { field, scores, colors = "attention", theme }: Pictured,
  layout: FieldLayout,
  box: RefObject<HTMLElement>,
  { from_px, window_px, ...marks }: Marked,
): void {
  const table = useMemo(() => colorTable(colors, theme), [colors, theme]);
  const domain = useMemo(() => field && clippedDomain(field, colors), [field, colors]);
  const shares = useMemo(
    () => scores && sharesOf(layout, scores.values, field?.shape[1] ?? 0),
    [layout, scores, field],
  );
  const inks = useRef<{ theme: Theme; inks: Inks } | null>(null);
  const [atlas] = useState<{ current: HeadsAtlas | null }>({ current: null });
  useLayoutEffect(() => {
    const canvas = box.current?.querySelector("canvas");
    if (!canvas) return;
    const ratio = globalThis.devicePixelRatio || 1;
    if (inks.current?.theme !== theme) inks.current = { theme, inks: inksOf(canvas) };
    atlas.current ??= new HeadsAtlas(canvas.ownerDocument);
    if (field && domain) atlas.current.paint(field, colors, domain, table, Math.round(layout.side_px * ratio));
    canvas.style.width = `${layout.width_px}px`;
    canvas.style.height = `${window_px}px`;
    const context = prepared(canvas, layout.width_px, window_px, ratio);
    if (!context) return;
    const scene = { ...marks, layout, inks: inks.current.inks, atlas: field && domain ? atlas.current : null, shares };
    drawField(context, scene, from_px, from_px + window_px);
  });
}

/** Scores as shares of their range, from 0 at zero (or at the smallest, if that is below). */
export function sharesOf(layout: FieldLayout, values: ArrayLike<number>, width: number): number[] {
  const own = layout.tiles.map(({ row, head }) => values[row * width + head] ?? Number.NaN);
  const finite = own.filter(Number.isFinite);
  const low = Math.min(0, ...finite);
  const high = Math.max(0, ...finite);
  return own.map((value) => (Number.isFinite(value) && high > low ? (value - low) / (high - low) : Number.NaN));
}
