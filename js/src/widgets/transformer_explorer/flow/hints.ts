/** What is said of a mark: its name, its shape, its measured numbers, and what a click does. */
import { formatCount, formatNumber, formatPercent, formatSigned, spokenText } from "../../../lib";
import type { Hit } from "../../../lib/scene-hit";
import type { ModelFacts, NumberRef, TokenFacts, ViewName, Which } from "../protocol";
import type { About, Way } from "./about";
import { headName, headWords, numberName, positionName, withName } from "../names";
import { rangeOf } from "./counting";
import { binsOf, type FlowData } from "./data";
import type { Pattern } from "./pattern";
import { termOf } from "./terms";
import { type ExactWeight, isExact, type Nearly, weightText } from "./weight-text";

export interface Hint {
  title: string;
  lines: string[];
  /** The pooled value that is drawn there, until the number behind it is known. */
  value: string | null;
  /** The number that is meant, where one is. */
  reference: NumberRef | null;
  /** Dims that a pooled value stands for. */
  range: readonly [first: number, stop: number] | null;
  lane: number | null;
  /** Query and key of a weight. */
  pair: readonly [query: number, key: number] | null;
  click: { view?: ViewName; position?: number } | null;
  /** In words. */
  does: string;
  /** The word for it that the tour may explain; empty for none. */
  term: string;
  /** Whether a click opens the tour, and nothing else. */
  opensTerm: boolean;
  /** Where the exact weight is to be read, and what is said once it is; null where what is said is exact. */
  nearly: (Nearly & { told(exact: ExactWeight): Pick<Hint, "title" | "lines"> }) | null;
}

export interface Told {
  data: FlowData;
  model: ModelFacts;
  tokens: readonly TokenFacts[];
  pattern: Pattern | null;
  /** Weights over the encoder's tokens. */
  cross: Pattern | null;
  head: number;
  which: Which;
  /** Tokens that the encoder read; null where there is none, or while it is not known. */
  encoder: number | null;
}

const NOTHING = {
  lines: [],
  value: null,
  reference: null,
  range: null,
  lane: null,
  pair: null,
  click: null,
  does: "",
  term: "",
  opensTerm: false,
  nearly: null,
};

/** What is said of a hit, with the word for it. */
export function hintOf(hit: Hit<About>, told: Told): Hint {
  const hint = described(hit, told);
  const hidden = told.model.causal && hint.pair !== null && hint.pair[1] > hint.pair[0];
  return { ...hint, term: termOf(hit.about, hidden) };
}

function described({ about, row, column, mark }: Hit<About>, told: Told): Hint {
  switch (about.kind) {
    case "token":
      return tokenHint(about.lane, told);
    case "vector":
      return vectorHint(about.stage, about.lane, mark.kind === "bar" ? (row + 0.5) / mark.colors.length : 0, told);
    case "way":
      return wayHint(about, told);
    case "norm":
      return normHint(about, told);
    case "sum":
      return sumHint(about, told);
    case "activation":
      return {
        ...NOTHING,
        ...activationHint(told),
        lane: about.lane,
        click: { view: "mlp", position: about.lane },
        does: "opens the MLP",
      };
    case "rotary":
      return rotaryHint(about.stage, about.lane);
    case "pattern":
      return weightHint(about.first + row, keysOf(column, about.keys, about.cells), told);
    case "cross":
      return crossHint(about.first + row, keysOf(column, about.keys, about.cells), about.keys, told);
    case "encoder":
      return encoderHint(told);
    case "term":
      return { ...NOTHING, title: about.text, opensTerm: true };
    case "strand":
      return strandHint(about.query, about.key, told);
    case "card":
      return {
        ...NOTHING,
        title: [
          withName(`Head ${told.head}`, headName(told.model, told.data.facts.block, told.head)),
          rangeOf(told.model.heads),
        ].join(" "),
        lines: headLines(told),
        click: { view: "attention" },
        does: "opens attention step by step",
      };
    case "edited":
      return { ...NOTHING, title: "Intervention", lines: [...about.labels] };
  }
}

