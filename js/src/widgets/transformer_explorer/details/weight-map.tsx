import { useSignal } from "@preact/signals";
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import {
  type Frame,
  formatSigned,
  type Range,
  type Shading,
  type Theme,
  Tooltip,
  valueToRgb,
  putPixels,
  sourceShape,
  valuesOf,
} from "../../../lib";
import { roleShading } from "../../../lib/roles";
import { endOf } from "./scale-end";

interface Props {
  /** Its last two axes are drawn; those before have one cell. */
  frame: Frame;
  width_px: number;
  height_px: number;
  theme: Theme;
  /** A row and a column that belong to what is pointed at elsewhere, before pooling. */
  row?: number | null;
  column?: number | null;
  label: string;
}

/** A weight matrix in miniature: real values, pooled to the room there is. */
export function WeightMap({ frame, width_px, height_px, theme, row = null, column = null, label }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const here = useSignal<{ row: number; column: number } | null>(null);
  const [height = 1, width = 1] = frame.shape.slice(-2);
  const [rows = 1, columns = 1] = sourceShape(frame).slice(-2);
  const values = useMemo(() => valuesOf(frame), [frame]);
  const shading = useMemo(() => roleShading("residual", theme, endOf(values)), [values, theme]);
  useLayoutEffect(() => {
    if (canvas.current) putPixels(canvas.current, pixelsOf(values, shading), height, width);
  }, [values, shading, height, width]);
  const at = (event: MouseEvent) => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const inside = (offset: number, size: number, count: number) =>
      Math.min(count - 1, Math.max(0, Math.floor((offset / (size || 1)) * count)));
    return {
      row: inside(event.clientY - box.top, box.height, height),
      column: inside(event.clientX - box.left, box.width, width),
    };
  };
  const cell = here.value;
  return (
    <div
      class="attrium-stripes attrium-weight"
      style={{ width: `${width_px}px`, height: `${height_px}px` }}
      onPointerMove={(event) => {
        here.value = at(event);
      }}
      onPointerLeave={() => {
        here.value = null;
      }}
    >
      <canvas ref={canvas} role="img" aria-label={label} />
      {row !== null && <span class="attrium-weight-row" style={bandStyle("top", "height", row, rows, height)} />}
      {column !== null && (
        <span class="attrium-weight-column" style={bandStyle("left", "width", column, columns, width)} />
      )}
      {cell && (
        <Tooltip
          x={((cell.column + 0.5) / width) * width_px}
          y={((cell.row + 0.5) / height) * height_px}
          within={width_px}
        >
          <span class="attrium-number">
            {formatSigned(values[cell.row * width + cell.column] ?? Number.NaN)}
            <br />
            <span class="attrium-tooltip-soft">
              {`row ${spanWords(cellSpan(cell.row, height, rows))}, column ${spanWords(cellSpan(cell.column, width, columns))}`}
            </span>
          </span>
        </Tooltip>
      )}
    </div>
  );
}

function pixelsOf(values: Float32Array, shading: Shading): Uint8ClampedArray<ArrayBuffer> {
  const pixels = new Uint8ClampedArray(values.length * 4);
  values.forEach((value, i) => {
    pixels.set(valueToRgb(value, shading), 4 * i);
    pixels[4 * i + 3] = 255;
  });
  return pixels;
}

/** The rows or columns that one stored cell covers. */
export function cellSpan(cell: number, stored: number, source: number): Range {
  return [Math.floor((cell * source) / stored), Math.floor(((cell + 1) * source) / stored)];
}

function spanWords([start, stop]: Range): string {
  return stop - start <= 1 ? `${start}` : `${start}\u2013${stop - 1}`;
}

/** A band over the stored cell that covers a row or column. */
function bandStyle(edge: "top" | "left", size: "height" | "width", at: number, source: number, stored: number) {
  const cell = Math.min(stored - 1, Math.floor((at * stored) / source));
  return { [edge]: `${(100 * cell) / stored}%`, [size]: `max(2px, ${100 / stored}%)` };
}
