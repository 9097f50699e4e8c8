/** The picture of what the answers say; parts that did not change are the same objects as before. */
import { useMemo, useRef } from "preact/hooks";
import type { Frame } from "../../../lib";
import { type Explorer, useGraph, useValues } from "../explorer";
import type { GraphFacts, ValuesFacts } from "../protocol";
import { type Layout, layoutOf } from "./layout";
import { type Card, cardFacts, cardLayouts, cardLook, type Picture } from "./picture";
import { type Shape, shapeOf } from "./shape";

const NONE: readonly string[] = [];

export interface PictureAnswer {
  /** Null before the first answers. */
  picture: Picture | null;
  frames: Record<string, Frame>;
  waiting: boolean;
  error: string | null;
  /** How long the last layout took. */
  layoutMs: number;
}

export function usePicture(explorer: Explorer): PictureAnswer {
  const { store, theme } = explorer;
  const graph = useGraph(explorer);
  const values = useValues(explorer);
  const [unfolded, focus, layout] = [store.get("unfolded"), store.get("focus"), store.get("arrangement")];
  const focused = graph.facts?.nodes.some(({ label }) => label === focus) ? focus : "";
  const shape = useMemo(() => graph.facts && shapeOf(graph.facts, unfolded, focused), [graph.facts, unfolded, focused]);
  const placed = usePlaced(graph.facts, shape, values.facts, layout === "written");
  const [step, ablated, vocabulary] = [store.get("step"), store.get("ablated"), store.get("vocabulary") ?? NONE];
  const cards = useCards(placed, values.facts, values.frames, { theme, vocabulary, step, ablated });
  const picture = useMemo((): Picture | null => {
    if (!graph.facts || !values.facts || !placed) return null;
    return { graph: graph.facts, values: values.facts, shape: placed.shape, layout: placed.layout, cards, theme, step };
  }, [graph.facts, values.facts, placed, cards, theme, step]);
  return {
    picture,
    frames: values.frames,
    waiting: graph.waiting || values.waiting,
    error: graph.error ?? values.error,
    layoutMs: placed?.ms ?? 0,
  };
}

interface Placed {
  shape: Shape;
  layout: Layout;
  facts: ReturnType<typeof cardFacts>;
  layouts: ReturnType<typeof cardLayouts>;
  ms: number;
}

/** Lays out again only where a card has another size or another place. */
function usePlaced(
  graph: GraphFacts | null,
  shape: Shape | null,
  values: ValuesFacts | null,
  written: boolean,
): Placed | null {
  const last = useRef<{ key: string; placed: Placed } | null>(null);
  return useMemo(() => {
    if (!graph || !shape || !values) return null;
    const facts = cardFacts(shape, values);
    const layouts = cardLayouts(facts);
    const sizes = [...layouts].map(([label, { width, height }]) => [label, width, height]);
    const ways = shape.edges.map(({ from, to, role }) => [from, to, role]);
    const places = shape.nodes.map(({ label, layer, half, written }) => [label, layer, half, written]);
    const key = JSON.stringify([written, graph.layers, graph.sizes, sizes, ways, places]);
    const known = last.current;
    if (known?.key === key) {
      const same = { ...known.placed, shape, facts, layouts };
      last.current = { key, placed: same };
      return same;
    }
    const start = performance.now();
    const before = known?.placed.layout ?? null;
    const layout = layoutOf(shape, layouts, {
      graph,
      written,
      before: before && isAlike(before, shape) && before.lanes.length > 0 === !written ? before : null,
    });
    const placed = { shape, layout, facts, layouts, ms: performance.now() - start };
    last.current = { key, placed };
    return placed;
  }, [graph, shape, values, written]);
}

/** A program of which most nodes were there before is one that was edited. */
function isAlike({ boxes }: Layout, { nodes }: Shape): boolean {
  const known = nodes.filter(({ label }) => boxes.has(label)).length;
  return known >= 0.6 * Math.max(nodes.length, boxes.size);
}

function useCards(
  placed: Placed | null,
  values: ValuesFacts | null,
  frames: Record<string, Frame>,
  choices: Parameters<typeof cardLook>[2],
): ReadonlyMap<string, Card> {
  const kept = useRef(new Map<string, { key: string; card: Card }>());
  return useMemo(() => {
    const cards = new Map<string, Card>();
    if (!placed || !values) return cards;
    const output = placed.shape.output;
    const next = new Map<string, { key: string; card: Card }>();
    for (const [label, facts] of placed.facts) {
      const layout = placed.layouts.get(label);
      if (!layout) continue;
      const look = cardLook(facts, { values, frames, output }, choices);
      const key = JSON.stringify([facts, layout, { ...look, cells: look.cells && [...look.cells].join("") }]);
      const known = kept.current.get(label);
      const entry = known?.key === key ? known : { key, card: { facts, layout, look } };
      next.set(label, entry);
      cards.set(label, entry.card);
    }
    kept.current = next;
    return cards;
  }, [placed, values, frames, choices.theme, choices.vocabulary, choices.step, choices.ablated]);
}
