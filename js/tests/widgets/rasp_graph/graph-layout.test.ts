import { describe, expect, it } from "vitest";
import { cardFacts, cardLayouts } from "../../../src/widgets/rasp_graph/graph/picture";
import { type Layout, layoutOf } from "../../../src/widgets/rasp_graph/graph/layout";
import { shapeOf } from "../../../src/widgets/rasp_graph/graph/shape";
import { stepOf } from "../../../src/widgets/rasp_graph/graph/lanes";
import { neighbour } from "../../../src/widgets/rasp_graph/graph/walk";
import type { NodeFacts } from "../../../src/widgets/rasp_graph/protocol";
import { graphOf, largeNodes, NODES, node, valuesOf } from "./graph-data";

const TOKENS = ["x", "y", "z", "x", "y"];

function placed(nodes: NodeFacts[], { written = false, before = null as Layout | null } = {}) {
  const layers = Math.max(...nodes.map(({ layer }) => layer)) + 1;
  const graph = graphOf(nodes, layers);
  const shape = shapeOf(graph, true, "");
  const cards = cardLayouts(cardFacts(shape, valuesOf(nodes, TOKENS, {})));
  const start = performance.now();
  const layout = layoutOf(shape, cards, { graph, written, before });
  return { shape, layout, ms: performance.now() - start };
}

function overlaps({ boxes }: Layout): string[] {
  const all = [...boxes];
  return all.flatMap(([one, a], at) =>
    all.slice(at + 1).flatMap(([other, b]) => {
      const apart = a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y;
      return apart ? [] : [`${one} over ${other}`];
    }),
  );
}

describe("layoutOf", () => {
  it("keeps each node within its half-layer, below what it is made from, over no other", () => {
    const nodes = largeNodes(60);
    const { layout, shape } = placed(nodes);
    expect(overlaps(layout)).toEqual([]);
    for (const one of shape.nodes) {
      const box = layout.boxes.get(one.label);
      const lane = layout.lanes[stepOf(one)];
      if (!box || !lane) throw new Error(`${one.label} has no place`);
      expect(box.y).toBeGreaterThanOrEqual(lane.y);
      expect(box.y + box.height).toBeLessThanOrEqual(lane.y + lane.height);
    }
    for (const { from, to } of shape.edges) {
      const [above, below] = [layout.boxes.get(from), layout.boxes.get(to)];
      expect((above?.y ?? 0) + (above?.height ?? 0)).toBeLessThan(below?.y ?? 0);
    }
  });

  it("gives idle halves a thin lane", () => {
    const { layout } = placed(NODES);
    const heights = layout.lanes.map(({ height }) => height);
    expect(heights[1]).toBeLessThan(30);
    expect(heights[2]).toBeGreaterThan(60);
  });

  it("leads edges past the cards of the rows between", () => {
    const { layout } = placed(NODES);
    for (const { from, to, points } of layout.routes) {
      for (let at = 2; at < points.length; at += 2) {
        // From the top of a row to its foot: straight down, beside every card.
        const [x] = points[at - 1] ?? [0];
        expect(points[at]?.[0]).toBe(x);
        for (const [label, box] of layout.boxes) {
          const within = (points[at]?.[1] ?? 0) > box.y && (points[at - 1]?.[1] ?? 0) < box.y + box.height;
          if (label !== from && label !== to && within) expect(x < box.x || x > box.x + box.width).toBe(true);
        }
      }
    }
  });

  it("stays as it was where a node is added", () => {
    const nodes = largeNodes(40);
    const first = placed(nodes).layout;
    const extra = node("extra", "elementwise", ["tokens"], { half: "mlp" });
    const second = placed([...nodes.slice(0, -1), extra, ...nodes.slice(-1)], { before: first }).layout;
    const order = (layout: Layout) => {
      const rows = new Map<number, [string, number][]>();
      for (const [label, { x, y }] of layout.boxes) {
        if (label !== "extra") rows.set(y, [...(rows.get(y) ?? []), [label, x]]);
      }
      return [...rows].sort(([a], [b]) => a - b).map(([, row]) => row.sort(([, a], [, b]) => a - b).map(([l]) => l));
    };
    expect(order(second)).toEqual(order(first));
    const moves = [...first.boxes].map(([label, box]) => Math.abs(box.x - (second.boxes.get(label)?.x ?? 1e9)));
    moves.sort((a, b) => a - b);
    expect(moves[Math.floor(moves.length / 2)]).toBeLessThanOrEqual(20);
  });

  it("lays out 300 nodes in less than a second", () => {
    placed(largeNodes(20));
    const { ms, layout } = placed(largeNodes(300));
    expect(layout.boxes.size).toBe(300);
    expect(overlaps(layout)).toEqual([]);
    expect(ms).toBeLessThan(1000);
  });

  it("has no lanes as written, and a program of one node has a place", () => {
    expect(placed(NODES, { written: true }).layout.lanes).toEqual([]);
    const one = placed([node("tokens", "tokens", [], { layer: -1, half: "embedding" })]);
    expect(one.layout.boxes.size).toBe(1);
  });
});

describe("neighbour", () => {
  it("goes up to what a node is made from, down to what it goes into, aside in the row", () => {
    const { layout, shape } = placed(NODES);
    expect(neighbour(layout, shape, "out", "up")).toBe("pick");
    expect(neighbour(layout, shape, "map_1", "down")).toBe("map_2");
    expect(neighbour(layout, shape, "out", "down")).toBeNull();
    const aside = [neighbour(layout, shape, "tokens", "left"), neighbour(layout, shape, "tokens", "right")];
    expect(aside).toContain("indices");
    expect(["tokens", "indices"]).toContain(neighbour(layout, shape, "", "up"));
  });
});
