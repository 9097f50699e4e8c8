import { describe, expect, it } from "vitest";
import { contrast, type Rgb, type Theme, valueToRgb } from "../../src/lib";
import { luminance } from "../../src/lib/color-scales";
import { ROLES, roleHue, roleProperties, roleRamp, roleShading } from "../../src/lib/roles";

const PAPER: Record<Theme, Rgb> = { light: [255, 255, 255], dark: [22, 24, 29] };
const THEMES: Theme[] = ["light", "dark"];

describe.each(THEMES)("roles on %s paper", (theme) => {
  it.each(ROLES)("%s ink reads at 4.5:1 on the paper and on its own faint ground", (role) => {
    const { ink, faint } = roleHue(role, theme);
    expect(contrast(ink, PAPER[theme])).toBeGreaterThanOrEqual(4.5);
    expect(contrast(ink, faint)).toBeGreaterThanOrEqual(4.5);
  });
  it.each(ROLES)("%s gives zero its own tint, and the signs opposite lightness", (role) => {
    const shading = roleShading(role, theme, 2);
    const at = (value: number) => luminance(valueToRgb(value, shading));
    expect(valueToRgb(0, shading)).toEqual(roleHue(role, theme).base);
    const order = [-2, -1, 0, 1, 2].map(at);
    const sorted = [...order].sort((a, b) => (theme === "light" ? b - a : a - b));
    expect(order).toEqual(sorted);
    expect(contrast(valueToRgb(2, shading), valueToRgb(-2, shading))).toBeGreaterThan(4.5);
  });
  it("keeps the tints of the roles apart", () => {
    const bases = ROLES.map((role) => roleHue(role, theme).base);
    for (const one of bases)
      for (const other of bases)
        if (one !== other) expect(Math.hypot(...one.map((part, at) => part - (other[at] ?? 0)))).toBeGreaterThan(20);
  });
  it("ramps away from the paper", () => {
    const steps = [0, 0.25, 0.5, 0.75, 1].map((share) => contrast(roleRamp("attention", theme, share), PAPER[theme]));
    expect([...steps].sort((a, b) => a - b)).toEqual(steps);
  });
  it("offers its hues to style sheets", () => {
    expect(roleProperties(theme)["--attrium-query-ink"]).toBe(`rgb(${roleHue("query", theme).ink.join(" ")})`);
  });
});
