/** Edges as smooth lines that come down between the rows. */
import { mixed, type Rgb, roleHue, type Theme } from "../../../lib";
import type { Line } from "../../../lib/scene";
import type { Route } from "./layout";

type Point = [x: number, y: number];

const STEPS = 14;

/** A curve with upright ends. */
export function drop([x0, y0]: Readonly<Point>, [x1, y1]: Readonly<Point>): Point[] {
  if (Math.abs(x1 - x0) < 0.5)
    return [
      [x0, y0],
      [x1, y1],
    ];
  const bend = Math.max(10, (y1 - y0) * 0.5);
  return Array.from({ length: STEPS + 1 }, (_, at): Point => {
    const t = at / STEPS;
    const s = 1 - t;
    const share = 3 * s * t * t + t * t * t;
    const y = s * s * s * y0 + 3 * s * s * t * (y0 + bend) + 3 * s * t * t * (y1 - bend) + t * t * t * y1;
    return [x0 + (x1 - x0) * share, y];
  });
}

/** The whole of a route: curves between rows, straight down beside cards. */
export function routePoints({ foot, points }: Pick<Route, "foot" | "points">): Point[] {
  if (points.length === 0) return [];
  const all: Point[] = [[foot[0], foot[1]]];
  for (let at = 1; at < points.length; at += 2) {
    const [from, to] = [points[at - 1], points[at]];
    if (from && to) all.push(...drop(from, to));
  }
  return all;
}

export interface EdgeLook {
  theme: Theme;
  width: number;
  opacity: number;
}

export function edgeMark(route: Route, { theme, width, opacity }: EdgeLook): Line {
  return { kind: "line", points: routePoints(route), corner: 0, width, color: edgeColor(route, theme), opacity };
}

export function edgeColor({ role }: Pick<Route, "role">, theme: Theme): Rgb {
  const { base, high } = roleHue(role, theme);
  // Quiet enough for a line among many, strong enough to tell its hue.
  return mixed(base, high, theme === "dark" ? 0.45 : 0.5);
}
