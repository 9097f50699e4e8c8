import type { BaseTraits, Caption, Colors, Mode, Rectangle, Sign, Status, WireFrame } from "../../lib";

/** Everything ImageAttribution shares with Python; mirrored by image_attribution.py and compared in a test. */
export interface Traits {
  /** The picture, uint8 of shape (height, width, 3). */
  image: WireFrame | null;
  /** Signed scores with channels summed, float32 of shape (height, width). */
  heat: WireFrame | null;
  title: string;
  mode: Mode;
  sign: Sign;
  /** Percent, 0 to 50: so many of the largest |value| lie beyond the end of the colours, rounded down. */
  clip_percentile: number;
  colors: Colors;
  /** 0 to 1. */
  opacity: number;
  /** Share of the width left of which the picture stays bare; null for no slider. */
  split: number | null;
  /** Half-open rows and columns, in cells of the picture. */
  selection: Rectangle | null;
  caption: Caption;
  status: Status;
  theme: BaseTraits["theme"];
  /** Height of the widget in CSS pixels; 0 for as much as it needs. */
  height_px: number;
}
