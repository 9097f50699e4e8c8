/** The colour of a value: numbers by their size, booleans by their truth, texts by their place among the values. */
import { mixed, type Rgb, roleHue, roleRamp, type Theme } from "../../../lib";
import type { NodeFacts, Shown } from "../protocol";

/** The ends of the numbers that a node has on the input, zero among them. */
export type NumberRange = readonly [low: number, high: number];

const GROUND: Record<Theme, Rgb> = { light: [255, 255, 255], dark: [22, 24, 29] };
/** Hue, in degrees, of one text after another: neighbours are far apart. */
const TURN = 137.508;
/** Numbers stay pale enough for the ink on them. */
const STRONGEST = 0.62;

export function numberRange(numbers: readonly (number | null)[] | undefined): NumberRange {
  const known = (numbers ?? []).filter((one): one is number => one !== null && Number.isFinite(one));
  return known.reduce<NumberRange>(([low, high], one) => [Math.min(low, one), Math.max(high, one)], [0, 0]);
}

/** Null where there is nothing to colour: an absent value. */
export function valueColor(
  value: Shown,
  number: number | null,
  range: NumberRange,
  at: number,
  theme: Theme,
): Rgb | null {
  if (value === null) return null;
  if (value === "True") return mixed(GROUND[theme], roleHue("value", theme).base, 0.62);
  if (value === "False") return roleHue("residual", theme).faint;
  if (number !== null) return numberColor(number, range, theme);
  return textColor(at, theme);
}

function numberColor(value: number, [low, high]: NumberRange, theme: Theme): Rgb {
  const end = Math.max(-low, high);
  const share = end === 0 ? 0 : (Math.abs(value) / end) * STRONGEST;
  return roleRamp(value < 0 ? "key" : "query", theme, share);
}

function textColor(at: number, theme: Theme): Rgb {
  const hue = (40 + Math.max(0, at) * TURN) % 360;
  return theme === "dark" ? fromHsl(hue, 0.32, 0.26) : fromHsl(hue, 0.72, 0.89);
}

function fromHsl(hue: number, saturation: number, lightness: number): Rgb {
  const strength = saturation * Math.min(lightness, 1 - lightness);
  const channel = (offset: number) => {
    const k = (offset + hue / 30) % 12;
    return Math.round(255 * (lightness - strength * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [channel(0), channel(8), channel(4)];
}

/** Where a text stands among the tokens, else among the values of its node. */
export function placeOf(value: Shown, vocabulary: readonly string[], node: NodeFacts | null): number {
  if (value === null) return -1;
  const token = vocabulary.indexOf(value);
  return token >= 0 ? token : vocabulary.length + (node?.values.indexOf(value) ?? 0);
}
