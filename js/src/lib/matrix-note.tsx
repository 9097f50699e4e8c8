import type { RefObject } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { FrameHeader } from "./frame";
import type { Gutter } from "./matrix-canvas";
import type { MatrixColors } from "./matrix-colors";
import { type MatrixCell, valueText } from "./matrix-cursor";
import { pooledWords } from "./matrix-legend";
import { boxOf, type MatrixWindow, type Plot } from "./matrix-window";
import type { Reading } from "./tiles";
import type { Labels } from "./token-axis";
import { spokenText } from "./tokens";
import { Tooltip } from "./tooltip";

interface NoteProps {
  at: MatrixCell;
  /** What the frames at hand say, while the exact value is not known. */
  reading: Reading | null;
  header: FrameHeader | null;
  place: { plot: Plot; gutter: Gutter; view: MatrixWindow };
  labels: readonly [rows: Labels, columns: Labels];
  nouns: readonly [string, string];
  colors: MatrixColors;
  absent?: string | undefined;
}

/** The cell at hand in words: both tokens with their indices, and the value. */
export function MatrixNote({ at, reading, header, place, labels, nouns, colors, absent }: NoteProps) {
  const { plot, gutter, view } = place;
  const { x, y, width, height } = boxOf(plot, view, [at.row, at.row + 1], [at.column, at.column + 1]);
  const known = at.value ?? reading?.value ?? null;
  const side = (which: 0 | 1, index: number) => (
    <div class="attrium-matrix-side">
      <span>{nouns[which]}</span>
      <strong>{spokenText(labels[which].at(index) ?? "")}</strong>
      {labels[which].at(index) !== String(index) && <span>{index}</span>}
    </div>
  );
  const note = useRef<HTMLDivElement>(null);
  useKeptInside(note);
  return (
    <Tooltip x={gutter.left + x + width / 2} y={gutter.top + y + height / 2} within={gutter.left + plot.width_px}>
      <div class="attrium-matrix-note attrium-number" ref={note}>
        {side(0, at.row)}
        {side(1, at.column)}
        <div class="attrium-matrix-value">
          {known === null ? "\u2026" : valueText(known, colors, absent)}
          {at.value === null && reading && <span> {pooledWords(header)}</span>}
        </div>
      </div>
    </Tooltip>
  );
}

interface Edges {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

const AIR_PX = 4;

/** How far a note must go right and down to lie inside the card; where it would stand out below it goes above its cell. */
export function shiftInside(note: Edges, card: Edges): readonly [right: number, down: number] {
  const [left, right] = [card.left + AIR_PX - note.left, card.right - AIR_PX - note.right];
  const down = note.bottom > card.bottom - AIR_PX ? -(note.bottom - note.top) - 24 : 0;
  return [left > 0 ? left : Math.min(0, right), down];
}

/** Keeps a tooltip inside the widget's card, which cuts off what stands out of it. */
function useKeptInside(note: RefObject<HTMLElement>): void {
  useLayoutEffect(() => {
    const tooltip = note.current?.parentElement;
    const card = tooltip?.closest(".attrium");
    if (!tooltip || !card) return;
    tooltip.style.margin = "0";
    const [right, down] = shiftInside(tooltip.getBoundingClientRect(), card.getBoundingClientRect());
    tooltip.style.margin = `${down}px 0 0 ${right}px`;
  });
}
