import type { Rgb } from "./color-scales";
import type { Theme } from "./theme";

/** The widget's paper and inks, as --attrium-paper and so on have them. */
export function inks(theme: Theme): { paper: Rgb; ink: Rgb; soft: Rgb; line: Rgb } {
  return theme === "dark"
    ? { paper: [22, 24, 29], ink: [233, 235, 241], soft: [164, 171, 187], line: [42, 46, 55] }
    : { paper: [255, 255, 255], ink: [27, 31, 42], soft: [88, 96, 116], line: [230, 232, 239] };
}
