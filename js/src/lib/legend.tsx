import { type Rgb, type Shading, toCss, usesBothHalves } from "./color-scales";
import { countBeyond, type Field } from "./field";
import { formatCount, formatNumber, formatSigned } from "./format-number";
import { type OverlayStyle, overlayPixel } from "./heatmap";
import { CONTOUR_LEVELS, contourSigma } from "./picture-layers";

interface LegendProps {
  field: Field;
  shading: Shading;
  clipPercentile: number;
  /** The value under the pointer, marked on the bar. */
  marked?: number | null;
  /** How the overlay is laid over a picture; without it the bar shows the bare scale. */
  overlay?: OverlayStyle;
  /** What else was done to the values, said under the numbers. */
  notes?: readonly string[];
}

/** The colours with their numbers, and everything that was done to the values on the way to the screen. */
export function Legend(props: LegendProps) {
  const { field, shading, clipPercentile, notes = [] } = props;
  const nothing = nothingToScale(field);
  return (
    <div class="attrium-legend">
      {nothing === null && <Scale {...props} />}
      <ul class="attrium-notes">
        {nothing !== null && <li>{nothing}</li>}
        {nothing === null &&
          [...legendNotes(field, shading, clipPercentile), ...notes].map((note) => <li key={note}>{note}</li>)}
        {field.nans > 0 && <Odd count={field.nans} name="not a number (NaN)" color={toCss(shading.scale.nan)} />}
        {field.infinities > 0 && <Odd count={field.infinities} name="infinite" color={toCss(shading.scale.posInf)} />}
      </ul>
    </div>
  );
}

/** Why there is no scale to draw, or null. */
function nothingToScale({ magnitudes }: Field): string | null {
  if (magnitudes.length === 0) return "no finite score";
  return magnitudes[magnitudes.length - 1] === 0 ? "all scores are zero" : null;
}

/** The bar of colours with its numbers. */
function Scale({ field, shading, clipPercentile, marked = null, overlay }: LegendProps) {
  const [low, high] = legendRange(shading);
  // Under a veil there is no end colour to tell apart.
  const veiled = overlay?.mode === "mask" || overlay?.mode === "alpha";
  const beyond = clipPercentile > 0 && !veiled ? countBeyond(field, shading.end) : 0;
  const place = marked === null ? null : placeOf(marked, low, high);
  return (
    <>
      <div class="attrium-legend-bar">
        {beyond > 0 && low < 0 && <Cap side="low" color={toCss(capColor(shading, "low"))} />}
        <div class="attrium-legend-ramp" style={{ background: gradientOf(shading, overlay) }}>
          {place !== null && <span class="attrium-legend-mark" style={{ left: `${100 * place}%` }} />}
        </div>
        {beyond > 0 && high > 0 && <Cap side="high" color={toCss(capColor(shading, "high"))} />}
      </div>
      <div class="attrium-legend-ticks attrium-number">
        <span>{formatSigned(low, 3)}</span>
        {low < 0 && high > 0 && <span>0</span>}
        <span>{formatSigned(high, 3)}</span>
      </div>
      {low < 0 && high > 0 && (
        <div class="attrium-legend-ticks attrium-legend-words">
          <span>lowers the score</span>
          <span>raises it</span>
        </div>
      )}
    </>
  );
}

function Odd({ count, name, color }: { count: number; name: string; color: string }) {
  return (
    <li>
      <span class="attrium-swatch" style={{ background: color }} />
      {formatCount(count)} {name}
    </li>
  );
}

function Cap({ side, color }: { side: "low" | "high"; color: string }) {
  return <span class={`attrium-legend-cap attrium-legend-cap-${side}`} style={{ background: color }} />;
}

/** The values at the two ends of the bar. */
export function legendRange(shading: Shading): [low: number, high: number] {
  const { end, sign } = shading;
  if (sign === "positive" || sign === "absolute") return [0, end];
  if (sign === "negative") return [-end, 0];
  return shading.signed ? [-end, end] : [0, end];
}

