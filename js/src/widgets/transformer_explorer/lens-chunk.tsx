import type { Signal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { formatNumber, formatPercent, spokenText, Tooltip } from "../../lib";
import type { Here } from "./details/reading";
import type { Explorer } from "./explorer";
import { drawnCell, type LensCell, type LensChunk, type LensMode, lensCell } from "./lens-cells";
import { CHUNK, type LensPlace, ROW_PX, useLens } from "./lens-data";
import { paintCell } from "./lens-paint";
import type { LensFacts, Which } from "./protocol";

/** Room for the tokens at the left. */
export const NAMES_PX = 96;

interface ChunkProps {
  explorer: Explorer;
  here: Here;
  mode: LensMode;
  points: LensFacts["points"];
  cursor: Signal<LensPlace | null>;
  start: number;
  cell_px: number;
  token: number | null | undefined;
}

/** Some lanes: their tokens, and a cell at each point; a click follows the token of a cell. */
export function LensLanes(props: ChunkProps) {
  const { explorer, here, mode, points, cursor, start, cell_px, token } = props;
  const which: Which = mode === "change" ? "run" : here.which;
  const { chunk, error } = useLens(explorer, here, { start, token, which });
  const compared = mode === "change" ? token : undefined;
  const base = useLens(explorer, here, { start, token: compared, which: "base" }).chunk;
  const stop = Math.min(start + CHUNK, here.tokens.length);
  const at = (event: MouseEvent) => {
    const bounds = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const inside = (offset: number, size: number, most: number) =>
      Math.min(most - 1, Math.max(0, Math.floor(offset / size)));
    return {
      position: start + inside(event.clientY - bounds.top, ROW_PX, stop - start),
      point: inside(event.clientX - bounds.left, cell_px, points.length),
    };
  };
  const held = cursor.value;
  const own = held && held.position >= start && held.position < stop ? held : null;
  const cell = own && chunk ? lensCell(chunk, own.point, own.position) : null;
  const width_px = cell_px * points.length;
  const follow = (place: LensPlace) => {
    const id = chunk && lensCell(chunk, place.point, place.position)?.top[0]?.id;
    if (id !== undefined && id !== null) explorer.go({ token: id, position: place.position });
  };
  return (
    <div class="attrium-lens-chunk" style={{ top: `${start * ROW_PX}px`, height: `${(stop - start) * ROW_PX}px` }}>
      <Names explorer={explorer} here={here} start={start} stop={stop} />
      {error !== null && <p class="attrium-missing">{error}</p>}
      {error === null && (
        // biome-ignore lint/a11y/noStaticElementInteractions: keys are the table's around it
        // biome-ignore lint/a11y/useKeyWithClickEvents: keys are the table's around it
        <div
          class="attrium-lens-cells"
          style={{ width: `${width_px}px` }}
          data-waiting={chunk === null}
          onPointerMove={(event) => {
            cursor.value = at(event);
            explorer.lane.value = cursor.value.position;
          }}
          onPointerLeave={() => {
            cursor.value = null;
            explorer.lane.value = null;
          }}
          onClick={(event) => follow(at(event))}
        >
          {chunk && <Cells {...{ explorer, here, mode, chunk, base, cell_px, stop }} />}
          {own && (
            <span
              class="attrium-lens-here"
              style={{
                left: `${own.point * cell_px}px`,
                top: `${(own.position - start) * ROW_PX}px`,
                width: `${cell_px}px`,
                height: `${ROW_PX}px`,
              }}
            />
          )}
          {own && cell && chunk && (
            <Tooltip x={(own.point + 0.5) * cell_px} y={(own.position - start + 0.5) * ROW_PX} within={width_px}>
              <CellTip cell={cell} followed={chunk.facts.token?.text ?? ""} point={points[own.point]?.name ?? ""} />
            </Tooltip>
          )}
        </div>
      )}
    </div>
  );
}

function Names({ explorer, here, start, stop }: { explorer: Explorer; here: Here; start: number; stop: number }) {
  return (
    <div class="attrium-lens-names" style={{ width: `${NAMES_PX}px` }}>
      {here.tokens.slice(start, stop).map((token, at) => (
        <button
          key={start + at}
          type="button"
          tabIndex={-1}
          title={`position ${start + at}`}
          style={{ height: `${ROW_PX}px` }}
          aria-pressed={start + at === here.position}
          data-lit={explorer.lane.value === start + at}
          onClick={() => explorer.go({ position: start + at })}
        >
          {spokenText(token.text)}
        </button>
      ))}
    </div>
  );
}

interface CellsProps {
  explorer: Explorer;
  here: Here;
  mode: LensMode;
  chunk: LensChunk;
  base: LensChunk | null;
  cell_px: number;
  stop: number;
}

function Cells({ explorer, here, mode, chunk, base, cell_px, stop }: CellsProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { theme } = explorer;
  const rows = stop - chunk.facts.start;
  const width_px = cell_px * chunk.facts.points.length;
  useLayoutEffect(() => {
    const element = canvas.current;
    const context = element?.getContext("2d");
    if (!element || !context) return;
    const ratio = globalThis.devicePixelRatio || 1;
    element.width = Math.round(width_px * ratio);
    element.height = Math.round(rows * ROW_PX * ratio);
    context.scale(ratio, ratio);
    context.font = `12px ${getComputedStyle(element).fontFamily || "sans-serif"}`;
    context.textBaseline = "middle";
    for (let row = 0; row < rows; row++) {
      const position = chunk.facts.start + row;
      chunk.facts.points.forEach((_, point) => {
        const cell = lensCell(chunk, point, position);
        if (!cell) return;
        const drawn = drawnCell(mode, cell, base && lensCell(base, point, position), here.model.vocab, theme);
        const comes = mode === "top" && cell.top[0]?.id === here.tokens[position + 1]?.id;
        paintCell(context, drawn, point * cell_px, row * ROW_PX, cell_px, comes, mode === "top");
      });
    }
  }, [chunk, base, mode, cell_px, theme, rows]);
  return <canvas ref={canvas} style={{ width: `${width_px}px`, height: `${rows * ROW_PX}px` }} />;
}

function CellTip({ cell, followed, point }: { cell: LensCell; followed: string; point: string }) {
  return (
    <span class="attrium-lens-tip attrium-number">
      <span class="attrium-tooltip-soft">{point}</span>
      {cell.top.map(({ id, text, probability }) => (
        <span key={id} class="attrium-lens-tip-row">
          <b>{spokenText(text)}</b>
          <span>{formatPercent(probability)}</span>
        </span>
      ))}
      <span class="attrium-lens-tip-row attrium-lens-tip-last">
        <span>{`${spokenText(followed)}, rank ${cell.rank}`}</span>
        <span>{formatPercent(cell.probability)}</span>
      </span>
      <span class="attrium-tooltip-soft">{`entropy ${formatNumber(cell.entropy, 3)} nats`}</span>
    </span>
  );
}
