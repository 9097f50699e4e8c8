/** Colours of a matrix: a table of 256, and the painting of cells through it. */
import { type ColorScale, type Rgb, toCss, valueToRgb } from "./color-scales";
import type { Frame } from "./frame";
import type { Theme } from "./theme";

/**
 * Attention: paper to purple, from the smallest value up. Signed: blue to red with zero at the paper. Rank: 1 (the
 * first) darkest, each doubling as much paler.
 */
export type MatrixColors = "attention" | "signed" | "rank";

/** The values at the two ends of the colours. */
export interface Domain {
  low: number;
  high: number;
  /** Equal ratios, not equal differences, are equal steps of colour. */
  ratios?: boolean;
  /** The share of the stored cells whose magnitude lies beyond the end of the colours; nothing where there are none. */
  beyond?: number;
}

/**
 * At or below this a score stands for "may not look": masks are written as the lowest number of a type, and the
 * narrowest of these is float16's.
 */
export const HIDDEN_FROM = -65504;

/** Whether a cell has no value to draw: hidden by a mask, or not a number. */
export function isHidden(value: number): boolean {
  return !(value > HIDDEN_FROM && value < Number.POSITIVE_INFINITY);
}

function hex(text: string): Rgb[] {
  return text.split(" ").map((code) => {
    const number = Number.parseInt(code, 16);
    return [number >> 16, (number >> 8) & 255, number & 255] as const;
  });
}

function sequential(stops: string): ColorScale {
  const [paper = [0, 0, 0], end = paper] = [hex(stops)[0], hex(stops).at(-1)];
  return { kind: "sequential", stops: hex(stops), over: end, under: paper, nan: paper, posInf: end, negInf: paper };
}

function diverging(stops: string): ColorScale {
  return { ...sequential(stops), kind: "diverging" };
}

/** Small weights count: the first steps away from the paper are large. */
const SCALES: Record<Theme, Record<Exclude<MatrixColors, "rank">, ColorScale>> = {
  light: {
    attention: sequential("ffffff e7e1fd cfc2fb b7a2f7 9f80f1 8760e8 7045da 5a2fc4 4720a4 361680 270f60"),
    signed: diverging("123f8c 2160c4 4f8be4 90b6f1 cbdcf9 ffffff fad4ca f1a08f e0685a c23a35 8f1d22"),
  },
  dark: {
    attention: sequential("16181d 2f2753 483883 5f49ac 7558cc 8a69e2 9f80ef b59af6 cbb7fa e2d6fd fbf8ff"),
    signed: diverging("a9ccff 78abf8 4a84e0 2f5cab 213b69 16181d 5b2429 9a3539 d65752 f58b7f ffc4b8"),
  },
};

/** The scale of a matrix; its pale end is the widget's own paper. */
export function matrixScale(colors: MatrixColors, theme: Theme): ColorScale {
  if (colors !== "rank") return SCALES[theme][colors];
  const { attention } = SCALES[theme];
  return { ...attention, stops: [...attention.stops].reverse().slice(0, -1) };
}

export const TABLE_SIZE = 256;

/** 256 opaque colours as RGBA in machine order, lowest first. */
export function colorTable(colors: MatrixColors, theme: Theme): Uint32Array {
  const bytes = new Uint8ClampedArray(4 * TABLE_SIZE);
  const scale = matrixScale(colors, theme);
  for (let at = 0; at < TABLE_SIZE; at++) {
    // On a diverging scale 0 to 255 stands for -1 to 1; entry 127.5 would be zero, so the middle two are the paper's.
    const value = scale.kind === "diverging" ? (at <= 127 ? at - 127 : at - 128) / 127 : at / (TABLE_SIZE - 1);
    bytes.set(valueToRgb(value, { scale, end: 1, sign: "all", signed: false }), 4 * at);
    bytes[4 * at + 3] = 255;
  }
  return new Uint32Array(bytes.buffer);
}

/**
 * The values at the ends: for attention from 0 (or the smallest, where there are negative ones), for signed values as
 * far down as up, for ranks from the first. Null where no cell has a value.
 */
export function domainOf(frame: Frame, colors: MatrixColors): Domain | null {
  const range = visibleRangeOf(frame);
  if (!range) return null;
  const [low, high] = range;
  if (colors === "rank") return { low: 1, high: Math.max(2, high), ratios: true };
  if (colors === "attention") return { low: Math.min(0, low), high: low < 0 ? high : Math.max(high, 0) };
  const end = Math.max(Math.abs(low), Math.abs(high));
  return { low: -end, high: end };
}

/** In a long text nearly all weights are small: of so many cells a few may lie beyond the end of the colours. */
const MANY_CELLS = 2 ** 14;
const BEYOND = 0.002;
const BINS = 4096;

/**
 * As `domainOf`, with the end of the colours where only one in 500 cells lies beyond, if that is less than half the
 * range: the first queries of a causal text share their attention among few keys, and would leave all others pale.
 */
