/**
 * From logits to the next token, over the whole vocabulary: what the kernel's `Sampler` does, done on the screen.
 *
 * The steps, their order and what ties do are those of attrium_kernel/tracing/sampling.py; comparisons are made in
 * float32 as there, sums in float64. A test holds both to the same numbers.
 */
import type { SamplerSettings } from "./protocol";

export type FilterName = "top_k" | "top_p" | "min_p" | "greedy";

/** Logits put in order, once; every setting of the sampler is then read off in one pass. */
export interface Ranked {
  /** By token id. */
  logits: Float32Array;
  /** Token ids from the largest logit down; of equal ones the lower id first. */
  order: Int32Array;
  /** Place of each token id in `order`, from 0. */
  ranks: Int32Array;
  /** The largest logit. */
  peak: number;
  /** Sum of exp(logit - peak) over the vocabulary. */
  total: number;
  /** What the model gives to a token and all before it, by rank. */
  reached: Float64Array;
}

/** What the sampler makes of ranked logits. Arrays are by rank, not by token id. */
export interface Drawn {
  settings: SamplerSettings;
  /** Token ids by falling score: `order` of the ranked logits, save where a temperature makes two scores equal. */
  order: Int32Array;
  ranks: Int32Array;
  /** Filters that are on, in the order in which they act, and how many tokens, from the first, each leaves. */
  filters: { name: FilterName; kept: number }[];
  /** exp((logit - peak) / temperature); 1 for the likeliest. */
  weights: Float64Array;
  /** Share of a token and of all before it in what top-p is given; empty without top-p. */
  running: Float32Array;
  /** How many tokens top-p is given. */
  given: number;
  /** Sum of the weights of the tokens that top-p is given, and of those that can be drawn. */
  sums: { given: number; kept: number };
  /** How many tokens can be drawn. */
  kept: number;
  /** What the model itself gives to the tokens that can be drawn. */
  mass: number;
}

/** One token of the table. */
export interface TokenRow {
  id: number;
  /** From 0. */
  rank: number;
  logit: number;
  /** Over the temperature; the logit itself if greedy. */
  scaled: number;
  weight: number;
  /** For each filter that is on, in order, whether the token is there after it. */
  kept: boolean[];
  /** Share of this token and of all before it in what top-p is given. */
  running: number;
  /** What the model says, before temperature and filters. */
  model: number;
  /** What is drawn from; 0 for tokens that were filtered away. */
  sampler: number;
}

/** Room for the token id below the 32 bits of the logit in one float64: 2 million tokens. */
const IDS = 2 ** 21;

/**
 * Sorts logits.
 *
 * Throws where the kernel's sampler does: for NaN and infinite logits, and when every token is ruled out.
 */
export function rankLogits(logits: Float32Array): Ranked {
  const order = sortedIds(logits);
  const peak = logits[order[0] ?? 0] ?? Number.NEGATIVE_INFINITY;
  if (peak === Number.NEGATIVE_INFINITY) throw new Error("All logits are minus infinity: no token can be drawn.");
  const ranks = new Int32Array(order.length);
  let total = 0;
  for (let rank = order.length - 1; rank >= 0; rank--) {
    // Smallest first, so that small terms are not lost beside large ones.
    const id = order[rank] ?? 0;
    ranks[id] = rank;
    total += Math.exp((logits[id] ?? 0) - peak);
  }
  const reached = new Float64Array(order.length);
  let sum = 0;
  for (let rank = 0; rank < order.length; rank++) {
    sum += Math.exp((logits[order[rank] ?? 0] ?? 0) - peak);
    reached[rank] = sum / total;
  }
  return { logits, order, ranks, peak, total, reached };
}

