/** What measures and scales are, in plain words. */
import type { Option } from "../../lib";
import type { Measure, Scale } from "./protocol";

export const MEASURES: Record<Measure, { label: string; doc: string }> = {
  pattern: {
    label: "Attention",
    doc: "How much of each query\u2019s attention a key gets. Every row adds up to 1.",
  },
  scores: {
    label: "Scores",
    doc: "Query times key, scaled, before the softmax. Above zero draws attention, below zero repels it.",
  },
  value_weighted: {
    label: "Value-weighted",
    doc: "Attention times the length of the value that it brings: weight on a key that says little counts little.",
  },
  rollout: {
    label: "Rollout",
    doc: "Attention of all layers up to this one, multiplied through, with the residual path; heads averaged.",
  },
  flow: {
    label: "Flow",
    doc: "The most that can flow from a key to a query through all layers up to this one, as through pipes; heads averaged.",
  },
};

export const SCALES: Record<Scale, { label: string; doc: string }> = {
  linear: { label: "Linear", doc: "" },
  log: { label: "Logarithm", doc: "Shown as powers of ten, so that small weights are told apart." },
  rank: { label: "Rank", doc: "Shown as places: 1 is the row\u2019s strongest key." },
  no_sink: {
    label: "Without first token",
    doc: "The first token, where heads rest, is left out; the rest of each row adds up to 1.",
  },
};

const DIFFERENCE =
  "What is left when the other run is subtracted: red is more here, blue is more there. Hatched: a token that one of the two has not.";

/** One or two sentences on what the colours mean. */
export function meaning(measure: Measure, scale: Scale, isDifference: boolean): string {
  return [MEASURES[measure].doc, SCALES[scale].doc, isDifference ? DIFFERENCE : ""].filter(Boolean).join(" ");
}

/** What a cell is that has no value. */
export function absence(measure: Measure, scale: Scale, isDifference: boolean): string {
  if (isDifference) return "not in both runs";
  if (scale === "no_sink") return "left out";
  if (scale === "rank") return "no weight";
  return measure === "scores" ? "hidden by the mask" : "hidden";
}

/** The measures that are offered, as options. */
export function measureOptions(offered: readonly Measure[]): Option<Measure>[] {
  return offered.map((value) => ({ value, ...MEASURES[value] }));
}

/** Differences and scores have signs, of which logarithms and shares say nothing. */
export function scaleOptions(measure: Measure, isDifference: boolean): Option<Scale>[] {
  const fitting: Scale[] = isDifference
    ? ["linear"]
    : measure === "scores"
      ? ["linear", "rank"]
      : ["linear", "log", "rank", "no_sink"];
  return fitting.map((value) => ({ value, ...SCALES[value] }));
}
