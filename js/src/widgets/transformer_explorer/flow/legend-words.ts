/** What the marks mean, in words: below the picture on screen and in a file. */
import { formatCount, formatPercent } from "../../../lib";
import type { FlowData } from "./data";
import type { Layout } from "./layout";
import type { Pattern } from "./pattern";
import { deepest, hasDots } from "./weights";

export interface LegendWords {
  stripes: string;
  ribbons: string;
  weights: string;
  /** Null without interventions. */
  changed: string | null;
  /** Null where all lanes are in sight. */
  hidden: string | null;
}

export function legendWords(data: FlowData, layout: Layout | null, pattern: Pattern | null): LegendWords {
  const pooled = [...data.stripes.values()].some(({ factor }) => factor > 1);
  const hidden = layout ? layout.tokens - (layout.visible[1] - layout.visible[0]) : 0;
  return {
    stripes: `stripes: negative, zero, positive${pooled ? "; each the largest of its bin" : ""}`,
    ribbons: "ribbons: as wide and strong as the norm",
    weights: `${weightWords(layout, pattern)}${pattern?.pooled ? "; largest of neighbours" : ""}`,
    changed: data.edited ? "changed by the interventions: the more of the norm, the stronger" : null,
    hidden: hidden > 0 ? `${formatCount(hidden)} of ${formatCount(layout?.tokens ?? 0)} tokens out of sight` : null,
  };
}

function weightWords(layout: Layout | null, pattern: Pattern | null): string {
  if (layout && hasDots(layout.matrix)) return "discs: area is the weight";
  const words = "attention: square root of the weight";
  if (!layout || !pattern) return words;
  const rounded = pattern.grain(layout.visible[0]).step > 0;
  return `${words}, deepest at ${rounded ? "about " : ""}${formatPercent(deepest(layout, layout.tokens, pattern))}`;
}
