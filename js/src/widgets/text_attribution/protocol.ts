import type { BaseTraits, Caption, Colors, Sign, Status, WireFrame } from "../../lib";

/** Everything TextAttribution shares with Python; mirrored by text_attribution.py and compared in a test. */
export interface Traits {
  tokens: string[];
  /** Number of the word that each token belongs to; -1 for none. */
  words: number[];
  special: boolean[];
  /** float32, shape (tokens,) or (outputs, tokens). */
  scores: WireFrame | null;
  /** The generated tokens, one per row of scores; empty when there is one row. */
  outputs: string[];
  /** The output whose scores colour the text. */
  row: number;
  merge_words: boolean;
  sign: Sign;
  /** Percent, 0 to 50: so many of the largest |value| lie beyond the end of the colours, rounded down. */
  clip_percentile: number;
  colors: Colors;
  show_values: boolean;
  /** Indices of selected tokens, ascending. */
  selection: number[];
  title: string;
  caption: Caption;
  status: Status;
  theme: BaseTraits["theme"];
  /** Height of the widget in CSS pixels; 0 for as much as it needs. */
  height_px: number;
}
