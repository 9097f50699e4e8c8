import { formatCount, formatNumber, formatPercent, formatSigned } from "./format-number";
import type { FrameHeader } from "./frame";
import { type Domain, type MatrixColors, rampOf, shareOf } from "./matrix-colors";
import type { Theme } from "./theme";

interface LegendProps {
  colors: MatrixColors;
  theme: Theme;
  domain: Domain | null;
  /** Header of the sharpest frame on show. */
  header: FrameHeader | null;
  /** The value under the pointer, marked on the bar. */
  marked: number | null;
  /** What else was done to the values. */
  notes?: readonly string[];
}

/** The colours of a matrix with their numbers, and what was done to the values on the way to the screen. */
export function MatrixLegend({ colors, theme, domain, header, marked, notes = [] }: LegendProps) {
  if (!domain) return null;
  const { low, high, beyond = 0 } = domain;
  const clipped = beyond > 0 ? [`${formatPercent(beyond)} lie beyond`] : [];
  const write = domain.ratios ? formatCount : low < 0 ? formatSigned : formatNumber;
  const place = marked === null || !Number.isFinite(marked) ? null : shareOf(marked, domain);
  return (
    <div class="attrium-matrix-legend">
      <span class="attrium-number">{beyond > 0 && low < 0 ? `\u2264 ${write(low, 3)}` : write(low, 3)}</span>
      <span class="attrium-matrix-ramp" style={{ background: rampOf(colors, theme) }}>
        {place !== null && <i style={{ left: `${100 * place}%` }} />}
      </span>
      <span class="attrium-number">{beyond > 0 ? `\u2265 ${write(high, 3)}` : write(high, 3)}</span>
      <span class="attrium-matrix-notes attrium-number">
        {[...clipped, ...matrixNotes(header), ...notes].join(" \u00b7 ")}
      </span>
    </div>
  );
}

const POOLED: Record<string, string> = { mean: "mean", absmax: "largest magnitude", max: "largest", min: "smallest" };

/** Pooling and quantisation in words; empty where each pixel is one exact value. */
export function matrixNotes(header: FrameHeader | null): string[] {
  if (!header) return [];
  const notes: string[] = [];
  const { pooled, quantised } = header;
  if (pooled.kind !== "none") {
    notes.push(`each dot the ${POOLED[pooled.kind] ?? pooled.kind} of ${windowWords(pooled.factor.slice(-2))}`);
  }
  if (quantised) notes.push(`in steps of ${formatNumber(quantised.scale, 2)}`);
  return notes;
}

/** Cells that go into one dot: "4 \u00d7 4", or "up to 2 \u00d7 2" where a dot has more of them than another. */
export function windowWords(factors: readonly number[]): string {
  const words = factors.map((by) => formatCount(Math.ceil(by))).join(" \u00d7 ");
  return factors.every((by) => Number.isInteger(by)) ? words : `up to ${words}`;
}

/** How a value that is not exact reads: as the pooled cell that holds it. */
export function pooledWords(header: FrameHeader | null): string {
  return header && header.pooled.kind !== "none"
    ? `${POOLED[header.pooled.kind] ?? header.pooled.kind} nearby`
    : "about";
}
