import { useMemo } from "preact/hooks";
import { formatNumber } from "../../../lib";
import type { Explorer } from "../explorer";
import type { FlowFacts } from "../protocol";
import { Missing } from "./equation";
import { inBlock, only } from "./places";
import { vectorsOf } from "./projections";
import { type Here, useVectors } from "./reading";
import { type Turning, type TurnedPair, turningOf } from "./rotary";

interface Props {
  explorer: Explorer;
  here: Here;
  facts: FlowFacts | null;
  letter: "q" | "k";
}

/** Most dials that are drawn: evenly chosen of all pairs. */
const DIALS = 16;

/** A query or key before and after it is turned by its position: one dial for each pair of numbers. */
export function RotaryTurn({ explorer, here, facts, letter }: Props) {
  const plain = vectorsOf(letter, here, facts);
  const turned = { ...plain, name: inBlock(facts, here.block, `attn.rot_${letter}`), symbol: `rot_${letter}` };
  const before = useVectors(explorer, plain, only(here.position));
  const after = useVectors(explorer, turned, only(here.position));
  const turning = useMemo(
    () => (before.read && after.read ? turningOf(before.read.values, after.read.values) : null),
    [before.read, after.read],
  );
  const error = before.error ?? after.error;
  if (error !== null) return <Missing>{error}</Missing>;
  if (!before.read || !after.read) return null;
  const title = letter === "q" ? "The query" : "The key";
  return (
    <section class="attrium-explained">
      <header class="attrium-explained-head">
        <h4>{`${title} is turned by its position`}</h4>
      </header>
      {turning ? (
        <Dials turning={turning} here={here} letter={letter} />
      ) : (
        <Missing>
          {`${turned.name} is not ${plain.name} turned in pairs of numbers (something else, such as a norm, lies between), so no angles are drawn.`}
        </Missing>
      )}
    </section>
  );
}

function Dials({ turning, here, letter }: { turning: Turning; here: Here; letter: "q" | "k" }) {
  const shown = evenly(turning.pairs, DIALS);
  const longest = Math.max(1e-12, ...turning.pairs.map(({ before }) => Math.hypot(...before)));
  return (
    <>
      <p class="attrium-lead">{turnWords(turning, here.position)}</p>
      <ol class="attrium-dials" data-role={letter === "q" ? "query" : "key"}>
        {shown.map((pair) => (
          <li key={pair.at.join()}>
            <Dial pair={pair} longest={longest} />
            <span class="attrium-number">{pair.at.join(", ")}</span>
            <span class="attrium-number attrium-faint">{degrees(pair.angle)}</span>
          </li>
        ))}
      </ol>
    </>
  );
}

const RADIUS = 20;

function Dial({ pair, longest }: { pair: TurnedPair; longest: number }) {
  const end = ([x, y]: readonly [number, number]) => ({ x2: (x / longest) * RADIUS, y2: (-y / longest) * RADIUS });
  return (
    <svg viewBox="-22 -22 44 44" width="44" height="44" role="img" aria-label={dialWords(pair)}>
      <title>{dialWords(pair)}</title>
      <circle r={RADIUS} class="attrium-dial-rim" />
      <circle r={(Math.hypot(...pair.before) / longest) * RADIUS} class="attrium-dial-path" />
      <line x1="0" y1="0" {...end(pair.before)} class="attrium-dial-before" />
      <line x1="0" y1="0" {...end(pair.after)} class="attrium-dial-after" />
      <circle cx={end(pair.after).x2} cy={end(pair.after).y2} r="2" class="attrium-dial-tip" />
    </svg>
  );
}

function dialWords({ at, before, after, angle }: TurnedPair): string {
  const spot = (place: readonly [number, number]) => `(${place.map((value) => formatNumber(value, 3)).join(", ")})`;
  return `numbers ${at.join(" and ")}: ${spot(before)} turned by ${degrees(angle)} to ${spot(after)}`;
}

/** What the turn does, in words. */
export function turnWords({ pairing, pairs, still }: Turning, position: number): string {
  if (pairs.every(({ angle }) => Math.abs(angle) < 1e-6)) {
    return `At position ${position} nothing is turned: before and after are the same. Choose a later position.`;
  }
  const paired = pairing === "half" ? `number i with number i + ${pairs.length}` : "neighbours";
  const rest = still > 0 ? ` The last ${still} numbers are not turned.` : "";
  return (
    `No position is added to the stream. Instead, numbers go in pairs (${paired}), and each pair is turned by ` +
    `position ${position} times an angle of its own, fast pairs first; lengths stay. The pale line is before, the ` +
    `strong one after; the product of query and key then depends on how far apart the two are.${rest}`
  );
}

function degrees(angle: number): string {
  return `${((angle * 180) / Math.PI).toFixed(Math.abs(angle) < 0.17 ? 1 : 0).replace("-", "\u2212")}\u00b0`;
}

/** At most so many of a list, evenly spread over it. */
export function evenly<Item>(items: readonly Item[], most: number): Item[] {
  if (items.length <= most) return [...items];
  return Array.from({ length: most }, (_, i) => items[Math.floor((i * items.length) / most)]).filter(
    (item): item is Item => item !== undefined,
  );
}
