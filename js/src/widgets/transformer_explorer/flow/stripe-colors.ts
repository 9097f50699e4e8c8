/** Colours of a stripe's bins, kept: a vector looks the same in every picture that shows it at the same height. */
import { type Rgb, type Theme, valueToRgb } from "../../../lib";
import { roleShading } from "../../../lib/roles";
import { binsOf, folded, roleOf, type Stripe } from "./data";

/** Of the bins `first` to `stop` of one token, folded to at most `rows` colours, from the top. */
export function stripeColors(
  stripe: Stripe,
  lane: number,
  first: number,
  stop: number,
  rows: number,
  { stage, theme }: { stage: string; theme: Theme },
): readonly Rgb[] {
  const key = `${lane} ${first} ${stop} ${Math.floor(rows)} ${theme}`;
  const known = stripe.kept.get(key);
  if (known) return known;
  const shading = roleShading(roleOf(stage), theme, stripe.end);
  const values = folded(binsOf(stripe, lane).subarray(first, stop), rows);
  const colors = [...values].map((value) => valueToRgb(value, shading));
  stripe.kept.set(key, colors);
  return colors;
}
