import { type Signal, useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Shading } from "./color-scales";
import { cellValue, type Field } from "./field";
import { formatSigned } from "./format-number";
import { overlayPixels, putPixels } from "./heatmap";
import { onKeys } from "./keyboard";
import { Tooltip } from "./tooltip";
import { spokenText, type Unit } from "./tokens";
import { useWidth } from "./width";

interface MatrixProps {
  /** Scores, one row per output and one column per unit. */
  field: Field;
  shading: Shading;
  outputs: readonly string[];
  units: readonly Unit[];
  row: number;
  onRow(row: number): void;
  /** The unit under the pointer; shared with the strip. */
  pointed: Signal<number | null>;
}

const ROW_PX = 22;
const LABELS_PX = 96;
const NARROWEST_PX = 5;
const WIDEST_PX = 34;
const LABELLED_PX = 14;

/** Every output against every input token; choosing a row colours the strip by it. Up and down move the row. */
export function TokenMatrix({ field, shading, outputs, units, row, onRow, pointed }: MatrixProps) {
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const hover = useSignal<{ row: number; column: number } | null>(null);
  const room = Math.max(0, useWidth(box) - LABELS_PX - 8);
  const cell = Math.max(NARROWEST_PX, Math.min(WIDEST_PX, Math.floor(room / Math.max(1, field.width))));
  const { scale, end, sign, signed } = shading;
  useLayoutEffect(() => {
    if (!canvas.current) return;
    const style = { mode: "heatmap" as const, opacity: 1, paper: scale.nan };
    putPixels(canvas.current, overlayPixels(field, shading, style), field.height, field.width);
  }, [field, scale, end, sign, signed]);

  const at = (event: MouseEvent) => {
    const bounds = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const inside = (offset: number, size: number, count: number) =>
      Math.min(count - 1, Math.max(0, Math.floor((offset / size) * count)));
    return {
      row: inside(event.clientY - bounds.top, bounds.height, field.height),
      column: inside(event.clientX - bounds.left, bounds.width, field.width),
    };
  };
  const step = (by: number) => () => onRow(Math.min(field.height - 1, Math.max(0, row + by)));
  const keys = onKeys({ ArrowUp: step(-1), ArrowDown: step(1), Home: step(-field.height), End: step(field.height) });
  const width = cell * field.width;
  const column = pointed.value;
  return (
    <div class="attrium-matrix" ref={box}>
      <div class="attrium-matrix-scroll">
        <div class="attrium-matrix-grid" style={{ gridTemplateColumns: `${LABELS_PX}px ${width}px` }}>
          {cell >= LABELLED_PX && (
            <div class="attrium-matrix-columns" style={{ gridTemplateColumns: `repeat(${field.width}, ${cell}px)` }}>
              {units.map((unit, index) => (
                <span key={unit.tokens[0]} data-pointed={index === column}>
                  {spokenText(unit.text)}
                </span>
              ))}
            </div>
          )}
          <div class="attrium-matrix-rows" role="listbox" aria-label="Outputs" onKeyDown={keys}>
            {outputs.map((output, index) => (
              // biome-ignore lint/a11y/useKeyWithClickEvents: keys are the list's
              <span
                key={index}
                role="option"
                aria-selected={index === row}
                tabIndex={index === row ? 0 : -1}
                style={{ height: `${ROW_PX}px` }}
                onClick={() => onRow(index)}
              >
                {spokenText(output)}
              </span>
            ))}
          </div>
          {/* biome-ignore lint/a11y/noStaticElementInteractions: a shortcut for the mouse; the rows take keys */}
          {/* biome-ignore lint/a11y/useKeyWithClickEvents: a shortcut for the mouse; the rows take keys */}
          <div
            class="attrium-matrix-cells"
            style={{ width: `${width}px`, height: `${ROW_PX * field.height}px` }}
            onPointerMove={(event) => {
              hover.value = at(event);
              pointed.value = hover.value.column;
            }}
            onPointerLeave={() => {
              hover.value = null;
              pointed.value = null;
            }}
            onClick={(event) => onRow(at(event).row)}
          >
            <canvas ref={canvas} class="attrium-matrix-canvas" />
            {cell >= 8 && <span class="attrium-matrix-lines" style={{ backgroundSize: `${cell}px ${ROW_PX}px` }} />}
            <span class="attrium-matrix-row" style={{ top: `${row * ROW_PX}px`, height: `${ROW_PX}px` }} />
            {column !== null && (
              <span class="attrium-matrix-column" style={{ left: `${column * cell}px`, width: `${cell}px` }} />
            )}
            {hover.value && (
              <Tooltip x={(hover.value.column + 0.5) * cell} y={(hover.value.row + 0.5) * ROW_PX} within={width}>
                <span class="attrium-number">
                  {spokenText(outputs[hover.value.row] ?? "")} {"\u2190"}{" "}
                  {spokenText(units[hover.value.column]?.text ?? "")}
                  {"\u2003"}
                  {formatSigned(cellValue(field, hover.value.row, hover.value.column))}
                </span>
              </Tooltip>
            )}
          </div>
        </div>
      </div>
    </div>
  );
}
