/**
 * Heat maps: one pixel of the backing store per value, scaled by the browser with nearest neighbour.
 *
 * In every mode the overlay is a canvas of the heat's own size, laid over the picture; only its colour and alpha differ.
 * In mode "heatmap" a pixel is opaque and is exactly `valueToRgb` of its value.
 */
import { type Rgb, type Shading, strengthOf, valueToRgb } from "./color-scales";
import type { Field } from "./field";
import type { Frame } from "./frame";
import type { Theme } from "./theme";

export type Mode = "blend" | "heatmap" | "mask" | "alpha" | "contour" | "image";
export const MODES: readonly Mode[] = ["blend", "heatmap", "mask", "alpha", "contour", "image"];

export interface OverlayStyle {
  mode: Mode;
  /** 0 to 1; how much the overlay covers in modes blend, mask and alpha. */
  opacity: number;
  /** What "alpha" fades to. */
  paper: Rgb;
}

const PAPER: Record<Theme, Rgb> = { light: [255, 255, 255], dark: [22, 24, 29] };

/** The overlay as it is drawn: without a picture, the modes that lie over one show the heat map. */
export function overlayStyle(mode: Mode, opacity: number, theme: Theme, hasPicture: boolean): OverlayStyle {
  return { mode: hasPicture || mode === "image" ? mode : "heatmap", opacity, paper: PAPER[theme] };
}

const BLACK: Rgb = [0, 0, 0];

/**
 * Colour and alpha (0 to 1) of one value in a mode.
 *
 * - heatmap: the scale's colour, opaque.
 * - blend: alpha `opacity * strength ** 0.7`, so that zero leaves the picture as it is. A diverging scale gives the colour
 *   of `end * (1 + strength) / 2` on the value's side, since its pale middle would only veil the picture.
 * - mask: black with alpha `opacity * (1 - strength)`: what did not count goes dark.
 * - alpha: the paper with alpha `opacity * (1 - strength)`: what did not count fades away.
 * - contour, image: nothing.
 *
 * A value that is not a number keeps its own colour, opaque, in all modes that draw.
 */
export function overlayPixel(value: number, shading: Shading, style: OverlayStyle): [color: Rgb, alpha: number] {
  const { mode, opacity } = style;
  if (mode === "contour" || mode === "image") return [BLACK, 0];
  const color = valueToRgb(value, shading);
  if (mode === "heatmap" || !Number.isFinite(value)) return [color, 1];
  const strength = strengthOf(value, shading);
  if (mode === "blend") return [blendColor(value, strength, shading), opacity * strength ** 0.7];
  return [mode === "mask" ? BLACK : style.paper, opacity * (1 - strength)];
}

function blendColor(value: number, strength: number, shading: Shading): Rgb {
  const beyond = Math.abs(value) > shading.end;
  if (shading.scale.kind === "sequential" || beyond) return valueToRgb(value, shading);
  return valueToRgb((Math.sign(value) * shading.end * (1 + strength)) / 2, shading);
}

/** The overlay as RGBA bytes, `4 * height * width` of them. */
export function overlayPixels(field: Field, shading: Shading, style: OverlayStyle): Uint8ClampedArray<ArrayBuffer> {
  const pixels = new Uint8ClampedArray(field.values.length * 4);
  for (let i = 0; i < field.values.length; i++) {
    const [color, alpha] = overlayPixel(field.values[i] ?? Number.NaN, shading, style);
    pixels[4 * i] = color[0];
    pixels[4 * i + 1] = color[1];
    pixels[4 * i + 2] = color[2];
    pixels[4 * i + 3] = Math.round(255 * alpha);
  }
  return pixels;
}

/** A picture of shape (height, width, 3), or (height, width) for grey, as RGBA bytes. */
export function picturePixels(frame: Frame): Uint8ClampedArray<ArrayBuffer> {
  const [height = 0, width = 0, channels = 1] = frame.shape;
  const pixels = new Uint8ClampedArray(height * width * 4);
  for (let i = 0; i < height * width; i++) {
    for (let channel = 0; channel < 3; channel++) {
      pixels[4 * i + channel] = frame.stored[i * channels + Math.min(channel, channels - 1)] ?? 0;
    }
    pixels[4 * i + 3] = 255;
  }
  return pixels;
}

/** Puts RGBA bytes on a canvas, one pixel each, and gives the canvas that size. */
export function putPixels(
  canvas: HTMLCanvasElement,
  pixels: Uint8ClampedArray<ArrayBuffer>,
  height: number,
  width: number,
): void {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const context = canvas.getContext("2d");
  if (context && width > 0 && height > 0) context.putImageData(new ImageData(pixels, width, height), 0, 0);
}