function keysOf(column: number, keys: number, cells: number): [number, number] {
  return [Math.floor((column * keys) / cells), Math.max(1, Math.floor(((column + 1) * keys) / cells))];
}

function nameOf(told: Told, lane: number): string {
  return `\u201c${spokenText(told.tokens[lane]?.text ?? "")}\u201d`;
}

function tokenHint(lane: number, told: Told): Hint {
  const token = told.tokens[lane];
  const kind = token?.special ? ", special" : token?.generated ? ", generated" : "";
  return {
    ...NOTHING,
    title: `${nameOf(told, lane)}  position ${withName(String(lane), positionName(told.model, lane))}`,
    lines: [`token id ${token?.id ?? "?"}${kind}`],
    lane,
    click: { position: lane },
    does: "follows this position",
  };
}

const NAMES: Record<string, string> = {
  embed: "Token embedding",
  pos_embed: "Position embedding",
  resid_pre: "Residual stream into the block",
  "ln1.out": "After the norm",
  "attn.q": "Query",
  "attn.k": "Key",
  "attn.v": "Value",
  "attn.z": "Mixed values z, all heads",
  "attn.out": "Attention output",
  attn_out: "What attention adds",
  resid_mid: "Residual stream after attention",
  "ln_cross.out": "After the norm",
  "cross.z": "Values mixed from the encoder, all heads",
  cross_out: "What cross-attention adds",
  resid_cross: "Residual stream after cross-attention",
  "ln2.out": "After the norm",
  "mlp.pre": "Hidden layer before the activation",
  "mlp.pre_linear": "Hidden layer, the part that is gated",
  "mlp.post": "Hidden layer after the activation",
  mlp_out: "What the MLP adds",
  resid_post: "Residual stream after the block",
  final: "Residual stream after the last block",
  "ln_final.out": "After the final norm",
  logits: "Logits",
};

export function stageName(stage: string): string {
  return NAMES[stage] ?? stage;
}

/** The drill-down in which a stage is explained. */
export function viewOf(stage: string): ViewName {
  if (stage === "embed" || stage === "pos_embed") return "embedding";
  if (stage === "attn.q" || stage === "attn.k" || stage === "attn.v" || stage === "ln1.out") return "qkv";
  if (stage === "attn.z" || stage === "attn_out" || stage === "attn.out") return "output";
  if (stage.startsWith("cross") || stage === "ln_cross.out") return "";
  if (stage.startsWith("mlp") || stage === "ln2.out") return "mlp";
  return stage === "ln_final.out" || stage === "logits" || stage === "final" ? "logits" : "lens";
}

const VIEW_DOES: Partial<Record<ViewName, string>> = {
  embedding: "opens the embedding",
  qkv: "opens query, key and value",
  attention: "opens attention step by step",
  output: "opens the output of attention",
  mlp: "opens the MLP",
  logits: "opens the logits",
  lens: "opens the logit lens",
};

function opening(view: ViewName, lane: number): Pick<Hint, "click" | "does"> {
  if (view === "") return { click: { position: lane }, does: "follows this position" };
  return { click: { view, position: lane }, does: VIEW_DOES[view] ?? "" };
}

function vectorHint(stage: string, lane: number, part: number, told: Told): Hint {
  const { data } = told;
  const stripe = data.stripes.get(stage);
  const size = data.facts.sizes[stage] ?? stripe?.size ?? 0;
  const full = data.facts.names[stage] ?? stage;
  const lines = [
    `${full}[${lane}], ${formatCount(size)} numbers, norm ${formatNumber(data.norm(stage, lane))}`,
    ...changeLine(stage, lane, told),
  ];
  const common = {
    ...NOTHING,
    title: `${stageName(stage)} of ${nameOf(told, lane)}`,
    lines,
    lane,
    ...opening(viewOf(stage), lane),
  };
  if (!stripe) return common;
  const bins = binsOf(stripe, lane);
  const bin = Math.min(bins.length - 1, Math.floor(part * bins.length));
  const first = Math.floor(bin * stripe.factor);
  const stop = Math.max(first + 1, Math.min(size, Math.ceil((bin + 1) * stripe.factor)));
  const called = namesOf(stage, lane, first, stop, told);
  const near = formatSigned(bins[bin] ?? Number.NaN, 3);
  const value =
    stop - first > 1
      ? `largest of ${placeOf(stage, first, stop, told)}${called}: about ${near}`
      : `${placeOf(stage, first, stop, told)}${called}: about ${near}`;
  return { ...common, lines, value, reference: referenceOf(stage, lane, first, told), range: [first, stop] };
}

