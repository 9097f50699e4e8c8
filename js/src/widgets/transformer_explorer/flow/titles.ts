/** The titles above the picture: what each part is, where it lies, and what opens when it is chosen. */
import type { ViewName } from "../protocol";
import type { Layout } from "./layout";
import { textWidth } from "../../../lib/text-width";

export interface Title {
  /** As the tour calls the part. */
  part: "embedding" | "qkv" | "output" | "cross" | "mlp";
  text: string;
  /** What it opens; null for what has no drill-down here. */
  view: ViewName | null;
  /** As the tour knows it. */
  term: string;
  x: number;
  width: number;
}

export const TITLE_SIZE = 12.5;
const PADDING = 16;

interface Wish {
  part: Title["part"];
  texts: readonly string[];
  view: ViewName | null;
  term: string;
  columns: readonly string[];
}

const WISHES: readonly Wish[] = [
  {
    part: "embedding",
    texts: ["Embedding", "Embed"],
    view: "embedding",
    term: "embedding",
    columns: ["embed", "pos_embed"],
  },
  {
    part: "mlp",
    texts: ["MLP"],
    view: "mlp",
    term: "mlp",
    columns: ["mlp.pre", "mlp.pre_linear", "mlp.post", "mlp_out"],
  },
  { part: "qkv", texts: ["Query, key, value", "Q, K, V", "QKV"], view: "qkv", term: "query", columns: ["qkv"] },
  {
    part: "cross",
    texts: ["Cross-attention", "Cross"],
    view: null,
    term: "attention",
    columns: ["cross", "cross_out"],
  },
  { part: "output", texts: ["Output", "Out"], view: "output", term: "w_o", columns: ["attn.z", "attn_out"] },
];

/** Titles over the middle of their columns, in shorter words where room is short; none overlap. */
export function titlesOf(layout: Layout): Title[] {
  const placed: Title[] = [];
  const { card } = layout;
  for (const wish of WISHES) {
    const span = spanOf(layout, wish.columns);
    if (!span) continue;
    const middle = (span[0] + span[1]) / 2;
    for (const text of wish.texts) {
      const width = textWidth(text, TITLE_SIZE) + PADDING;
      // The card has a heading of its own: what is left of it stays left of it.
      const most = card && middle < card.x ? card.x - width : layout.width - width;
      const x = Math.max(0, Math.min(middle - width / 2, most));
      if (card && x < card.x + card.width && x + width > card.x) continue;
      if (placed.some((other) => x < other.x + other.width && x + width > other.x)) continue;
      placed.push({ part: wish.part, text, view: wish.view, term: wish.term, x, width });
      break;
    }
  }
  return placed.sort((one, other) => one.x - other.x);
}

/** From the left edge of the first to the right edge of the last of some columns. */
export function spanOf({ columns }: Layout, names: readonly string[]): [left: number, right: number] | null {
  const found = names.flatMap((name) => columns.get(name) ?? []);
  if (found.length === 0) return null;
  return [Math.min(...found.map(({ x }) => x)), Math.max(...found.map(({ x, width }) => x + width))];
}

/** What belongs to a part, with the air around it: what a tour lights. */
export const PARTS: Record<string, readonly string[]> = {
  embedding: ["labels", "embed", "plus", "pos_embed"],
  qkv: ["norm1", "qkv", "lattice"],
  attention: ["lattice", "card", "mix"],
  output: ["mix", "attn.z", "W_O", "attn_out", "add1", "resid_mid"],
  cross: ["normx", "cross", "cross.z", "cross_out", "addx", "resid_cross"],
  mlp: ["norm2in", "mlp.pre", "activation", "mlp.post", "W_out", "mlp_out", "add2"],
  blocks: ["rest", "final"],
};

/** What a tour lights of a part: its columns, and the title over them where that is wider. */
export function litSpan(
  layout: Layout,
  columns: readonly string[],
  title: Title | undefined,
): [left: number, right: number] | null {
  const span = spanOf(layout, columns);
  if (!span || !title) return span;
  return [Math.min(span[0], title.x), Math.max(span[1], title.x + title.width)];
}
