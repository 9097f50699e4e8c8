/** The sum of values, drawn as what it is. */
import { mixed } from "../../../lib/roles";
import type { Box } from "../../../lib/scene";
import type { Pattern } from "./pattern";
import type { Pen } from "./pen";

/** Most strands drawn, the strongest. */
const STRANDS = 500;
/** How far beyond the edge a strand from out of sight begins, in pixels. */
const EDGE = 14;

/** From each value a strand as wide as its weight, into the head's part of z. */
export function strandMarks(pen: Pen, pattern: Pattern): void {
  const { layout, position, causal } = pen.subject;
  const card = layout.card as Box;
  const [first, stop] = layout.visible;
  const found: { query: number; key: number; weight: number }[] = [];
  for (let query = first; query < stop; query++) {
    const least = query === position ? 0.004 : 0.02;
    for (let key = 0; key < (causal ? query + 1 : layout.tokens); key++) {
      const weight = pattern.weight(query, [key, key + 1]);
      if (weight >= least) found.push({ query, key, weight });
    }
  }
  const kept = found.sort((a, b) => a.weight - b.weight).slice(-STRANDS);
  for (const selected of [false, true]) {
    for (const strand of kept) {
      if ((strand.query === position) !== selected) continue;
      drawStrand(pen, card, strand);
    }
  }
}

function drawStrand(pen: Pen, card: Box, { query, key, weight }: { query: number; key: number; weight: number }): void {
  const { position } = pen.subject;
  const selected = query === position;
  const from = pen.slice("attn.v", key);
  const to = pen.slice("attn.z", query);
  if (!from || !to) return;
  const { lanes } = pen.subject.layout;
  // From a lane out of sight the strand comes in over the edge.
  const start = Math.min(lanes.y + lanes.height + EDGE, Math.max(lanes.y - EDGE, from.y + from.height / 2));
  const value = pen.hue("value");
  const purple = pen.hue("attention");
  const whole = Math.max(5, pen.subject.layout.unit);
  const alpha = selected ? 0.5 + 0.45 * weight : 0.13 + 0.25 * weight;
  pen.front.push({
    kind: "ribbon",
    from: { x: card.x + card.width, y: start, width: Math.max(0.6, whole * weight) },
    to: {
      x: to.x - 1,
      y: to.y + to.height / 2,
      width: Math.max(0.6, Math.min(whole, Math.max(3, to.height)) * weight),
    },
    stops: [
      [0, mixed(value.base, value.ink, selected ? 0.45 : 0.1), alpha],
      [1, mixed(purple.base, purple.ink, selected ? 0.45 : 0.1), alpha],
    ],
    about: { kind: "strand", query, key },
  });
}
