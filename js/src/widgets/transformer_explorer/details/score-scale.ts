/** The factor between dot products and scores, found in the vectors themselves. */
import { useMemo, useRef } from "preact/hooks";
import { valuesOf } from "../../../lib";
import type { Explorer } from "../explorer";
import type { FlowFacts } from "../protocol";
import { inBlock, only, tensorOf } from "./places";
import { vectorsOf } from "./projections";
import { type Here, useVectors } from "./reading";
import { useView } from "./use-view";

/** Keys that the factor is found from. */
const KEYS = 48;
/** Share of the largest score by which rounding may explain a miss. */
const ROUNDING = 0.01;

/**
 * What the dot product of query and key is multiplied by to give the score; null where the scores are not that product
 * times one number: capped, biased by distance, or not to be read. Undefined until it is known for the first time.
 */
export function useScoreScale(explorer: Explorer, here: Here, facts: FlowFacts | null): number | null | undefined {
  const { model, block, head, position, which, run } = here;
  const count = Math.min(KEYS, here.tokens.length);
  const turned = model.rotary ? "rot_" : "";
  const query = { ...vectorsOf("q", here, facts), name: inBlock(facts, block, `attn.${turned}q`) };
  const key = { ...vectorsOf("k", here, facts), name: inBlock(facts, block, `attn.${turned}k`) };
  const q = useVectors(explorer, query, only(position));
  const k = useVectors(explorer, key, [0, count]);
  const scores = useView(
    explorer.channel,
    {
      tensor: tensorOf(which, inBlock(facts, block, "attn.scores")),
      index: [only(head), only(position), [0, count]],
      pixels: [1, count],
    },
    run,
  );
  const failed = (q.error ?? k.error ?? scores.error) !== null;
  const found = useMemo(() => {
    const { frame, view } = scores;
    const same = q.read?.rows[0] === position && view?.index?.[0]?.[0] === head && view.index[1]?.[0] === position;
    return q.read && k.read && frame && same ? scaleOf(q.read.values, k.read.values, valuesOf(frame)) : undefined;
  }, [q.read, k.read, scores.frame]);
  // On the way to another position or head, the factor of the one before: they hardly ever differ.
  const last = useRef<number | null | undefined>(undefined);
  if (failed) last.current = null;
  else if (found !== undefined) last.current = found;
  return last.current;
}

/** The one factor that turns the dot products of a query and some keys into the scores, by least squares; or null. */
export function scaleOf(query: ArrayLike<number>, keys: ArrayLike<number>, scores: ArrayLike<number>): number | null {
  const dots = Array.from({ length: scores.length }, (_, key) => {
    let sum = 0;
    for (let i = 0; i < query.length; i++) sum += (query[i] ?? 0) * (keys[key * query.length + i] ?? 0);
    return sum;
  });
  const square = dots.reduce((sum, dot) => sum + dot * dot, 0);
  const scale = dots.reduce((sum, dot, key) => sum + dot * (scores[key] ?? 0), 0) / square;
  const largest = Math.max(...Array.from(scores, Math.abs));
  const miss = Math.max(...dots.map((dot, key) => Math.abs(dot * scale - (scores[key] ?? Number.NaN))));
  return scale > 0 && miss <= ROUNDING * largest ? scale : null;
}