/** Entries of a vector in words, counted inside their head where there are heads. */
export function placeOf(stage: string, first: number, stop: number, { model }: Pick<Told, "model">): string {
  const span = (start: number) =>
    stop - first > 1 ? `entries ${start} to ${start + stop - first - 1}` : `entry ${start}`;
  if (!isByHead(stage)) return span(first);
  const shared = model.kv_heads < model.heads && (stage === "attn.k" || stage === "attn.v");
  return `${span(first % model.d_head)} of ${shared ? "kv head" : "head"} ${Math.floor(first / model.d_head)}`;
}

/** Entries that are named each, where more lie under the pointer. */
const NAMED = 3;

/** What some entries are called, in brackets; empty where they have no names, or are too many. */
function namesOf(stage: string, lane: number, first: number, stop: number, told: Told): string {
  if (stop - first > NAMED) return "";
  const names = Array.from({ length: stop - first }, (_, at) =>
    numberName(told.model, referenceOf(stage, lane, first + at, told)),
  );
  return names.some(Boolean) ? ` (${names.map((name) => name || "\u2013").join("; ")})` : "";
}

function isByHead(stage: string): boolean {
  return ["attn.q", "attn.k", "attn.v", "attn.z", "cross.z"].includes(stage);
}

/** The number at a dim of a stage's flat vector, by the axes that its trace name has. */
export function referenceOf(
  stage: string,
  lane: number,
  dim: number,
  { data, model, which }: Pick<Told, "data" | "model" | "which">,
): NumberRef {
  const index = isByHead(stage) ? [lane, Math.floor(dim / model.d_head), dim % model.d_head] : [lane, dim];
  return { name: data.facts.names[stage] ?? stage, index, which };
}

function changeLine(stage: string, lane: number, { data }: Told): string[] {
  if (!data.edited) return [];
  const change = data.change(stage, lane);
  const share = change / (data.norm(stage, lane) || 1);
  return [
    change > 0
      ? `interventions change it by ${formatNumber(change)}, ${formatPercent(share)} of its norm`
      : "not changed by the interventions",
  ];
}

const WAYS: Record<Way, (stage: string, told: Told) => string> = {
  embedding: () => "The embedding is the first content of the residual stream",
  skip: (stage) => `${stageName(stage)} passes by unchanged, to be added`,
  project: (stage) => `A linear map makes the ${stageName(stage).toLowerCase()}`,
  heads: () => "All heads work at the same time",
  ask: () => "Each position asks the encoder with a query of its own",
  cross: (_stage, told) => `Values of ${encoderTokens(told)}, mixed by this position's weights`,
  output: () => "W_O mixes the heads and writes back to the stream",
  write: (stage) => `${stageName(stage)} is added to the stream`,
  up: () => "A linear map makes the hidden layer of the MLP",
  down: () => "W_out writes the hidden layer back to the stream",
  stream: (stage) => stageName(stage),
  blocks: (stage) => (stage === "resid_pre" ? "The blocks before this one" : "The blocks after this one"),
  unembed: (_stage, told) =>
    `The unembedding${told.model.tied ? ", the token embedding transposed," : ""} turns the vector into ${formatCount(told.model.vocab)} logits`,
};

