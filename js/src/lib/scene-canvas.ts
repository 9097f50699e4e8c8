/** Scenes on a canvas. */
import { type Rgb, toCss } from "./color-scales";
import {
  type Bar,
  type Box,
  type Card,
  type Cells,
  cellRows,
  type Dot,
  FONT,
  type Layer,
  type Line,
  linePieces,
  type Mark,
  type Ribbon,
  ribbonEdges,
  type Scene,
  type Text,
} from "./scene";

type Context = CanvasRenderingContext2D;

/** Draws a scene; the context's scale is the caller's, in CSS pixels. Nothing outside the scene is touched. */
export function drawScene(context: Context, scene: Scene, kept?: KeptLayers): void {
  context.clearRect(0, 0, scene.width, scene.height);
  let slot = 0;
  for (const layer of scene.layers) {
    if (!layer.lasting || !kept) drawLayer(context, layer);
    else kept.draw(context, layer, slot++);
  }
}

/**
 * Lasting layers as bitmaps: what was kept is copied instead of drawn.
 *
 * Keeping costs more than drawing once, so it is done apart, when there is time, for layers that may come again.
 */
export class KeptLayers {
  readonly #slots: { canvas: HTMLCanvasElement; marks: Layer["marks"] }[] = [];
  #fits = "";

  /** Draws a layer, from its bitmap if it was kept for the same marks on a canvas of this size. */
  draw(context: Context, layer: Layer, at: number): void {
    const slot = this.#slots[at];
    if (!slot || slot.marks !== layer.marks || this.#fits !== fitOf(context)) {
      drawLayer(context, layer);
      return;
    }
    context.save();
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.drawImage(slot.canvas, 0, 0);
    context.restore();
  }

