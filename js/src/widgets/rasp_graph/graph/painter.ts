/** The picture on its canvas. Cards are kept as bitmaps, so that moving it costs one copy for each card in sight. */
import { mixed, type Rgb, roleHue, type Theme, toCss } from "../../../lib";
import { FONT, type Mark } from "../../../lib/scene";
import { drawMark } from "../../../lib/scene-canvas";
import { inks } from "../../../lib/inks";
import { type Camera, inSight, type Window } from "./camera";
import { edgeColor, routePoints } from "./edge-marks";
import { isIdle, laneWords } from "./lanes";
import type { Layout, PlacedLane, Route } from "./layout";
import { type Card, marksOf, type Picture } from "./picture";

/** Below this zoom a card's text cannot be read. */
export const FAR = 0.5;
/** Room around a card's bitmap for its edge and shadow. */
const EDGE = 5;
const LANE_LEFT = 10;
/** Time for bitmaps in one frame while the picture moves; those that are not made yet are drawn stretched. */
const BUDGET_MS = 3;

interface Sprite {
  card: Card;
  scale: number;
  canvas: HTMLCanvasElement;
}

export class Painter {
  readonly #sprites = new Map<string, Sprite>();
  readonly #paths = new WeakMap<Layout, Map<string, Path2D>>();
  readonly #marks = new WeakMap<Card, [near: Mark[] | null, far: Mark[] | null]>();

  /** Draws what is in sight; false where some cards are not sharp yet. */
  draw(context: CanvasRenderingContext2D, picture: Picture, camera: Camera, window: Window, ratio: number): boolean {
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, window.width, window.height);
    for (const lane of picture.layout.lanes) drawLane(context, lane, picture, camera, window);
    this.#drawEdges(context, picture, camera, ratio);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    for (const lane of picture.layout.lanes) drawLaneWords(context, lane, picture, camera, window);
    return this.#drawCards(context, picture, camera, window, ratio);
  }

  #drawEdges(context: CanvasRenderingContext2D, { layout, theme }: Picture, camera: Camera, ratio: number): void {
    const { scale } = camera;
    const paths = this.#paths.get(layout) ?? pathsOf(layout.routes);
    this.#paths.set(layout, paths);
    context.setTransform(ratio * scale, 0, 0, ratio * scale, ratio * camera.x, ratio * camera.y);
    const many = layout.routes.length > 150;
    context.lineWidth = Math.max(many ? 0.9 : 1.3, 0.7 / scale);
    context.globalAlpha = many ? 0.5 : 0.75;
    for (const [role, path] of paths) {
      context.strokeStyle = toCss(edgeColor({ role: role as Route["role"] }, theme));
      context.stroke(path);
    }
    context.globalAlpha = 1;
  }

  #drawCards(
    context: CanvasRenderingContext2D,
    { cards, layout }: Picture,
    camera: Camera,
    window: Window,
    ratio: number,
  ): boolean {
    const { scale } = camera;
    const start = performance.now();
    let sharp = true;
    context.setTransform(1, 0, 0, 1, 0, 0);
    for (const [label, box] of layout.boxes) {
      const card = cards.get(label);
      if (!card || !inSight(camera, box, window)) continue;
      const pixels = scale * ratio;
      let sprite = this.#sprites.get(label);
      if (sprite?.card !== card || sprite.scale !== pixels) {
        if (sprite?.card === card && performance.now() - start > BUDGET_MS) sharp = false;
        else sprite = this.#make(label, card, pixels, context.canvas.ownerDocument, scale < FAR);
      }
      if (!sprite) continue;
      const grow = pixels / sprite.scale;
      const [x, y] = [(box.x * scale + camera.x) * ratio, (box.y * scale + camera.y) * ratio];
      const [left, top] = [Math.round(x) - EDGE * pixels, Math.round(y) - EDGE * pixels];
      if (grow === 1) context.drawImage(sprite.canvas, Math.round(left), Math.round(top));
      else context.drawImage(sprite.canvas, left, top, sprite.canvas.width * grow, sprite.canvas.height * grow);
    }
    for (const label of this.#sprites.keys()) if (!cards.has(label)) this.#sprites.delete(label);
    return sharp;
  }

  #make(label: string, card: Card, scale: number, document: Document, far: boolean): Sprite | undefined {
    const known = this.#sprites.get(label)?.canvas;
    const canvas = known ?? document.createElement("canvas");
    canvas.width = Math.ceil((card.layout.width + 2 * EDGE) * scale);
    canvas.height = Math.ceil((card.layout.height + 2 * EDGE) * scale);
    const context = canvas.getContext("2d");
    if (!context) return undefined;
    const pixel = Math.round(EDGE * scale);
    context.setTransform(scale, 0, 0, scale, pixel, pixel);
    for (const mark of this.#marksOf(card, far)) drawMark(context, mark);
    const sprite = { card, scale, canvas };
    this.#sprites.set(label, sprite);
    return sprite;
  }

  #marksOf(card: Card, far: boolean): Mark[] {
    const known = this.#marks.get(card) ?? [null, null];
    this.#marks.set(card, known);
    const found = known[far ? 1 : 0] ?? marksOf(card, far);
    known[far ? 1 : 0] = found;
    return found;
  }
}

