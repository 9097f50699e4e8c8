/** How large a node's card is, and where its parts lie on it. Lengths in pixels at a zoom of 1, from its corner. */
import type { Box } from "../../../lib";
import { elided, textWidth } from "../../../lib/text-width";
import type { NodeFacts, Shown } from "../protocol";

export const NAME_SIZE = 12.5;
export const SMALL_SIZE = 10.5;
export const CHIP_SIZE = 11.5;
const PAD = 9;
const NAME_PX = 19;
const LINE_PX = 15;
const CHIP_PX = 21;
const CHIP_AIR = 2;
const LEAST_CHIP = 19;
const WIDEST_CHIP = 52;
/** Values of a long input share this width, as far as the narrowest chips allow. */
const WIDEST_ROW = 520;
/** Of a selector's matrix; of one of many positions, so that it can still be labelled. */
const WIDEST_GRID = 126;
const WIDEST_LARGE_GRID = 200;
/** From here on a cell has room for a label beside it. */
export const LABELLED_CELL = 9;
const LEAST_WIDTH = 92;
/** A name or a function makes a card no wider than this; its values may. */
const WIDEST_TEXT = 190;

/** What a card shows: of a node with its values, or of a selector with its matrix. */
export interface CardFacts {
  node: NodeFacts;
  values: readonly Shown[];
  positions: number;
  /** Of a select: what stands at the matrix's edges. */
  keys: readonly Shown[];
  queries: readonly Shown[];
  folded: number;
}

export interface CardLayout {
  width: number;
  height: number;
  name: string;
  kind: string;
  /** The function as far as it fits; empty for none. */
  text: string;
  textY: number;
  /** One for each position; none of a selector. */
  chips: readonly Box[];
  /** Of a selector's matrix. */
  grid: Box | null;
  /** Pixels of one of its cells. */
  cell: number;
  /** Whether keys stand upright over the matrix, for lack of room. */
  turned: boolean;
  foldedY: number;
}

const KINDS: Record<string, string> = {
  elementwise: "map",
  sequence_map: "map",
  linear_sequence_map: "linear",
  selector_and: "and",
  selector_or: "or",
  selector_not: "not",
  selector_width: "width",
  constant: "constant",
};

/** A node's kind in a word; none where the name says it. */
export function kindWord({ kind, label, text }: NodeFacts): string {
  if (kind === label) return "";
  const word = KINDS[kind] ?? kind.replaceAll("_", " ");
  return kind === "aggregate" && text !== "" && text.length <= 5 ? `${word} ${text}` : word;
}

/** The function or predicate, where it says more than the kind. */
function wordsOf(node: NodeFacts): string {
  if (node.kind === "aggregate" && node.text.length <= 5) return "";
  return node.text === node.kind || node.text === node.label ? "" : node.text.replace(/\s+/g, " ");
}

/** Text of a value on a chip. */
export function chipText(value: Shown, width: number): string {
  return value === null ? "\u2013" : elided(value, width - 4, CHIP_SIZE);
}

export function cardLayout(facts: CardFacts): CardLayout {
  const { node } = facts;
  const [kind, words] = [kindWord(node), wordsOf(node)];
  const kindWidth = kind === "" ? 0 : textWidth(kind, SMALL_SIZE) + 10;
  const top = PAD + NAME_PX - 4 + (words === "" ? 0 : LINE_PX);
  const body = node.selector ? matrixBody(facts, top) : chipBody(facts, top);
  const wanted = Math.max(textWidth(node.label, NAME_SIZE) + kindWidth, textWidth(words, SMALL_SIZE));
  const inner = Math.max(LEAST_WIDTH - 2 * PAD, body.width, Math.min(WIDEST_TEXT, wanted));
  const width = Math.ceil(inner + 2 * PAD);
  const shift = PAD + (inner - body.width) / (node.selector ? 2 : Number.POSITIVE_INFINITY);
  const move = (box: Box) => ({ ...box, x: box.x + shift });
  const bottom = top + body.height + (facts.folded > 0 ? LINE_PX : 0);
  return {
    width,
    height: Math.ceil(bottom + PAD - 1),
    // What was just added up must not fail by a rounding.
    name: elided(node.label, inner - kindWidth + 0.1, NAME_SIZE),
    kind,
    text: elided(words, inner + 0.1, SMALL_SIZE),
    textY: PAD + NAME_PX + 2,
    chips: body.chips.map(move),
    grid: body.grid && move(body.grid),
    cell: body.cell,
    turned: body.turned,
    foldedY: top + body.height + LINE_PX / 2,
  };
}

interface Body {
  width: number;
  height: number;
  chips: readonly Box[];
  grid: Box | null;
  cell: number;
  turned: boolean;
}

function chipBody({ values, positions }: CardFacts, top: number): Body {
  const longest = Math.max(0, ...values.map((value) => textWidth(value ?? "", CHIP_SIZE)));
  const least = positions > 24 ? 12 : LEAST_CHIP;
  const most = Math.min(WIDEST_CHIP, Math.floor(WIDEST_ROW / Math.max(1, positions)) - CHIP_AIR);
  const wide = Math.max(least, Math.min(most, Math.ceil(longest + 8)));
  const chips = Array.from({ length: positions }, (_, at) => ({
    x: at * (wide + CHIP_AIR),
    y: top + 4,
    width: wide,
    height: CHIP_PX,
  }));
  const width = Math.max(0, positions * (wide + CHIP_AIR) - CHIP_AIR);
  return { width, height: CHIP_PX + 5, chips, grid: null, cell: 0, turned: false };
}

/** Cells are as large as a matrix of few positions can be, and at least visible in one of many. */
export function cellPx(positions: number): number {
  const small = Math.min(17, Math.floor(WIDEST_GRID / Math.max(1, positions)));
  const large = Math.min(LABELLED_CELL, Math.floor(WIDEST_LARGE_GRID / Math.max(1, positions)));
  return Math.max(2, small, large);
}

function matrixBody({ positions, keys, queries }: CardFacts, top: number): Body {
  const cell = cellPx(positions);
  const labelled = cell >= LABELLED_CELL;
  const [over, beside] = [labelRoom(keys), labelRoom(queries)];
  const turned = over > cell - 1;
  const left = labelled && beside > 0 ? beside + 6 : 0;
  const above = !labelled || over === 0 ? 0 : (turned ? over : SMALL_SIZE) + 5;
  const side = cell * positions;
  const grid = { x: left, y: top + 6 + above, width: side, height: side };
  return { width: left + side, height: above + side + 8, chips: [], grid, cell, turned };
}

const LABEL_ROOM = 34;

function labelRoom(values: readonly Shown[]): number {
  return Math.min(LABEL_ROOM, Math.ceil(Math.max(0, ...values.map((value) => textWidth(value ?? "\u2013", 10)))));
}

/** What of a card lies under a point, in pixels from its corner. */
export function partAt(layout: CardLayout, x: number, y: number): { position: number; cell: [number, number] | null } {
  const { grid, cell } = layout;
  if (grid && x >= grid.x && y >= grid.y && x < grid.x + grid.width && y < grid.y + grid.height) {
    return { position: -1, cell: [Math.floor((y - grid.y) / cell), Math.floor((x - grid.x) / cell)] };
  }
  const position = layout.chips.findIndex(
    (chip) => x >= chip.x - 1 && x <= chip.x + chip.width + 1 && y >= chip.y - 3 && y <= chip.y + chip.height + 3,
  );
  return { position, cell: null };
}
