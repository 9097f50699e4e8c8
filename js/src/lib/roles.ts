/**
 * One hue for each role a vector can have, the same in every picture.
 *
 * `ink` is for text and reads at 4.5:1 or better on the widget's paper. `low`, `base` and `high` are the ends and the
 * middle of the scale for signed values: zero has the role's own tint, and the two signs leave it in opposite lightness.
 */
import { type ColorScale, type Rgb, type Shading, toCss } from "./color-scales";
import type { Theme } from "./theme";

export type Role = "query" | "key" | "value" | "attention" | "mlp" | "residual" | "change";

export const ROLES: readonly Role[] = ["query", "key", "value", "attention", "mlp", "residual", "change"];

export interface Hue {
  /** Large quiet areas. */
  faint: Rgb;
  /** Ribbons. */
  pale: Rgb;
  /** Bars; a value of zero. */
  base: Rgb;
  /** The most negative value. */
  low: Rgb;
  /** The most positive value. */
  high: Rgb;
  ink: Rgb;
}

function hue(codes: string): Hue {
  const [faint, pale, base, low, high, ink] = codes.split(" ").map((code) => {
    const number = Number.parseInt(code, 16);
    return [number >> 16, (number >> 8) & 255, number & 255] as const;
  }) as [Rgb, Rgb, Rgb, Rgb, Rgb, Rgb];
  return { faint, pale, base, low, high, ink };
}

const HUES: Record<Theme, Record<Role, Hue>> = {
  light: {
    query: hue("ebf3fe cfe2fd 9dc4f9 e0ecfe 1a56c4 1d55bd"),
    key: hue("fdeeee fbd9da f4afb2 fde4e5 bf2f3f b42e3b"),
    value: hue("e6f7ed c4ebd4 8dd3ad d9f3e4 0f6b45 15694a"),
    attention: hue("f4eefe e5d8fb c7adf5 efe5fd 6a22c9 6d2bc8"),
    mlp: hue("eceefe d5d9fa a9b0f1 e2e5fc 3338ae 3f45b8"),
    residual: hue("f3f4f7 e1e4eb bcc3d0 e9ebf0 525b70 4a5264"),
    change: hue("fef2e4 fcdfbd f4b86c feecd6 a14e00 964900"),
  },
  dark: {
    query: hue("1a2536 24395c 4472ad 203450 b4d5ff 8fbbf9"),
    key: hue("301e22 4c2a30 a05863 43272d ffc2c5 f59ca2"),
    value: hue("16291f 1e4232 3d8863 1b3a2c aff0cb 7fd3a6"),
    attention: hue("271d3a 3c2c60 785ab6 362a54 e2cfff c2a6fa"),
    mlp: hue("1f2142 2f3366 5c61bb 2b2e5a cbcfff a9affb"),
    residual: hue("20232a 32363f 6a7283 2e323b bfc6d4 b4bbc9"),
    change: hue("33240f 5a3a10 a86a1c 4a300f ffd59b f0b35a"),
  },
};

export function roleHue(role: Role, theme: Theme): Hue {
  return HUES[theme][role];
}

/** How signed values of a role are coloured: zero has the tint of the role, and `end` is where the colours end. */
export function roleShading(role: Role, theme: Theme, end: number): Shading {
  const { low, base, high } = HUES[theme][role];
  const dark = theme === "dark";
  const scale: ColorScale = {
    kind: "diverging",
    stops: [low, base, high],
    over: high,
    under: low,
    nan: [255, 196, 0],
    posInf: dark ? [255, 255, 255] : [0, 0, 0],
    negInf: [107, 107, 107],
  };
  return { scale, end, sign: "all", signed: true };
}

/** The colour of a share from 0 to 1, from the paper to the role's strongest. */
export function roleRamp(role: Role, theme: Theme, share: number): Rgb {
  const { faint, base, high } = HUES[theme][role];
  const at = Math.min(1, Math.max(0, share)) * 2;
  return at < 1 ? mixed(faint, base, at) : mixed(base, high, at - 1);
}

/** A colour between two, `part` of the way to the second. */
export function mixed(one: Rgb, other: Rgb, part: number): Rgb {
  const between = (from: number, to: number) => Math.round(from + (to - from) * part);
  return [between(one[0], other[0]), between(one[1], other[1]), between(one[2], other[2])];
}

/** The hues as CSS custom properties, `--attrium-query` (base), `--attrium-query-ink` and so on. */
export function roleProperties(theme: Theme): Record<string, string> {
  const properties: Record<string, string> = {};
  for (const role of ROLES) {
    const { faint, pale, base, high, ink } = HUES[theme][role];
    properties[`--attrium-${role}`] = toCss(base);
    properties[`--attrium-${role}-faint`] = toCss(faint);
    properties[`--attrium-${role}-pale`] = toCss(pale);
    properties[`--attrium-${role}-high`] = toCss(high);
    properties[`--attrium-${role}-ink`] = toCss(ink);
  }
  return properties;
}
