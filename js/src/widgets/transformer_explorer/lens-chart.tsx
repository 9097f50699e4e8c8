import { useRef } from "preact/hooks";
import { formatCount, formatPercent, spokenText, useWidth } from "../../lib";
import type { Here } from "./details/reading";
import type { Explorer } from "./explorer";
import { type LensChunk, type LensMode, lensCell, pointLabel, rankShare } from "./lens-cells";
import { CHUNK, useLens } from "./lens-data";

const HEIGHT_PX = 168;
const MARGIN = { left: 48, right: 14, top: 12, bottom: 30 };

interface Props {
  explorer: Explorer;
  here: Here;
  mode: LensMode;
  /** Draws the run without interventions beside it. */
  compare: boolean;
  token: number | null | undefined;
}

/** Probability or rank of the followed token at the reader's position, over the points of the stream. */
export function LensChart({ explorer, here, mode, compare, token }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box);
  const start = Math.floor(here.position / CHUNK) * CHUNK;
  const { chunk } = useLens(explorer, here, { start, token, which: here.which });
  const base = useLens(explorer, here, { start, token: compare ? token : undefined, which: "base" }).chunk;
  const byRank = mode === "rank";
  const top = niceTop(Math.max(...[chunk, base].flatMap((one) => (one ? probabilities(one, here.position) : []))));
  const up: Up = byRank
    ? ({ rank }) => upOf(rankShare(rank, here.model.vocab))
    : ({ probability }) => upOf(probability / top);
  const followed = spokenText(chunk?.facts.token?.text ?? "");
  const word = spokenText(here.tokens[here.position]?.text ?? "");
  return (
    <figure class="attrium-lens-chart" ref={box}>
      <figcaption>
        {`${byRank ? "Rank" : "Probability"} of \u201c${followed}\u201d after \u201c${word}\u201d`}
        {compare && <span class="attrium-faint">; dashed: without the interventions</span>}
      </figcaption>
      {chunk && width > 0 && (
        <svg width={width} height={HEIGHT_PX} role="img" aria-label={chartWords(chunk, here.position, byRank)}>
          <title>{chartWords(chunk, here.position, byRank)}</title>
          <Axes chunk={chunk} width={width} ticks={byRank ? rankTicks(here.model.vocab) : shareTicks(top)} up={up} />
          {base && <Line chunk={base} {...{ width, here, up }} kind="base" />}
          <Line chunk={chunk} {...{ width, here, up }} kind="run" />
        </svg>
      )}
    </figure>
  );
}

interface LineProps {
  chunk: LensChunk;
  width: number;
  here: Here;
  up: Up;
  kind: "run" | "base";
}

function Line({ chunk, width, here, up, kind }: LineProps) {
  const places = chunk.facts.points.flatMap((point, at) => {
    const cell = lensCell(chunk, at, here.position);
    if (!cell) return [];
    return [{ point, cell, x: acrossOf(at, chunk, width), y: up(cell) }];
  });
  return (
    <g class="attrium-lens-line" data-kind={kind}>
      <polyline points={places.map(({ x, y }) => `${x},${y}`).join(" ")} />
      {kind === "run" &&
        places.map(({ point, cell, x, y }) => (
          <circle key={point.name} cx={x} cy={y} r="3.5">
            <title>{`${point.name}: rank ${cell.rank}, ${formatPercent(cell.probability)}`}</title>
          </circle>
        ))}
    </g>
  );
}

/** A value at which the chart has a line. */
interface Tick {
  label: string;
  rank: number;
  probability: number;
}

/** How far down a value stands, in pixels. */
type Up = (value: Pick<Tick, "rank" | "probability">) => number;

interface AxesProps {
  chunk: LensChunk;
  width: number;
  ticks: readonly Tick[];
  up: Up;
}

function Axes({ chunk, width, ticks, up }: AxesProps) {
  const { points } = chunk.facts;
  const every = Math.ceil(points.length / Math.max(1, (width - MARGIN.left) / 34));
  return (
    <g class="attrium-lens-axes">
      {ticks.map((tick) => (
        <g key={tick.label}>
          <line x1={MARGIN.left} x2={width - MARGIN.right} y1={up(tick)} y2={up(tick)} />
          <text x={MARGIN.left - 8} y={up(tick) + 4} text-anchor="end">
            {tick.label}
          </text>
        </g>
      ))}
      {points.map((point, at) =>
        at % every === 0 || at === points.length - 1 ? (
          <text key={point.name} x={acrossOf(at, chunk, width)} y={HEIGHT_PX - 10} text-anchor="middle">
            {pointLabel(point)}
          </text>
        ) : null,
      )}
    </g>
  );
}

/** 1, 10, 100 and so on, up to the size of the vocabulary. */
export function rankTicks(vocab: number): Tick[] {
  const ticks: Tick[] = [];
  for (let rank = 1; rank <= vocab; rank *= 10) ticks.push({ label: formatCount(rank), rank, probability: 0 });
  return ticks;
}

function shareTicks(top: number): Tick[] {
  return [0, top / 2, top].map((probability) => ({ label: formatPercent(probability), rank: 1, probability }));
}

/** The next of 1, 2 or 5 times a power of ten, so that small probabilities are no flat line; at most 1. */
export function niceTop(largest: number): number {
  if (!(largest > 1e-6)) return 1e-6;
  const power = 10 ** Math.floor(Math.log10(largest));
  return Math.min(1, [1, 2, 5, 10].map((by) => by * power).find((top) => top >= largest * 0.9999) ?? 1);
}

function probabilities(chunk: LensChunk, position: number): number[] {
  return chunk.facts.points.flatMap((_, at) => lensCell(chunk, at, position)?.probability ?? []);
}

function acrossOf(at: number, { facts }: LensChunk, width: number): number {
  return MARGIN.left + (at / Math.max(1, facts.points.length - 1)) * (width - MARGIN.left - MARGIN.right);
}

function upOf(share: number): number {
  return MARGIN.top + (1 - share) * (HEIGHT_PX - MARGIN.top - MARGIN.bottom);
}

function chartWords(chunk: LensChunk, position: number, byRank: boolean): string {
  const said = chunk.facts.points.flatMap((point, at) => {
    const cell = lensCell(chunk, at, position);
    return cell ? [`${pointLabel(point)}: ${byRank ? `rank ${cell.rank}` : formatPercent(cell.probability)}`] : [];
  });
  return said.join("; ");
}
