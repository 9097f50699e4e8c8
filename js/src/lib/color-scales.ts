/**
 * Colour scales as tables, and the one rule that turns a value into a colour.
 *
 * A scale is a list of stops, equally spaced, with straight lines in sRGB between them; channels are rounded to the
 * nearest integer. `valueToRgb` is the only place where that happens: canvases, legends and tests all call it.
 *
 *     position of a value v, with `end` the magnitude at which the colours end (clip.ts):
 *       diverging                    (v / end + 1) / 2      zero is the middle stop, exactly
 *       sequential, all values >= 0   v / end
 *       sequential, values < 0 shown (v / end + 1) / 2
 *       sequential, only negatives   -v / end
 *
 * A value beyond the end gets `over` or `under`, a NaN `nan`, an infinity `posInf` or `negInf`: none of these colours
 * is on the scale itself.
 */

export type Rgb = readonly [red: number, green: number, blue: number];
export type Sign = "all" | "positive" | "negative" | "absolute";
export type Colors = "red-blue" | "purple-green" | "viridis" | "magma" | "grey";

export const SIGNS: readonly Sign[] = ["all", "positive", "negative", "absolute"];
export const COLORS: readonly Colors[] = ["red-blue", "purple-green", "viridis", "magma", "grey"];

export interface ColorScale {
  kind: "diverging" | "sequential";
  /** Lowest first; a diverging scale has an odd number of stops, the middle one neutral. */
  stops: readonly Rgb[];
  over: Rgb;
  under: Rgb;
  nan: Rgb;
  posInf: Rgb;
  negInf: Rgb;
}

/** Everything needed to colour a value: the scale, its end, and which values are shown. */
export interface Shading {
  scale: ColorScale;
  /** Magnitude at which the colours end; above 0. */
  end: number;
  sign: Sign;
  /** Whether negative values are to be told apart; only matters to sequential scales with sign "all". */
  signed: boolean;
}

/** The value that is drawn for `value` under a sign filter: the other sign becomes zero, NaN stays NaN. */
export function shownValue(value: number, sign: Sign): number {
  if (Number.isNaN(value) || sign === "all") return value;
  if (sign === "absolute") return Math.abs(value);
  return sign === "positive" ? Math.max(0, value) : Math.min(0, value);
}

/** The colour of a value; `Uint8ClampedArray` and CSS show exactly these numbers. */
export function valueToRgb(value: number, shading: Shading): Rgb {
  const { scale, end } = shading;
  const shown = shownValue(value, shading.sign);
  if (Number.isNaN(shown)) return scale.nan;
  if (shown === Number.POSITIVE_INFINITY) return scale.posInf;
  if (shown === Number.NEGATIVE_INFINITY) return scale.negInf;
  const turned = scale.kind === "sequential" && shading.sign === "negative" ? -shown : shown;
  if (turned > end) return scale.over;
  if (turned < -end) return scale.under;
  return atPosition(scale.stops, usesBothHalves(shading) ? (turned / end + 1) / 2 : turned / end);
}

/** Whether zero sits in the middle of the scale (true) or at its start (false). */
export function usesBothHalves({ scale, sign, signed }: Shading): boolean {
  return scale.kind === "diverging" || (sign === "all" && signed);
}

/** How strongly a value is drawn, 0 (zero, or not a number) to 1 (at or beyond the end). */
export function strengthOf(value: number, { end, sign }: Shading): number {
  const shown = Math.abs(shownValue(value, sign));
  return Number.isNaN(shown) ? 0 : Math.min(1, shown / end);
}

function atPosition(stops: readonly Rgb[], position: number): Rgb {
  const last = stops.length - 1;
  const at = Math.min(1, Math.max(0, position)) * last;
  const below = Math.min(last - 1, Math.floor(at));
  const part = at - below;
  const low = stops[below] ?? BLACK;
  const high = stops[below + 1] ?? low;
  return [mix(low[0], high[0], part), mix(low[1], high[1], part), mix(low[2], high[2], part)];
}

function mix(low: number, high: number, part: number): number {
  return Math.round(low + (high - low) * part);
}

/** The CSS text of a colour. */
export function toCss(rgb: Rgb, alpha = 1): string {
  return alpha === 1 ? `rgb(${rgb.join(" ")})` : `rgb(${rgb.join(" ")} / ${alpha})`;
}