function wayHint({ way, stage, lane }: Extract<About, { kind: "way" }>, told: Told): Hint {
  const { data } = told;
  const lines = [
    `norm ${formatNumber(data.norm(stage, lane))} at ${nameOf(told, lane)}${data.share(stage, lane).beyond ? ", wider than it is drawn" : ""}`,
    ...changeLine(stage, lane, told),
  ];
  const view =
    way === "heads"
      ? "heads"
      : way === "unembed"
        ? "logits"
        : way === "ask"
          ? ""
          : way === "skip" || way === "blocks" || way === "stream"
            ? "lens"
            : viewOf(stage);
  return {
    ...NOTHING,
    title: WAYS[way](stage, told),
    lines,
    lane,
    ...opening(view, lane),
    ...(view === "heads" && { does: "opens the field of all heads" }),
  };
}

function normHint({ source, out, lane }: Extract<About, { kind: "norm" }>, told: Told): Hint {
  const { data, model } = told;
  const kind =
    out === "ln_cross.out"
      ? ""
      : out.startsWith("ln1")
        ? model.norms.attention
        : out.startsWith("ln2")
          ? model.norms.mlp
          : model.norms.final;
  const lines = [
    `norm ${formatNumber(data.norm(source, lane))} before, ${formatNumber(data.norm(out, lane))} after, at ${nameOf(told, lane)}`,
  ];
  return {
    ...NOTHING,
    title: `${kind || "Norm"}: each vector is brought to a like scale`,
    lines,
    lane,
    ...opening(viewOf(out), lane),
  };
}

function sumHint({ parts, out, lane }: Extract<About, { kind: "sum" }>, told: Told): Hint {
  const { data } = told;
  const terms = parts.map((part) => formatNumber(data.norm(part, lane), 3)).join(", ");
  return {
    ...NOTHING,
    title: "Residual sum: what was written is added to the stream",
    lines: [`norms ${terms}; of their sum ${formatNumber(data.norm(out, lane), 3)}`],
    lane,
    ...opening("lens", lane),
  };
}

function activationHint({ model }: Told): Pick<Hint, "title" | "lines"> {
  const kind = model.activation || "Activation";
  return {
    title: model.gated ? `${kind} of one half gates the other` : `${kind}, entry by entry`,
    lines: [`${formatCount(model.d_mlp)} hidden units`],
  };
}

function rotaryHint(stage: string, lane: number): Hint {
  return {
    ...NOTHING,
    title: `Rotary position: the ${stageName(stage).toLowerCase()} is turned by its position, ${lane}`,
    lines: ["pairs of entries turn by angles that grow with the position; lengths stay"],
    lane,
    ...opening("qkv", lane),
  };
}

function weightHint(query: number, keys: readonly [number, number], told: Told): Hint {
  const { model, pattern, data, head, which } = told;
  const [key] = keys;
  const common = { ...NOTHING, lane: query, pair: [query, key] as const, ...opening("attention", query) };
  if (model.causal && key > query)
    return {
      ...common,
      title: `${nameOf(told, query)} cannot see ${nameOf(told, key)}`,
      lines: ["it comes later: masked"],
    };
  const name = data.facts.names["attn.z"]?.replace(/z$/, "pattern") ?? "pattern";
  const title = (at: number, weight: string) => `${nameOf(told, query)} attends to ${nameOf(told, at)}: ${weight}`;
  return {
    ...common,
    title: title(key, weightText(pattern, query, keys)),
    lines: [cellLine(pattern, query, keys, name, head)],
    reference: { name, index: [head, query, key], which },
    nearly: nearlyOf(pattern, { name, which, head, query, keys: seenKeys(keys, query, model.causal) }, title),
  };
}

/** Keys that a query sees, of some. */
function seenKeys([first, stop]: readonly [number, number], query: number, causal: boolean): readonly [number, number] {
  return [first, causal ? Math.min(stop, query + 1) : stop];
}