/** Ids by falling logit, then rising id, by a sort of plain numbers: each holds a logit's bits and an id. */
function sortedIds(logits: Float32Array): Int32Array {
  if (logits.length > IDS) throw new Error(`${logits.length} logits are more than the ${IDS} that can be sorted here.`);
  const bits = new Uint32Array(withoutMinusZero(logits).buffer);
  const keys = new Float64Array(logits.length);
  let broken = 0;
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id] ?? Number.NaN;
    if (Number.isNaN(logit) || logit === Number.POSITIVE_INFINITY) broken++;
    const word = bits[id] ?? 0;
    // The bits of a float32 as a whole number that falls as the float rises.
    const falling = word & 0x80000000 ? word : 0x7fffffff - word;
    keys[id] = falling * IDS + id;
  }
  if (broken > 0) throw new Error(`${broken} of ${logits.length} logits are NaN or infinite: no token can be drawn.`);
  keys.sort();
  const order = new Int32Array(keys.length);
  for (let rank = 0; rank < order.length; rank++) order[rank] = (keys[rank] ?? 0) % IDS;
  return order;
}

/** Whether nothing is drawn by chance. */
export function takesTheBest({ greedy, temperature }: SamplerSettings): boolean {
  return greedy || temperature === 0;
}

/** Whether the sampler draws from anything but the model's own probabilities. */
export function changesTheModel(settings: SamplerSettings): boolean {
  const { temperature, top_k, top_p, min_p } = settings;
  return takesTheBest(settings) || temperature !== 1 || top_k !== null || top_p !== null || min_p !== null;
}

/** All that the sampler makes of the logits, in one pass over the vocabulary. */
export function draw(ranked: Ranked, settings: SamplerSettings): Drawn {
  const best = takesTheBest(settings);
  const scores = scaledScores(ranked, best ? 1 : settings.temperature);
  const { order, ranks } = reordered(ranked, scores);
  const weights = new Float64Array(scores.length);
  for (let rank = 0; rank < scores.length; rank++) weights[rank] = Math.exp(scores[rank] ?? Number.NEGATIVE_INFINITY);
  const filters: Drawn["filters"] = [];
  let kept = countPossible(scores);
  const keep = (name: FilterName, count: number) => {
    kept = count;
    filters.push({ name, kept });
  };
  if (best) keep("greedy", 1);
  else if (settings.top_k !== null) keep("top_k", countTopK(scores, settings.top_k, kept));
  const given = best ? countPossible(scores) : kept;
  const sums = { given: sumOf(weights, given), kept: 0 };
  let running: Float32Array = new Float32Array(0);
  if (!best && settings.top_p !== null) {
    running = runningShares(weights, given, sums.given);
    keep("top_p", countTopP(weights, running, sums.given, settings.top_p));
  }
  if (!best && settings.min_p !== null) keep("min_p", Math.min(kept, countMinP(scores, settings.min_p)));
  sums.kept = kept === given ? sums.given : sumOf(weights, kept);
  return { settings, order, ranks, filters, weights, running, given, sums, kept, mass: massOf(ranked, kept) };
}

/** What the sampler makes of one token. */
export function rowOf(ranked: Ranked, drawn: Drawn, id: number): TokenRow {
  const rank = drawn.ranks[id] ?? 0;
  const logit = ranked.logits[id] ?? Number.NaN;
  const weight = drawn.weights[rank] ?? 0;
  const scaled = takesTheBest(drawn.settings) ? logit : Math.fround(logit / Math.fround(drawn.settings.temperature));
  return {
    id,
    rank,
    logit,
    scaled,
    weight,
    kept: drawn.filters.map((filter) => rank < filter.kept),
    running: drawn.running[rank] ?? 1,
    model: modelProbability(ranked, id),
    sampler: rank < drawn.kept ? weight / drawn.sums.kept : 0,
  };
}

/** What the model itself says of a token. */
export function modelProbability(ranked: Ranked, id: number): number {
  return Math.exp((ranked.logits[id] ?? Number.NaN) - ranked.peak) / ranked.total;
}