function placeOf(value: number, low: number, high: number): number | null {
  return Number.isFinite(value) ? Math.min(1, Math.max(0, (value - low) / (high - low))) : null;
}

function capColor({ scale, sign }: Shading, side: "low" | "high") {
  const turned = scale.kind === "sequential" && sign === "negative";
  return side === "low" && !turned ? scale.under : scale.over;
}

const SAMPLES = 32;
const MIDDLE_GREY = "rgb(140 140 140)";

/** The bar's background, low values left: the scale itself, or the overlay as it looks over middle grey. */
export function gradientOf(shading: Shading, overlay?: OverlayStyle): string {
  if (!overlay || !VEILS.has(overlay.mode))
    return `linear-gradient(to right, ${scalePart(shading)
      .map((stop) => toCss(stop))
      .join(", ")})`;
  const [low, high] = legendRange(shading);
  const colors = Array.from({ length: SAMPLES + 1 }, (_, i) => {
    const [color, alpha] = overlayPixel(low + ((high - low) * i) / SAMPLES, shading, overlay);
    return toCss(color, Number(alpha.toFixed(3)));
  });
  return `linear-gradient(to right, ${colors.join(", ")}), ${MIDDLE_GREY}`;
}

const VEILS: ReadonlySet<string> = new Set(["blend", "mask", "alpha"]);

/** The stops that the values use, low values first. */
function scalePart(shading: Shading): readonly Rgb[] {
  const { stops } = shading.scale;
  const [low, high] = legendRange(shading);
  const middle = (stops.length - 1) / 2;
  if (!usesBothHalves(shading)) return high === 0 ? [...stops].reverse() : stops;
  if (low === 0) return stops.slice(middle);
  return high === 0 ? stops.slice(0, middle + 1) : stops;
}

/** What was clipped, pooled or quantised, in words. */
export function legendNotes(field: Field, shading: Shading, clipPercentile: number): string[] {
  const notes: string[] = [];
  const range = field.header?.range ?? (field.low <= field.high ? [field.low, field.high] : null);
  if (range) notes.push(`values ${formatSigned(range[0], 3)} to ${formatSigned(range[1], 3)}`);
  const beyond = countBeyond(field, shading.end);
  if (clipPercentile > 0 && beyond > 0) {
    notes.push(
      `${formatCount(beyond)} of ${formatCount(field.magnitudes.length)} beyond the ends (clip ${clipPercentile}%)`,
    );
  }
  const { pooled, quantised } = field.header ?? {};
  if (pooled && pooled.kind !== "none") {
    notes.push(
      `each cell the ${POOLED[pooled.kind]} of ${pooled.factor.map((by) => formatNumber(by, 2)).join(" \u00d7 ")} values`,
    );
  }
  if (quantised) notes.push(`in steps of ${formatNumber(quantised.scale, 3)}`);
  return notes;
}

const POOLED = { none: "value", mean: "mean", absmax: "largest magnitude", max: "largest", min: "smallest" } as const;

interface OverlayLegendProps extends LegendProps {
  overlay: OverlayStyle;
}

/** The legend of an overlay: nothing while only the picture is shown, and a word on the blur under contours. */
export function OverlayLegend(props: OverlayLegendProps) {
  const { field, overlay, notes = [] } = props;
  if (overlay.mode === "image") return null;
  return <Legend {...props} notes={overlay.mode === "contour" ? [...notes, contourNote(field)] : notes} />;
}

function contourNote(field: Field): string {
  const sigma = contourSigma(field);
  const blur = sigma > 0 ? `, after a blur of ${sigma.toFixed(1)} cells` : "";
  return `lines at ${CONTOUR_LEVELS.map(([share]) => 100 * share).join(", ")}% of the largest magnitude${blur}`;
}