  /** Makes bitmaps of a scene's lasting layers, for a canvas like the context's. */
  keep(context: Context, scene: Scene): void {
    const fits = fitOf(context);
    scene.layers
      .filter(({ lasting }) => lasting)
      .forEach((layer, at) => {
        const known = this.#slots[at];
        if (known?.marks === layer.marks && this.#fits === fits) return;
        const canvas = known?.canvas ?? context.canvas.ownerDocument.createElement("canvas");
        canvas.width = context.canvas.width;
        canvas.height = context.canvas.height;
        const own = canvas.getContext("2d");
        if (!own) return;
        own.setTransform(context.getTransform());
        drawLayer(own, layer);
        this.#slots[at] = { canvas, marks: layer.marks };
      });
    this.#fits = fits;
  }
}

function fitOf(context: Context): string {
  return [context.canvas.width, context.canvas.height, context.getTransform().a].join(" ");
}

export function drawLayer(context: Context, { clip, marks }: Layer): void {
  context.save();
  if (clip) {
    context.beginPath();
    context.rect(clip.x, clip.y, clip.width, clip.height);
    context.clip();
  }
  for (const mark of marks) drawMark(context, mark);
  context.restore();
}

export function drawMark(context: Context, mark: Mark): void {
  if (mark.opacity === 0) return;
  context.globalAlpha = mark.opacity ?? 1;
  if (mark.kind === "bar") drawBar(context, mark);
  else if (mark.kind === "ribbon") drawRibbon(context, mark);
  else if (mark.kind === "line") drawLine(context, mark);
  else if (mark.kind === "text") drawText(context, mark);
  else if (mark.kind === "dot") drawDot(context, mark);
  else if (mark.kind === "card") drawCard(context, mark);
  else drawCells(context, mark);
  context.globalAlpha = 1;
}

function rounded(context: Context, { x, y, width, height }: Box, radius: number): void {
  context.beginPath();
  context.roundRect(x, y, width, height, Math.min(radius, width / 2, height / 2));
}

function drawBar(context: Context, bar: Bar): void {
  rounded(context, bar, bar.radius);
  context.fillStyle = stripesOf(context, bar);
  context.fill();
  if (!bar.outline) return;
  context.strokeStyle = toCss(bar.outline);
  context.lineWidth = 0.75;
  context.stroke();
}

/** A gradient of hard steps, which needs no clipping: one path is filled for all stripes of a bar. */
function stripesOf(context: Context, { y, height, colors }: Bar): string | CanvasGradient {
  const [only] = colors;
  if (colors.length < 2) return toCss(only ?? [0, 0, 0]);
  const gradient = context.createLinearGradient(0, y, 0, y + height);
  const step = 1 / colors.length;
  colors.forEach((color, at) => {
    const css = toCss(color);
    gradient.addColorStop(at * step, css);
    gradient.addColorStop(Math.min(1, (at + 1) * step), css);
  });
  return gradient;
}

function drawRibbon(context: Context, ribbon: Ribbon): void {
  const { from, to, stops } = ribbon;
  if (from.width <= 0 && to.width <= 0) return;
  const { bend, top, bottom } = ribbonEdges(ribbon);
  const gradient = context.createLinearGradient(from.x, 0, to.x, 0);
  for (const [offset, color, alpha] of stops) gradient.addColorStop(offset, toCss(color, alpha));
  context.fillStyle = gradient;
  context.beginPath();
  context.moveTo(from.x, top[0]);
  context.bezierCurveTo(from.x + bend, top[0], to.x - bend, top[1], to.x, top[1]);
  context.lineTo(to.x, bottom[1]);
  context.bezierCurveTo(to.x - bend, bottom[1], from.x + bend, bottom[0], from.x, bottom[0]);
  context.closePath();
  context.fill();
}

function drawLine(context: Context, line: Line): void {
  const [start] = line.points;
  if (!start) return;
  context.strokeStyle = strokeOf(context, line);
  context.lineWidth = line.width;
  context.setLineDash([...(line.dash ?? [])]);
  context.lineJoin = "round";
  context.lineCap = line.dash ? "butt" : "round";
  context.beginPath();
  context.moveTo(start[0], start[1]);
  for (const { corner, radius, to } of linePieces(line)) {
    if (corner) context.arcTo(corner[0], corner[1], to[0], to[1], radius);
    context.lineTo(to[0], to[1]);
  }
  context.stroke();
  context.setLineDash([]);
}

function strokeOf(context: Context, { points, color, toColor }: Line): string | CanvasGradient {
  if (!toColor) return toCss(color);
  const xs = points.map(([x]) => x);
  const gradient = context.createLinearGradient(Math.min(...xs), 0, Math.max(...xs), 0);
  gradient.addColorStop(0, toCss(color));
  gradient.addColorStop(1, toCss(toColor));
  return gradient;
}

function drawText(context: Context, { x, y, text, size, weight, align, color, turn }: Text): void {
  context.fillStyle = toCss(color);
  context.font = `${weight} ${size}px ${FONT}`;
  context.textAlign = align === "middle" ? "center" : align;
  context.textBaseline = "middle";
  if (!turn) {
    context.fillText(text, x, y);
    return;
  }
  context.save();
  context.translate(x, y);
  context.rotate((turn * Math.PI) / 180);
  context.fillText(text, 0, 0);
  context.restore();
}

function drawDot(context: Context, { x, y, radius, fill, stroke, strokeWidth = 1 }: Dot): void {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  paint(context, fill, stroke, strokeWidth);
}

function drawCard(context: Context, card: Card): void {
  context.save();
  if (card.shadow > 0) {
    context.shadowColor = "rgb(16 20 32 / 0.14)";
    context.shadowBlur = card.shadow;
    context.shadowOffsetY = card.shadow / 3;
  }
  context.fillStyle = toCss(card.fill);
  rounded(context, card, card.radius);
  context.fill();
  context.restore();
  context.globalAlpha = card.opacity ?? 1;
  if (card.stroke) {
    context.strokeStyle = toCss(card.stroke);
    context.lineWidth = card.strokeWidth ?? 1;
    rounded(context, card, card.radius);
    context.stroke();
  }
}

function paint(context: Context, fill: Rgb | null, stroke: Rgb | undefined, width: number): void {
  if (fill) {
    context.fillStyle = toCss(fill);
    context.fill();
  }
  if (stroke) {
    context.strokeStyle = toCss(stroke);
    context.lineWidth = width;
    context.stroke();
  }
}

function drawCells(context: Context, cells: Cells): void {
  const { x, y, width, height, rows, columns, pixels, air = 0 } = cells;
  const document = context.canvas.ownerDocument;
  if (!document || rows === 0 || columns === 0) return;
  const image = document.createElement("canvas");
  image.width = columns;
  image.height = rows;
  image.getContext("2d")?.putImageData(new ImageData(pixels, columns, rows), 0, 0);
  context.imageSmoothingEnabled = false;
  if (air <= 0) context.drawImage(image, x, y, width, height);
  else
    cellRows(cells).forEach(({ box }, row) => {
      context.drawImage(image, 0, row, columns, 1, box.x, box.y, box.width, box.height);
    });
}
