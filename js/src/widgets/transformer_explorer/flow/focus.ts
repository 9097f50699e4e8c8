/** Where the keyboard is in the picture: a lane and a stage. */
import type { Box } from "../../../lib/scene";
import type { About } from "./about";
import { BARS, type FlowData } from "./data";
import { barBox, type Layout } from "./layout";
import type { Pattern } from "./pattern";
import { weightText } from "./weight-text";

/** Stages in the order in which the arrows go through them; "pattern" is the card. */
const ORDER: readonly string[] = BARS.flatMap((stage) => (stage === "attn.z" ? ["pattern", stage] : [stage]));

export function stagesInOrder(layout: Layout): string[] {
  return ORDER.filter((stage) => (stage === "pattern" ? layout.matrix !== null : barBox(layout, stage, 0) !== null));
}

/** The stage some steps on from one, stopping at the ends; the first step enters the picture. */
export function stageAfter(layout: Layout, stage: string | null, by: number): string | null {
  const stages = stagesInOrder(layout);
  const at = stage === null ? -1 : stages.indexOf(stage);
  const next = at < 0 ? (by > 0 ? 0 : stages.length - 1) : Math.min(stages.length - 1, Math.max(0, at + by));
  return stages[next] ?? null;
}

/** What is focused, as a mark would say it. */
export function aboutFocus(stage: string, lane: number): About {
  return stage === "pattern" ? { kind: "card" } : { kind: "vector", stage, lane };
}

/** Where to draw the ring. */
export function focusBox(layout: Layout, stage: string, lane: number): Box | null {
  if (stage !== "pattern") return barBox(layout, stage, lane);
  const { matrix, pitch } = layout;
  return matrix && { x: matrix.x, y: layout.middle(lane) - pitch * 0.4, width: matrix.width, height: pitch * 0.8 };
}

/** The strongest weights of a lane in words, for the card. */
export function strongest(pattern: Pattern | null, query: number, names: readonly string[], count = 3): string[] {
  return names
    .map((_, key) => ({ weight: pattern?.weight(query, [key, key + 1]) ?? 0, key }))
    .filter(({ weight }) => weight > 0)
    .sort((one, other) => other.weight - one.weight)
    .slice(0, count)
    .map(({ key }) => `${weightText(pattern, query, [key, key + 1])} on \u201c${names[key] ?? ""}\u201d`);
}

/** Bin of the largest magnitude, as a share of the bar. */
export function peakOf(data: FlowData, stage: string, lane: number): number {
  const stripe = data.stripes.get(stage);
  if (!stripe) return 0;
  let found = 0;
  for (let bin = 0; bin < stripe.bins; bin++) {
    const value = Math.abs(stripe.values[lane * stripe.bins + bin] ?? 0);
    if (value > Math.abs(stripe.values[lane * stripe.bins + found] ?? 0)) found = bin;
  }
  return (found + 0.5) / stripe.bins;
}
