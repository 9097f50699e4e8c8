import { formatPercent, type Theme, toCss } from "../../../lib";
import { type Role, roleHue } from "../../../lib/roles";
import type { Explorer } from "../explorer";
import { type Cross, crossMatrix } from "./cross";
import type { Layout } from "./layout";
import { legendWords } from "./legend-words";
import type { Pattern } from "./pattern";
import type { Shown } from "./use-flow";
import { deepest, hasDots } from "./weights";

interface Props {
  explorer: Explorer;
  shown: Shown;
  pattern: Pattern | null;
  layout: Layout | null;
  cross: Cross;
}

/** What the marks mean, and what was done to the numbers before they were drawn. */
export function FlowLegend({ explorer, shown, pattern, layout, cross }: Props) {
  const { theme } = explorer;
  const { data } = shown;
  const words = legendWords(data, layout, pattern);
  const dots = layout !== null && hasDots(layout.matrix);
  return (
    <ul class="attrium-flow-legend">
      <li title="Each stage has a colour scale of its own; the ends are the 99th percentile of its magnitudes">
        <span class="attrium-flow-swatch" style={{ background: gradient(theme, "query") }} />
        <span class="attrium-flow-swatch" style={{ background: gradient(theme, "residual") }} />
        {words.stripes}
      </li>
      <li title="Within the stream, within the heads, and within the hidden layer; a norm over six times the median is drawn no wider">
        <span
          class="attrium-flow-swatch attrium-flow-wedge"
          style={{ background: toCss(roleHue("residual", theme).base) }}
        />
        {words.ribbons}
      </li>
      <li>
        <span
          class="attrium-flow-swatch attrium-flow-disc"
          style={{ background: toCss(roleHue("attention", theme).base) }}
        />
        {words.weights}
      </li>
      {layout && <CrossItem theme={theme} layout={layout} cross={cross} besideDots={dots} />}
      {words.changed !== null && (
        <li class="attrium-flow-tint">
          <span class="attrium-flow-swatch" style={{ background: toCss(roleHue("change", theme).base) }} />
          {words.changed}
        </li>
      )}
      {words.hidden !== null && <li class="attrium-number">{words.hidden}: scroll</li>}
    </ul>
  );
}

interface CrossProps {
  theme: Theme;
  layout: Layout;
  cross: Cross;
  /** Whether the discs of the text's own attention are explained already. */
  besideDots: boolean;
}

/** Weights over the encoder's tokens, where they are drawn otherwise than those over the text. */
function CrossItem({ theme, layout, cross: { keys, pattern }, besideDots }: CrossProps) {
  const matrix = crossMatrix(layout, keys);
  if (!matrix || !keys || !pattern || (hasDots(matrix) && besideDots)) return null;
  const words = hasDots(matrix)
    ? "discs: area is the weight"
    : `square root of the weight, deepest at ${formatPercent(deepest(layout, keys, pattern))}`;
  return (
    <li>
      <span class="attrium-flow-swatch" style={{ background: gradient(theme, "attention") }} />
      cross-attention: {words}
      {pattern.pooled && "; largest of neighbours"}
    </li>
  );
}

function gradient(theme: Theme, role: Role): string {
  const { low, base, high } = roleHue(role, theme);
  return `linear-gradient(90deg, ${toCss(low)}, ${toCss(base)}, ${toCss(high)})`;
}
