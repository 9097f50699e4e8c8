import type { Place } from "../explorer";
import { partAt } from "./card";
import type { Picture } from "./picture";

/** What lies at a point of the picture: a node, one of its values, or one of its cells; null beside all cards. */
export function placeAt({ layout, cards }: Picture, [x, y]: readonly [number, number]): Place | null {
  for (const [label, box] of layout.boxes) {
    if (x < box.x || y < box.y || x > box.x + box.width || y > box.y + box.height) continue;
    const card = cards.get(label);
    if (!card) continue;
    return { node: label, ...partAt(card.layout, x - box.x, y - box.y) };
  }
  return null;
}