/** WCAG relative luminance, 0 to 1. */
export function luminance(rgb: Rgb): number {
  const [red, green, blue] = rgb.map((channel) => {
    const part = channel / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** WCAG contrast ratio, 1 to 21. */
export function contrast(one: Rgb, other: Rgb): number {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

const BLACK: Rgb = [0, 0, 0];
const WHITE: Rgb = [255, 255, 255];
const INK: Rgb = [27, 31, 42];
const READABLE = 4.5;

/** The ink for text on a background: the widget's own dark ink, or white, or black where neither reaches 4.5:1. */
export function inkOn(background: Rgb): Rgb {
  return [INK, WHITE].find((ink) => contrast(background, ink) >= READABLE) ?? BLACK;
}

function hex(text: string): Rgb[] {
  return text.split(" ").map((code) => {
    const number = Number.parseInt(code, 16);
    return [number >> 16, (number >> 8) & 255, number & 255] as const;
  });
}

function scale(kind: ColorScale["kind"], stops: string, marks: string): ColorScale {
  const [over, under, nan, posInf, negInf] = hex(marks) as [Rgb, Rgb, Rgb, Rgb, Rgb];
  return { kind, stops: hex(stops), over, under, nan, posInf, negInf };
}

/**
 * Scales for pictures. Red-blue and purple-green are ColorBrewer's RdBu and PRGn (the darkest stop of each side is kept
 * for values beyond the end); both are safe for colour-blind readers. Viridis and magma are Matplotlib's, in ten
 * stops; magma begins just above black, which marks values below it.
 */
const PICTURE: Record<Colors, ColorScale> = {
  "red-blue": scale(
    "diverging",
    "2166ac 4393c3 92c5de d1e5f0 f7f7f7 fddbc7 f4a582 d6604d b2182b",
    "67001f 053061 ffc400 000000 6b6b6b",
  ),
  "purple-green": scale(
    "diverging",
    "762a83 9970ab c2a5cf e7d4e8 f7f7f7 d9f0d3 a6dba0 5aae61 1b7837",
    "00441b 40004b ffc400 000000 6b6b6b",
  ),
  viridis: scale(
    "sequential",
    "440154 482878 3e4989 31688e 26828e 1f9e89 35b779 6ece58 b5de2b fde725",
    "fffbd1 1c0024 ff4d9d ffffff 000000",
  ),
  magma: scale(
    "sequential",
    "0b0924 180f3e 451077 721f81 9f2f7f cd4071 f1605d fd9567 feca8d fcfdbf",
    "ffffff 000004 19c48f 7fd7ff 2f6fb0",
  ),
  grey: scale("sequential", "f7f7f7 bdbdbd 737373 252525", "000000 ffffff ffc400 1f6fd1 d1431f"),
};

/** Scales behind text on light paper: neutral is the paper, the ends stay pale enough for dark ink. */
const LIGHT_PAPER: Record<Colors, ColorScale> = {
  ...PICTURE,
  "red-blue": scale(
    "diverging",
    "6ea6ee 9cc4f5 c6ddfa e6f0fd ffffff fdeae5 fbcdc2 f5a797 ec8070",
    "df6a59 5391e4 d9dde6 1b1f2a 6b6b6b",
  ),
  "purple-green": scale(
    "diverging",
    "b592e6 cbb2ef e0d1f6 f1eafb ffffff e5f6ea c4e9cf 98d6ab 68bf85",
    "4fae70 a27bdc d9dde6 1b1f2a 6b6b6b",
  ),
  grey: scale("sequential", "ffffff e3e5ea c3c7d0 9da3b0", "858c9b ffffff ffd766 1f6fd1 d1431f"),
};

/** Scales behind text on dark paper: neutral is the paper, the ends stay deep enough for light ink. */
const DARK_PAPER: Record<Colors, ColorScale> = {
  ...PICTURE,
  "red-blue": scale(
    "diverging",
    "2f69b8 295791 22446d 1c2f49 16181d 3b2024 5f2a2e 873437 ad3f40",
    "c24a48 3a77c9 3f4552 f2f4f8 9aa1ae",
  ),
  "purple-green": scale(
    "diverging",
    "7a4fc0 624199 4a3373 2f244a 16181d 18301f 1b4a2c 1e633a 217c48",
    "268b51 8a5fd0 3f4552 f2f4f8 9aa1ae",
  ),
  grey: scale("sequential", "16181d 2c3039 444a56 5d6472", "727a89 16181d 8a6a00 7fb2f5 f0937d"),
};

/** What lies behind the colours: a picture, or text on the widget's own light or dark paper. */
export type Ground = "picture" | "light" | "dark";

const SCALES: Record<Ground, Record<Colors, ColorScale>> = { picture: PICTURE, light: LIGHT_PAPER, dark: DARK_PAPER };

/** The scale of a name on a ground. A picture's colours do not depend on the theme: the same number looks the same. */
export function colorScale(colors: Colors, ground: Ground = "picture"): ColorScale {
  return SCALES[ground][colors] ?? SCALES[ground]["red-blue"];
}