/** Which number a weight is, or which it is the largest of. */
function cellLine(
  pattern: Pattern | null,
  query: number,
  keys: readonly [number, number],
  name: string,
  head: number,
): string {
  const shared = (pattern?.grain(query).cells ?? 1) > 1;
  if (keys[1] - keys[0] > 1)
    return `largest of keys ${keys[0]} to ${keys[1] - 1}${shared ? " and their neighbours" : ""}`;
  return shared ? "largest of neighbouring queries and keys" : `${name}[${head}, ${query}, ${keys[0]}]`;
}

/** How to come by the exact weight; null where the pattern has it. */
function nearlyOf(
  pattern: Pattern | null,
  place: Nearly,
  title: (key: number, weight: string) => string,
): Hint["nearly"] {
  const { name, head, query, keys } = place;
  if (pattern && keys[1] - keys[0] === 1 && isExact(pattern.grain(query))) return null;
  const many = keys[1] - keys[0] > 1 ? `, largest of keys ${keys[0]} to ${keys[1] - 1}` : "";
  return {
    ...place,
    told: ({ key, weight }) => ({
      title: title(key, formatPercent(weight)),
      lines: [`${name}[${head}, ${query}, ${key}]${many}`],
    }),
  };
}

function encoderTokens({ encoder }: Pick<Told, "encoder">): string {
  return encoder === null ? "the encoder's tokens" : `the encoder's ${formatCount(encoder)} tokens`;
}

/** Where the words of the encoder are to be seen beside the weights. */
const CROSS_ELSEWHERE = "AttentionExplorer shows these patterns with the encoder's words";

function encoderHint(told: Told): Hint {
  return {
    ...NOTHING,
    title: `Cross-attention: every position attends to ${encoderTokens(told)}`,
    lines: [CROSS_ELSEWHERE],
  };
}

function crossHint(query: number, keys: readonly [number, number], count: number, told: Told): Hint {
  const { cross, data, head, which } = told;
  const [key] = keys;
  const name = data.facts.names["cross.z"]?.replace(/z$/, "pattern") ?? "cross.pattern";
  const title = (at: number, weight: string) =>
    `${nameOf(told, query)} attends to the encoder's token ${at} ${rangeOf(count)}: ${weight}`;
  const nearly = nearlyOf(cross, { name, which, head, query, keys }, title);
  return {
    ...NOTHING,
    title: title(key, weightText(cross, query, keys)),
    lines: [cellLine(cross, query, keys, name, head), CROSS_ELSEWHERE],
    reference: { name, index: [head, query, key], which },
    nearly: nearly && {
      ...nearly,
      told(exact) {
        const said = nearly.told(exact);
        return { ...said, lines: [...said.lines, CROSS_ELSEWHERE] };
      },
    },
    lane: query,
    click: { position: query },
    does: "follows this position",
  };
}

function strandHint(query: number, key: number, told: Told): Hint {
  const { pattern, head, which, data } = told;
  const keys = [key, key + 1] as const;
  const name = data.facts.names["attn.z"]?.replace(/z$/, "pattern") ?? "pattern";
  const title = (_key: number, weight: string) =>
    `z of ${nameOf(told, query)} takes ${weight} of the value of ${nameOf(told, key)}`;
  const lines = [`${headWords(told.model, data.facts.block, head)}: z = sum of weight \u00d7 value`];
  const nearly = nearlyOf(pattern, { name, which, head, query, keys }, title);
  return {
    ...NOTHING,
    title: title(key, weightText(pattern, query, keys)),
    lines,
    nearly: nearly && { ...nearly, told: (exact) => ({ ...nearly.told(exact), lines }) },
    lane: query,
    pair: [query, key],
    ...opening("output", query),
  };
}

function headLines({ data, head }: Told): string[] {
  const norms = data.facts.head_norms;
  const norm = norms[head];
  if (norm === undefined) return [];
  const all = norms.reduce((sum, value) => sum + value, 0);
  return [
    `what it writes has a mean norm of ${formatNumber(norm)}, ${formatPercent(norm / (all || 1))} of all heads' together`,
  ];
}
