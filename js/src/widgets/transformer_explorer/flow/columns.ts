/** Which columns the picture of a block has, from left to right, and how wide they and the air between them are. */
import type { ModelFacts } from "../protocol";

/** A column: a bar for a stage, or one of the parts that are more than a bar. */
export interface Piece {
  key: string;
  /** Narrowest, comfortable, and how much of what is left over it takes. */
  least: number;
  good: number;
  grow: number;
}

export interface Architecture {
  /** Attention and MLP read the same stream and are added at once. */
  parallel: boolean;
  /** Norms come after the sums. */
  postNorm: boolean;
  attention: boolean;
  mlp: boolean;
  /** The block attends to an encoder as well. */
  cross: boolean;
  has(stage: string): boolean;
}

export interface Around {
  /** Blocks before and after the one that is shown. */
  before: number;
  after: number;
  /** Whether the list of probabilities stands to the right. */
  list: boolean;
}

export function architectureOf(model: Pick<ModelFacts, "form">, stages: readonly string[]): Architecture {
  const known = new Set(stages);
  const attention = known.has("attn.q") || known.has("attn.v");
  const mlp = known.has("mlp_out") || known.has("mlp.post");
  return {
    // What has no stream between attention and MLP can only have added both at once.
    parallel: model.form === "parallel" || (attention && mlp && !known.has("resid_mid")),
    postNorm: model.form === "post-norm",
    attention,
    mlp,
    cross: known.has("cross_out") && known.has("resid_cross"),
    has: (stage) => known.has(stage),
  };
}

/** The columns in order. Keys of bars are stages; keys of gaps say what happens there. */
export function columnsOf(form: Architecture, { before, after, list }: Around, bar: Bars): Piece[] {
  const stage = (key: string): Piece[] => (form.has(key) ? [vector(key, bar)] : []);
  const several = before + after > 0;
  const pieces = [
    piece("labels", 54, 98, 0.35),
    ...stage("embed"),
    ...(form.has("pos_embed") ? [piece("plus", 9, 16, 0), ...stage("pos_embed")] : []),
    // As wide in every block, so that columns stay where they are from one to the next.
    piece("entry", several ? 26 : 15, several ? 74 : 40, several ? 1 : 0.7),
    ...stage("resid_pre"),
  ];
  if (form.attention) pieces.push(...attentionColumns(form, bar));
  if (form.cross) pieces.push(...crossColumns(form, bar));
  if (form.mlp) pieces.push(...mlpColumns(form, bar));
  pieces.push(piece("add2", 17, 34, 0.3), ...stage("resid_post"));
  if (form.postNorm && form.has("ln2.out")) pieces.push(piece("norm2", 15, 40, 0.5), ...stage("ln2.out"));
  pieces.push(piece("rest", several ? 26 : 4, several ? 82 : 8, several ? 1.2 : 0));
  // After the last block the end of the stream is what the block left.
  if (several && form.has("final")) pieces.push(vector(after > 0 ? "final" : "end", bar));
  if (form.has("ln_final.out")) pieces.push(piece("norm3", 15, 36, 0.4), ...stage("ln_final.out"));
  pieces.push(piece("unembed", list ? 26 : 10, list ? 66 : 14, list ? 0.7 : 0));
  if (list) pieces.push(piece("list", 150, 190, 0.8));
  return pieces;
}

export interface Bars {
  /** Width of a bar: as narrow as it may get, and as it should be. */
  least: number;
  good: number;
}

function attentionColumns(form: Architecture, bar: Bars): Piece[] {
  const stage = (key: string): Piece[] => (form.has(key) ? [vector(key, bar)] : []);
  const norm = !form.postNorm && form.has("ln1.out");
  return [
    piece("norm1", norm ? 25 : 18, norm ? 70 : 52, 1),
    vector("qkv", bar),
    piece("lattice", 15, 46, 0.8),
    piece("card", 92, 340, 3.2),
    piece("mix", 24, 78, 1.3),
    ...stage("attn.z"),
    piece("W_O", 13, 46, 0.7),
    ...stage("attn_out"),
    ...(form.parallel ? [] : [piece("add1", 17, 34, 0.3), ...stage("resid_mid")]),
    ...(form.postNorm && form.has("ln1.out") ? [piece("norm1b", 15, 40, 0.5), ...stage("ln1.out")] : []),
  ];
}

/** Attention to the encoder's tokens: narrower than the card, since its words stand elsewhere. */
function crossColumns(form: Architecture, bar: Bars): Piece[] {
  const stage = (key: string): Piece[] => (form.has(key) ? [vector(key, bar)] : []);
  const norm = form.has("ln_cross.out");
  return [
    piece("normx", norm && !form.postNorm ? 15 : 9, norm && !form.postNorm ? 38 : 24, 0.4),
    piece("cross", 11, 116, 1.8),
    piece("mixx", 5, 20, 0.3),
    ...stage("cross.z"),
    piece("W_Ox", 7, 26, 0.4),
    ...stage("cross_out"),
    piece("addx", 16, 32, 0.3),
    ...stage("resid_cross"),
    ...(norm && form.postNorm ? [piece("normxb", 13, 34, 0.4), ...stage("ln_cross.out")] : []),
  ];
}

function mlpColumns(form: Architecture, bar: Bars): Piece[] {
  const stage = (key: string): Piece[] => (form.has(key) ? [vector(key, bar)] : []);
  const norm = !form.postNorm && form.has("ln2.out") && !form.parallel;
  const hidden = form.has("mlp.pre") && form.has("mlp.post");
  return [
    piece("norm2in", norm ? 24 : 15, norm ? 62 : 50, 0.8),
    ...stage("mlp.pre"),
    ...(form.has("mlp.pre_linear") ? [piece("gate", 4, 6, 0), ...stage("mlp.pre_linear")] : []),
    ...(hidden ? [piece("activation", 12, 26, 0.3)] : []),
    ...stage("mlp.post"),
    piece("W_out", 13, 50, 0.7),
    ...stage("mlp_out"),
  ];
}

function piece(key: string, least: number, good: number, grow: number): Piece {
  return { key, least, good, grow };
}

function vector(key: string, { least, good }: Bars): Piece {
  return { key, least, good, grow: 0 };
}

/**
 * Widths that fill the room: between least and good all pieces shrink by the same part of what they can give; beyond
 * good the rest goes where it grows. Less room than the least takes gives the least all the same.
 */
export function fitted(pieces: readonly Piece[], room: number): number[] {
  const least = sum(pieces.map((item) => item.least));
  const good = sum(pieces.map((item) => item.good));
  if (room <= good) {
    const part = good > least ? Math.max(0, (room - least) / (good - least)) : 1;
    return pieces.map((item) => item.least + (item.good - item.least) * part);
  }
  const grow = sum(pieces.map((item) => item.grow)) || 1;
  return pieces.map((item) => item.good + ((room - good) * item.grow) / grow);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
