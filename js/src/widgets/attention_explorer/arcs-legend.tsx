import { formatNumber, type HeadRef, toCss } from "../../lib";
import { type ArcLine, FAINTEST, headHue, SIGN_HUES } from "./arcs-lines";
import type { Explorer } from "./explorer";

interface LegendProps {
  explorer: Explorer;
  heads: readonly HeadRef[];
  lines: readonly ArcLine[];
  error: string | null;
}

/** The hues of the heads, with ways to leave them out, and what the width of a line says. */
export function ArcsLegend({ explorer, heads, lines, error }: LegendProps) {
  const { shown, theme, store } = explorer;
  const signed = shown.colors === "signed";
  return (
    <div class="attrium-arcs-legend attrium-number">
      {heads.length > 1 &&
        heads.map(([layer, head], at) => (
          <button
            key={`${layer}.${head}`}
            type="button"
            title="No longer draw this head"
            onClick={() => explorer.toggleHead(layer, head)}
          >
            <i style={{ backgroundColor: toCss(headHue(at, theme)) }} />
            {layer}.{head} {shown.nameOf(layer, head)}
          </button>
        ))}
      {heads.length > 1 && (
        <button type="button" onClick={() => store.set("heads_on", [])}>
          only {shown.layer}.{shown.head}
        </button>
      )}
      {signed && heads.length === 1 && (
        <span>
          <i style={{ backgroundColor: toCss(SIGN_HUES[theme].plus) }} /> above zero{" "}
          <i style={{ backgroundColor: toCss(SIGN_HUES[theme].minus) }} /> below
        </span>
      )}
      <span>{error ?? arcsNotes(lines, shown.scale === "log" || shown.scale === "rank").join("; ")}</span>
    </div>
  );
}

/** What the strongest line stands for, and what is left out. */
export function arcsNotes(lines: readonly ArcLine[], otherScale: boolean): string[] {
  const most = lines.reduce((high, { value }) => Math.max(high, Math.abs(value)), 0);
  if (most === 0) return [];
  const notes = [`thickest line ${formatNumber(most, 3)}`, `below ${formatNumber(most * FAINTEST, 2)} not drawn`];
  return otherScale ? [...notes, "lines are drawn on the linear scale"] : notes;
}
