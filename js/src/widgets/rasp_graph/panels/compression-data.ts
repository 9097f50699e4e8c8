/** What was trained into fewer dimensions, as the panel shows it. */
import { formatCount, formatPercent } from "../../../lib";
import type { CompressionFacts, FeatureFacts, Trained } from "../protocol";

/** The width on show: the one asked for, as far as the stream goes, or the first one that was trained, or half of it. */
export function widthOnShow(asked: number, trained: readonly Trained[], d_model: number): number {
  if (asked > 0) return Math.min(asked, d_model);
  return trained[0]?.width ?? Math.max(1, Math.round(d_model / 2));
}

export const FATES = ["own", "superposed", "dropped"] as const;
export type Fate = (typeof FATES)[number];

/** How many features came to what. */
export function countFates(features: readonly FeatureFacts[]): Record<Fate, number> {
  const counts = { own: 0, superposed: 0, dropped: 0 };
  for (const { fate } of features) counts[fate] += 1;
  return counts;
}

/** Features of each node, in the order of the stream. */
export function byNode({ dimensions, features }: CompressionFacts): { node: string; features: FeatureFacts[] }[] {
  const found: { node: string; features: FeatureFacts[] }[] = [];
  features.forEach((feature, at) => {
    const node = dimensions[at]?.node ?? "";
    const last = found[found.length - 1];
    if (last?.node === node) last.features.push(feature);
    else found.push({ node, features: [feature] });
  });
  return found;
}

export type Verdict = "same" | "close" | "worse" | "lost";

/** Nearly everything right is close; what a constant answer does as well has lost the program. */
const CLOSE = 0.95;

/** How much of the program is left. */
export function verdictOf({ accuracy, constant }: CompressionFacts): Verdict {
  if (accuracy >= 1) return "same";
  if (accuracy >= CLOSE) return "close";
  return accuracy > constant[0] ? "worse" : "lost";
}

/** The verdict in a sentence. */
export function verdictWords(facts: CompressionFacts): string {
  const { accuracy, error, held, constant, width, numerical } = facts;
  const share = `${formatPercent(accuracy)} of ${formatCount(held[1])} tokens in ${formatCount(held[0])} held-out inputs`;
  const least = `Always the same answer would have ${formatPercent(constant[0])}${error > constant[1] ? ", and a smaller error" : ""}.`;
  // Numbers may be right for having come nearest to the right one.
  const right = numerical ? "come nearest to the model\u2019s own number" : "have the model\u2019s own output";
  switch (verdictOf(facts)) {
    case "same":
      return `In ${width} dimensions, all ${formatCount(held[1])} tokens in ${formatCount(held[0])} held-out inputs ${right}.`;
    case "close":
      return `In ${width} dimensions, ${share} ${right}.`;
    case "worse":
      return `In ${width} dimensions the program is damaged: ${share} ${right}. ${least}`;
    default:
      return `In ${width} dimensions the program is lost: ${share} ${right}, no more than an answer that is always the same, with ${formatPercent(constant[0])}.`;
  }
}

/** A line through the points of a loss, on a logarithmic scale; empty where nothing can be drawn. */
export function lossLine(values: ArrayLike<number>, low: number, high: number, width: number, height: number): string {
  const bottom = Math.log10(low);
  const tall = Math.log10(high) - bottom || 1;
  const across = Math.max(1, values.length - 1);
  return Array.from(values, (value, at) => {
    const y = height * (1 - (Math.log10(Math.max(low, Math.min(high, value))) - bottom) / tall);
    return `${at === 0 ? "M" : "L"}${((width * at) / across).toFixed(1)} ${y.toFixed(1)}`;
  }).join("");
}

/** Ends of a logarithmic scale that holds all of some positive numbers, as powers of ten. */
export function decades(values: readonly number[]): [low: number, high: number] {
  const there = values.filter((value) => value > 0 && Number.isFinite(value));
  if (there.length === 0) return [0.1, 1];
  const low = 10 ** Math.floor(Math.log10(Math.max(LEAST_LOSS, Math.min(...there))));
  const high = 10 ** Math.ceil(Math.log10(Math.max(...there)));
  return [low, Math.max(high, low * 10)];
}

/** Smaller losses are drawn as this. */
const LEAST_LOSS = 1e-9;