function pathsOf(routes: readonly Route[]): Map<string, Path2D> {
  const paths = new Map<string, Path2D>();
  for (const route of routes) {
    const path = paths.get(route.role) ?? new Path2D();
    paths.set(route.role, path);
    routePoints(route).forEach(([x, y], at) => {
      if (at === 0) path.moveTo(x, y);
      else path.lineTo(x, y);
    });
  }
  return paths;
}

export function laneFill({ half }: Pick<PlacedLane, "half">, theme: Theme): Rgb {
  const role = half === "embedding" ? "residual" : half;
  return mixed(inks(theme).paper, roleHue(role, theme).faint, theme === "dark" ? 0.55 : 0.75);
}

/** A half-layer is as wide as the window wherever the picture was moved, with its name at the left. */
function drawLane(
  context: CanvasRenderingContext2D,
  lane: PlacedLane,
  { theme, step }: Picture,
  { y, scale }: Camera,
  window: Window,
): void {
  const top = lane.y * scale + y;
  const height = lane.height * scale;
  if (top > window.height || top + height < 0) return;
  const role = lane.half === "embedding" ? "residual" : lane.half;
  const hue = roleHue(role, theme);
  const idle = isIdle(lane);
  context.fillStyle = toCss(laneFill(lane, theme), idle ? 0.5 : 1);
  context.fillRect(0, top, window.width, Math.max(1, height - 1.5));
  if (step === lane.step) {
    context.fillStyle = toCss(hue.ink);
    context.fillRect(0, top, 3, Math.max(1, height - 1.5));
  }
}

/** The name of a half-layer and what works there, over the edges that pass by. */
function drawLaneWords(
  context: CanvasRenderingContext2D,
  lane: PlacedLane,
  { theme, step }: Picture,
  { y, scale }: Camera,
  window: Window,
): void {
  const top = lane.y * scale + y;
  const height = lane.height * scale;
  const size = Math.min(11, 17 * scale);
  if (size < 6.5 || top > window.height || top + height < 0) return;
  const idle = isIdle(lane);
  const { name, work } = laneWords(lane);
  const middle = top + Math.min(height / 2, 11.5 * scale);
  const common = { kind: "text", y: middle, size, align: "start" } as const;
  const measured = (text: string, weight: number) => {
    context.font = `${weight} ${size}px ${FONT}`;
    return context.measureText(text).width;
  };
  const after = LANE_LEFT + measured(name, 600) + 7;
  const wide = after + measured(work, 400) - LANE_LEFT + 8;
  context.fillStyle = toCss(laneFill(lane, theme), 0.85);
  context.fillRect(LANE_LEFT - 4, middle - size * 0.7, wide, size * 1.4);
  const done = step < 0 || lane.step <= step;
  const color = roleHue(lane.half === "embedding" ? "residual" : lane.half, theme).ink;
  const opacity = done && !idle ? 1 : 0.75;
  drawMark(context, { ...common, x: LANE_LEFT, text: name, weight: 600, color, opacity });
  drawMark(context, { ...common, x: after, text: work, weight: 400, color: inks(theme).soft });
}
