/** From node to node by arrows. */
import type { Layout } from "./layout";
import type { Shape } from "./shape";

export type Way = "up" | "down" | "left" | "right";

/** Up to what a node is made from, down to what it goes into, aside in its row; null where there is nothing. */
export function neighbour(layout: Layout, shape: Shape, label: string, way: Way): string | null {
  const here = layout.boxes.get(label);
  if (!here) return firstOf(layout);
  const middle = here.x + here.width / 2;
  const middleOf = (other: string) => {
    const box = layout.boxes.get(other);
    return box ? box.x + box.width / 2 : 0;
  };
  if (way === "up" || way === "down") {
    const ends = shape.edges
      .filter(({ from, to }) => (way === "up" ? to : from) === label)
      .map(({ from, to }) => (way === "up" ? from : to));
    return nearest(ends, (other) => rise(layout, label, other) * 4 + Math.abs(middleOf(other) - middle));
  }
  const row = [...layout.boxes].flatMap(([other, box]) => (box.y === here.y && other !== label ? [other] : []));
  const aside = row.filter((other) => (way === "left" ? middleOf(other) < middle : middleOf(other) > middle));
  return nearest(aside, (other) => Math.abs(middleOf(other) - middle));
}

function rise({ boxes }: Layout, one: string, other: string): number {
  return Math.abs((boxes.get(one)?.y ?? 0) - (boxes.get(other)?.y ?? 0));
}

function nearest(labels: readonly string[], far: (label: string) => number): string | null {
  return labels.reduce<string | null>((best, one) => (best === null || far(one) < far(best) ? one : best), null);
}

function firstOf({ boxes }: Layout): string | null {
  return nearest([...boxes.keys()], (label) => (boxes.get(label)?.y ?? 0) * 1e4 + (boxes.get(label)?.x ?? 0));
}
