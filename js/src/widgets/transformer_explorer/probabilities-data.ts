/** What the next token may be, read once for every part that shows it. */
import { useMemo } from "preact/hooks";
import { type Channel, type Frame, formatNumber, formatPercent, useAnswer, valuesOf } from "../../lib";
import type { Explorer } from "./explorer";
import { readsOn } from "./prompt-generate";
import type { LogitsFacts, SamplerSettings, Which } from "./protocol";
import { changesTheModel, type Drawn, draw, type Ranked, rankLogits, rowOf, type TokenRow } from "./sampler";

/** The distribution at one position, ready to draw. */
export interface Distribution {
  facts: LogitsFacts;
  ranked: Ranked;
  drawn: Drawn;
  /** Whether the sampler draws from anything but the model's own probabilities. */
  sampled: boolean;
  /** Texts of the tokens that have come with one. */
  texts: ReadonlyMap<number, string>;
  row(id: number): TokenRow;
}

export interface Reading {
  distribution: Distribution | null;
  error: string | null;
  waiting: boolean;
}

/** Sorting the vocabulary is done once per answer, whichever parts show it. */
const rankings = new WeakMap<Frame, Ranked>();

/** What classes and masked tokens are drawn with, which nobody samples from. */
const PLAIN: SamplerSettings = { temperature: 1, top_k: null, top_p: null, min_p: null, greedy: false };

/** The sampler as it is set; the model's own probabilities where nothing is drawn. */
export function samplerOf(explorer: Explorer): SamplerSettings {
  return readsOn(explorer) ? { ...PLAIN, ...explorer.store.get("sampler") } : PLAIN;
}

/** The distribution over the next token at the reader's position. */
export function useDistribution(explorer: Explorer, which?: Which): Reading {
  const { store, channel } = explorer;
  const position = store.get("position");
  const asked = { position, which: which ?? store.get("which") };
  const model = store.get("model");
  const ready = "vocab" in model && store.get("run") > 0;
  const answer = useAnswer<LogitsFacts>(channel, "logits", ready ? asked : null, store.get("run"));
  const named = useNames(channel, answer.facts, [store.get("token"), store.get("versus")], store.get("run"));
  const settings = samplerOf(explorer);
  const frame = answer.frames.logits ?? null;
  const made = useMemo(() => {
    if (!answer.facts || !frame) return { distribution: null, error: null };
    try {
      // A masked model's logits are of the token here: the next one is not what they are about.
      const facts = readsOn(explorer) ? answer.facts : { ...answer.facts, next: null };
      return { distribution: distributionOf(facts, frame, settings, named), error: null };
    } catch (problem) {
      return { distribution: null, error: problem instanceof Error ? problem.message : String(problem) };
    }
  }, [answer.facts, frame, JSON.stringify(settings), named]);
  return { distribution: made.distribution, error: answer.error ?? made.error, waiting: answer.waiting };
}

/** Texts of the tokens that are followed, where the answer about the position does not hold them. */
function useNames(channel: Channel, facts: LogitsFacts | null, ids: readonly (number | null)[], run: number) {
  const known = facts && new Set([...facts.top, ...facts.named].map((token) => token.id));
  const missing = known ? ids.filter((id): id is number => id !== null && !known.has(id)) : [];
  const answer = useAnswer<Record<string, string>>(
    channel,
    "texts",
    facts?.kind === "token" && missing.length > 0 ? { ids: missing } : null,
    run,
  );
  return answer.facts;
}

function distributionOf(
  facts: LogitsFacts,
  frame: Frame,
  settings: SamplerSettings,
  named: Record<string, string> | null,
): Distribution {
  const ranked = rankings.get(frame) ?? rankLogits(valuesOf(frame));
  rankings.set(frame, ranked);
  const drawn = draw(ranked, settings);
  const texts = new Map([...facts.top, ...facts.named].map(({ id, text }) => [id, text]));
  for (const [id, text] of Object.entries(named ?? {})) texts.set(Number(id), text);
  return {
    facts,
    ranked,
    drawn,
    sampled: changesTheModel(drawn.settings),
    texts,
    row: (id) => rowOf(ranked, drawn, id),
  };
}

/** The tokens that are listed, likeliest first. */
export function listedIds({ facts, drawn }: Distribution): number[] {
  const rank = (id: number) => drawn.ranks[id] ?? Number.POSITIVE_INFINITY;
  return facts.top.map((token) => token.id).sort((a, b) => rank(a) - rank(b));
}

/** A probability with three digits however small it is: "12.3%", "0.00420%", "3.1e−9%". */
export function percentText(probability: number): string {
  if (probability === 0 || probability >= 0.01) return formatPercent(probability);
  return `${formatNumber(100 * probability, 3)}%`;
}

/** How the sampler is set, in a few words. */
export function samplerWords(settings: SamplerSettings): string {
  if (settings.greedy || settings.temperature === 0) return "greedy";
  const words = [`T ${formatTemperature(settings.temperature)}`];
  if (settings.top_k !== null) words.push(`top-k ${settings.top_k}`);
  if (settings.top_p !== null) words.push(`top-p ${settings.top_p}`);
  if (settings.min_p !== null) words.push(`min-p ${settings.min_p}`);
  return words.join(", ");
}

export function formatTemperature(temperature: number): string {
  return temperature === 0 ? "0" : temperature < 0.01 ? formatNumber(temperature, 2) : temperature.toFixed(2);
}
