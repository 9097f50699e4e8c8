/** Where the card of the tour lies, so that it does not cover what it speaks of. All lengths are in pixels. */

export interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

export interface Size {
  width: number;
  height: number;
}

export interface Spot {
  x: number;
  y: number;
}

export type Corner = "top-left" | "top-right" | "bottom-left" | "bottom-right";

/** Between the card and the edge of the view. */
export const MARGIN = 14;
/** Views narrower than this have the card along their lower edge. */
export const DOCKED_BELOW = 720;
/** A card let go this near to a corner goes into it. */
export const SNAP = 90;

const CORNERS: readonly Corner[] = ["bottom-right", "bottom-left", "top-right", "top-left"];

/** The upper left corner of a card in a corner of the frame. */
export function spotOf(corner: Corner, frame: Size, card: Size): Spot {
  const [vertical, horizontal] = corner.split("-");
  return {
    x: horizontal === "left" ? MARGIN : Math.max(MARGIN, frame.width - card.width - MARGIN),
    y: vertical === "top" ? MARGIN : Math.max(MARGIN, frame.height - card.height - MARGIN),
  };
}

/** How much of the lit boxes a card there would cover, in square pixels. */
export function covered(spot: Spot, card: Size, lit: readonly Box[]): number {
  const overlap = (from: number, size: number, start: number, length: number) =>
    Math.max(0, Math.min(from + size, start + length) - Math.max(from, start));
  return lit.reduce(
    (sum, box) =>
      sum + overlap(spot.x, card.width, box.left, box.width) * overlap(spot.y, card.height, box.top, box.height),
    0,
  );
}

/** The corner that covers least of what is lit: the present one if it covers nothing, else the lowest of the best. */
export function bestCorner(present: Corner, frame: Size, card: Size, lit: readonly Box[]): Corner {
  const cost = (corner: Corner) => covered(spotOf(corner, frame, card), card, lit);
  if (cost(present) === 0) return present;
  const [first = present, ...others] = CORNERS;
  return others.reduce((best, corner) => (cost(corner) < cost(best) ? corner : best), first);
}

/** The corner that a card is near enough to, or null. */
export function nearCorner(spot: Spot, frame: Size, card: Size): Corner | null {
  const near = (corner: Corner) => {
    const { x, y } = spotOf(corner, frame, card);
    return Math.max(Math.abs(x - spot.x), Math.abs(y - spot.y)) <= SNAP;
  };
  return CORNERS.find(near) ?? null;
}

/** A spot moved into the frame. */
export function inside({ x, y }: Spot, frame: Size, card: Size): Spot {
  return {
    x: Math.max(0, Math.min(frame.width - card.width, x)),
    y: Math.max(0, Math.min(frame.height - card.height, y)),
  };
}

/** The corner an arrow key leads to. */
export function cornerBy(corner: Corner, key: string): Corner {
  const [vertical = "bottom", horizontal = "right"] = corner.split("-");
  const sides: Record<string, Corner> = {
    ArrowLeft: `${vertical}-left` as Corner,
    ArrowRight: `${vertical}-right` as Corner,
    ArrowUp: `top-${horizontal}` as Corner,
    ArrowDown: `bottom-${horizontal}` as Corner,
  };
  return sides[key] ?? corner;
}

/** The part of two boxes that is in both. */
export function intersection(one: Box, other: Box): Box {
  const left = Math.max(one.left, other.left);
  const top = Math.max(one.top, other.top);
  const width = Math.max(0, Math.min(one.left + one.width, other.left + other.width) - left);
  const height = Math.max(0, Math.min(one.top + one.height, other.top + other.height) - top);
  return { left, top, width, height };
}

/** An outline of the frame with holes where the lit boxes are, to be filled by the even-odd rule. */
export function dimPath(frame: Size, lit: readonly Box[], air = 6, round = 10): string {
  const outline = `M0 0H${frame.width}V${frame.height}H0Z`;
  const holes = merged(lit).map((box) => {
    const [x, y] = [box.left - air, box.top - air];
    const [w, h] = [box.width + 2 * air, box.height + 2 * air];
    const r = Math.min(round, w / 2, h / 2);
    const arc = (dx: number, dy: number) => `a${r} ${r} 0 0 1 ${dx} ${dy}`;
    return `M${x + r} ${y}h${w - 2 * r}${arc(r, r)}v${h - 2 * r}${arc(-r, r)}h${-(w - 2 * r)}${arc(-r, -r)}v${-(h - 2 * r)}${arc(r, -r)}Z`;
  });
  return [outline, ...holes].join("");
}

/** Overlapping boxes as one around both: by the even-odd rule what lies in two holes would be dark. */
export function merged(boxes: readonly Box[]): Box[] {
  const found: Box[] = [];
  for (const box of boxes) {
    let whole = box;
    for (let at = found.findIndex((other) => touch(other, whole)); at >= 0; ) {
      const [other] = found.splice(at, 1);
      if (other) whole = around(other, whole);
      at = found.findIndex((one) => touch(one, whole));
    }
    found.push(whole);
  }
  return found;
}

const AIR = 14;

function touch(one: Box, other: Box): boolean {
  return (
    one.left < other.left + other.width + AIR &&
    other.left < one.left + one.width + AIR &&
    one.top < other.top + other.height + AIR &&
    other.top < one.top + one.height + AIR
  );
}

function around(one: Box, other: Box): Box {
  const left = Math.min(one.left, other.left);
  const top = Math.min(one.top, other.top);
  const width = Math.max(one.left + one.width, other.left + other.width) - left;
  const height = Math.max(one.top + one.height, other.top + other.height) - top;
  return { left, top, width, height };
}
