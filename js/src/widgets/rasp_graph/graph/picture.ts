/** The program with its values as cards, ready to be drawn. */
import { type Frame, type Rgb, type Theme, valuesOf } from "../../../lib";
import type { Mark } from "../../../lib/scene";
import type { GraphFacts, NodeFacts, Shown, ValuesFacts } from "../protocol";
import { numberIn } from "../panels/program-view";
import { numberRange, placeOf, valueColor } from "../panels/value-colors";
import { type CardFacts, type CardLayout, cardLayout } from "./card";
import { type CardLook, cardMarks } from "./card-marks";
import { stepOf } from "./lanes";
import type { Layout } from "./layout";
import type { Shape } from "./shape";

export interface Card {
  facts: CardFacts;
  layout: CardLayout;
  look: CardLook;
}

/** Everything that is drawn before anything is pointed at. */
export interface Picture {
  graph: GraphFacts;
  values: ValuesFacts;
  shape: Shape;
  layout: Layout;
  cards: ReadonlyMap<string, Card>;
  theme: Theme;
  /** Half-layers that are done; -1 for all. */
  step: number;
}

export interface Choices {
  theme: Theme;
  vocabulary: readonly string[];
  step: number;
  ablated: readonly string[];
}

/** What cards show, and how large they are. */
export function cardFacts(shape: Shape, values: ValuesFacts): Map<string, CardFacts> {
  const shown = (label: string | undefined) => (label === undefined ? undefined : values.values[label]) ?? [];
  return new Map(
    shape.nodes.map((node) => {
      const select = node.kind === "select";
      const facts = {
        node,
        values: shown(node.label),
        positions: values.tokens.length,
        keys: select ? shown(node.inputs[0]) : [],
        queries: select ? shown(node.inputs[1]) : [],
        folded: shape.folded.get(node.label)?.length ?? 0,
      };
      return [node.label, facts] as const;
    }),
  );
}

export function cardLayouts(facts: ReadonlyMap<string, CardFacts>): Map<string, CardLayout> {
  return new Map([...facts].map(([label, one]) => [label, cardLayout(one)]));
}

/** A card's looks on the input on show. */
export function cardLook(
  facts: CardFacts,
  { values, frames, output }: { values: ValuesFacts; frames: Record<string, Frame>; output: string },
  { theme, vocabulary, step, ablated }: Choices,
): CardLook {
  const { node } = facts;
  const range = numberRange(values.numbers[node.label]);
  const colorOf = (value: Shown): Rgb | null => {
    const number = values.numbers[node.label] === undefined || value === null ? null : numberIn(value);
    return valueColor(value, number, range, placeOf(value, vocabulary, node), theme);
  };
  return {
    theme,
    colors: facts.values.map(colorOf),
    wrong: wrongPositions(facts.values, values.model[node.label]),
    cells: node.selector ? cellStates(node, frames) : null,
    output: node.label === output,
    ablated: ablated.includes(node.label),
    done: step < 0 || stepOf(node) <= step,
    far: false,
  };
}

/** How far a number that the model holds may be from the interpreter's and still be the same. */
const NEAR = 1e-3;

/** Positions where what the model holds is not what the interpreter says; none where it is not read back. */
export function wrongPositions(values: readonly Shown[], model: readonly Shown[] | undefined): number[] {
  if (!model) return [];
  return values.flatMap((value, at) => (isSame(value, model[at] ?? null) ? [] : [at]));
}

function isSame(one: Shown, other: Shown): boolean {
  if (one === other) return true;
  if (one === null || other === null) return false;
  const [a, b] = [numberIn(one), numberIn(other)];
  return a !== null && b !== null && Math.abs(a - b) <= NEAR * Math.max(1, Math.abs(a));
}

/** A selector's cells, query by query; of two put together, also where only one of them is on. */
export function cellStates(node: NodeFacts, frames: Record<string, Frame>): Uint8Array | null {
  const own = cellsOf(frames, node.label);
  if (!own) return null;
  const [first, second] = node.inputs.length === 2 && node.kind !== "select" ? node.inputs : [];
  const one = first === undefined ? null : cellsOf(frames, first);
  const other = second === undefined ? null : cellsOf(frames, second);
  return own.map((on, at) => (on ? 1 : one?.[at] ? 2 : other?.[at] ? 3 : 0));
}

export function cellsOf(frames: Record<string, Frame>, label: string): Uint8Array | null {
  const frame = frames[`select:${label}`];
  return frame ? Uint8Array.from(valuesOf(frame), (value) => (value > 0 ? 1 : 0)) : null;
}

/** A card's marks, at reading size or far away. */
export function marksOf({ facts, layout, look }: Card, far: boolean): Mark[] {
  return cardMarks(facts, layout, far ? { ...look, far } : look);
}
