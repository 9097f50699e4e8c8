import type { BaseTraits, Colors, Mode, Setting, SettingValue, Sign, Status, WireFrame } from "../../lib";

export type Outcome = "all" | "correct" | "wrong";

export interface Filter {
  outcome: Outcome;
  /** True labels to keep; empty for all. */
  classes: number[];
  /** Predicted classes to keep; empty for all. */
  predicted: number[];
}

/** One example of the page. */
export interface Card {
  /** Its place in the data set. */
  index: number;
  /** True class; null where it is not known. */
  label: number | null;
  predicted: number;
  /** The most probable classes, best first. */
  top: [cls: number, probability: number][];
  /** The class that is explained. */
  target: number;
  image?: WireFrame | null;
  tokens?: string[];
  words?: number[];
  special?: boolean[];
}

/** The explanation of one card: not there yet, there, or failed. */
export type Heat = null | { error: string } | Explanation;

export interface Explanation {
  target: number;
  method: string;
  frame: WireFrame;
  /** Completeness gap; null where the method has none. */
  gap: number | null;
  /** The model's output at the target. */
  score: number;
}

export interface MethodInfo {
  name: string;
  label: string;
  doc: string;
  settings: Setting[];
  /** What the method needs beside the example, in words; null for nothing. */
  needs: string | null;
}

export interface Summary {
  /** Share of correct predictions, 0 to 1; null before any is known. */
  accuracy: number | null;
  correct: number;
  wrong: number;
  /** How many examples have been predicted so far. */
  done: number;
}

/** Everything Insights shares with Python; mirrored by insights.py and compared in a test. */
export interface Traits {
  kind: "image" | "text";
  classes: string[];
  /** Examples that pass the filter. */
  total: number;
  /** Examples in the data set. */
  count: number;
  /** Page shown, from 0. */
  page: number;
  page_size: number;
  filter: Filter;
  /** The page's examples. */
  cards: Card[];
  /** Their explanations, in the same order. */
  heats: Heat[];
  /** Targets chosen by hand: class by the example's index as text. */
  targets: Record<string, number>;
  methods: MethodInfo[];
  method: string;
  /** Settings of the current method by name. */
  settings: Record<string, SettingValue>;
  mode: Mode;
  sign: Sign;
  /** Percent, 0 to 50: so many of the largest |value| lie beyond the end of the colours, rounded down. */
  clip_percentile: number;
  colors: Colors;
  /** 0 to 1. */
  opacity: number;
  /** Index of the example that is open; null for the page. */
  selection: number | null;
  summary: Summary;
  status: Status;
  theme: BaseTraits["theme"];
  /** Height of the widget in CSS pixels; 0 for as much as it needs. */
  height_px: number;
}