export function clippedDomain(frame: Frame, colors: MatrixColors): Domain | null {
  const domain = domainOf(frame, colors);
  const end = domain?.high ?? 0;
  if (!domain || colors === "rank" || end <= 0 || frame.stored.length < MANY_CELLS) return domain;
  if (colors === "attention" && domain.low < 0) return domain;
  const { scale, offset } = frame.quantised ?? { scale: 1, offset: 0 };
  const counts = new Uint32Array(BINS);
  let shown = 0;
  for (const stored of frame.stored) {
    const value = offset + scale * stored;
    if (isHidden(value)) continue;
    const bin = Math.min(BINS - 1, Math.floor((Math.abs(value) / end) * BINS));
    counts[bin] = (counts[bin] as number) + 1;
    shown++;
  }
  let [above, bin] = [0, BINS];
  while (bin > 1 && above + (counts[bin - 1] as number) <= shown * BEYOND) above += counts[--bin] as number;
  if (above === 0 || bin > BINS / 2) return domain;
  const high = (end * bin) / BINS;
  return { low: colors === "signed" ? -high : domain.low, high, beyond: above / shown };
}

/** Smallest and largest value that is not hidden. */
function visibleRangeOf(frame: Frame): readonly [number, number] | null {
  if (frame.range && !isHidden(frame.range[0])) return frame.range;
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  const { scale, offset } = frame.quantised ?? { scale: 1, offset: 0 };
  for (const stored of frame.stored) {
    const value = offset + scale * stored;
    if (isHidden(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : null;
}

/** The entry of the table for a value; whatever lies beyond the ends takes the end's colour. */
export function entryOf(value: number, domain: Domain): number {
  return Math.round(shareOf(value, domain) * (TABLE_SIZE - 1));
}

/** Where a value lies between the ends, 0 to 1. */
export function shareOf(value: number, { low, high, ratios }: Domain): number {
  if (high <= low) return 0;
  const share = ratios ? Math.log(Math.max(low, value) / low) / Math.log(high / low) : (value - low) / (high - low);
  return share <= 0 ? 0 : share >= 1 ? 1 : share;
}

/** Paints a frame, one pixel per stored cell; hidden cells stay clear. `pixels` must hold that many. */
export function paintCells(frame: Frame, domain: Domain, table: Uint32Array, pixels: Uint32Array): void {
  const { stored, quantised } = frame;
  const count = Math.min(stored.length, pixels.length);
  if (stored instanceof Uint8Array) {
    const colors = byteColors(quantised, domain, table);
    for (let i = 0; i < count; i++) pixels[i] = colors[stored[i] as number] as number;
    return;
  }
  const { scale, offset } = quantised ?? { scale: 1, offset: 0 };
  const steps = domain.high > domain.low ? (TABLE_SIZE - 1) / (domain.high - domain.low) : 0;
  for (let i = 0; i < count; i++) {
    const value = offset + scale * (stored[i] as number);
    if (!(value > HIDDEN_FROM && value < Number.POSITIVE_INFINITY)) {
      pixels[i] = 0;
      continue;
    }
    const at = domain.ratios ? entryOf(value, domain) : ((value - domain.low) * steps + 0.5) | 0;
    pixels[i] = table[at < 0 ? 0 : at > 255 ? 255 : at] as number;
  }
}

/** The colours of the 256 values that a byte can stand for. */
function byteColors(quantised: Frame["quantised"], domain: Domain, table: Uint32Array): Uint32Array {
  const { scale, offset } = quantised ?? { scale: 1, offset: 0 };
  const colors = new Uint32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    const value = offset + scale * byte;
    colors[byte] = isHidden(value) ? 0 : (table[entryOf(value, domain)] as number);
  }
  return colors;
}

/** The colours as a CSS gradient, low values left. */
export function rampOf(colors: MatrixColors, theme: Theme): string {
  return `linear-gradient(to right, ${matrixScale(colors, theme)
    .stops.map((stop) => toCss(stop))
    .join(", ")})`;
}

/** What a canvas draws with, from the widget's own properties. */
export interface Inks {
  ink: string;
  soft: string;
  line: string;
  paper: string;
  accent: string;
  wash: string;
  sans: string;
}

const PROPERTIES = {
  ink: ["--attrium-ink", "#1b1f2a"],
  soft: ["--attrium-ink-soft", "#586074"],
  line: ["--attrium-line", "#e6e8ef"],
  paper: ["--attrium-paper", "#ffffff"],
  accent: ["--attrium-accent", "#6236d0"],
  wash: ["--attrium-wash", "#f4f5f9"],
  sans: ["--attrium-sans", "sans-serif"],
} as const;

/** The inks in force where an element stands. */
export function inksOf(element: Element): Inks {
  const style = element.ownerDocument.defaultView?.getComputedStyle(element);
  const read = ([name, fallback]: readonly [string, string]) => style?.getPropertyValue(name).trim() || fallback;
  return {
    ink: read(PROPERTIES.ink),
    soft: read(PROPERTIES.soft),
    line: read(PROPERTIES.line),
    paper: read(PROPERTIES.paper),
    accent: read(PROPERTIES.accent),
    wash: read(PROPERTIES.wash),
    sans: read(PROPERTIES.sans),
  };
}