/** (logit - peak) / temperature by rank, rounded to float32 at each step as in the kernel, so that ties are its ties. */
function scaledScores({ logits, order, peak }: Ranked, temperature: number): Float32Array {
  const scores = new Float32Array(order.length);
  const over = Math.fround(temperature);
  for (let rank = 0; rank < order.length; rank++) {
    const below = Math.fround((logits[order[rank] ?? 0] ?? 0) - peak);
    // Not 0 / 0, at temperatures that float32 does not hold.
    scores[rank] = below === 0 ? 0 : below / over;
  }
  return scores;
}

/** Lower ids first among tokens whose scores a temperature has made equal; mostly there are none. */
function reordered({ order, ranks }: Ranked, scores: Float32Array): { order: Int32Array; ranks: Int32Array } {
  let changed: { order: Int32Array; ranks: Int32Array } | null = null;
  for (let start = 0; start < order.length - 1; start++) {
    let stop = start + 1;
    let rising = true;
    while (stop < order.length && scores[stop] === scores[start]) {
      rising &&= (order[stop] ?? 0) > (order[stop - 1] ?? 0);
      stop++;
    }
    if (!rising) {
      changed ??= { order: order.slice(), ranks: ranks.slice() };
      changed.order.subarray(start, stop).sort();
      for (let rank = start; rank < stop; rank++) changed.ranks[changed.order[rank] ?? 0] = rank;
    }
    start = stop - 1;
  }
  return changed ?? { order, ranks };
}

/** The `count` likeliest, and those that tie with the last of them. */
function countTopK(scores: Float32Array, count: number, possible: number): number {
  let kept = Math.min(count, possible);
  const last = scores[kept - 1];
  while (kept < possible && scores[kept] === last) kept++;
  return kept;
}

/** Tokens that are not ruled out by a logit of minus infinity. */
function countPossible(scores: Float32Array): number {
  let possible = scores.length;
  while (possible > 1 && scores[possible - 1] === Number.NEGATIVE_INFINITY) possible--;
  return possible;
}

/** A token stays while those before it do not yet sum to `mass`; the first stays, and with a mass of 1 all do. */
function countTopP(weights: Float64Array, running: Float32Array, sum: number, mass: number): number {
  if (mass === 1) return running.length;
  const limit = Math.fround(mass);
  let kept = 1;
  while (kept < running.length) {
    const before = Math.fround((running[kept] ?? 1) - Math.fround((weights[kept] ?? 0) / sum));
    if (!(before < limit)) break;
    kept++;
  }
  return kept;
}

/** Tokens at least `share` times as likely as the likeliest. */
function countMinP(scores: Float32Array, share: number): number {
  const limit = share > 0 ? Math.fround(Math.log(share)) : Number.NEGATIVE_INFINITY;
  let kept = 1;
  while (kept < scores.length && (scores[kept] ?? Number.NEGATIVE_INFINITY) >= limit) kept++;
  return kept;
}

function runningShares(weights: Float64Array, given: number, sum: number): Float32Array {
  const running = new Float32Array(given);
  let total = 0;
  for (let rank = 0; rank < given; rank++) {
    total += Math.fround((weights[rank] ?? 0) / sum);
    running[rank] = total;
  }
  return running;
}

/** Sum of the first `count`, smallest first, so that small terms are not lost beside large ones. */
function sumOf(weights: Float64Array, count: number): number {
  let sum = 0;
  for (let rank = count - 1; rank >= 0; rank--) sum += weights[rank] ?? 0;
  return sum;
}

/** What the model gives to the likeliest `kept`; which of equal ones they are is not told apart. */
function massOf({ reached }: Ranked, kept: number): number {
  return kept === reached.length ? 1 : (reached[kept - 1] ?? 0);
}

/** -0 and 0 are one number, and must sort as one. */
function withoutMinusZero(logits: Float32Array): Float32Array {
  return logits.map((logit) => logit + 0);
}
