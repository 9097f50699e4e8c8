/** How the picture comes in: data appears the way it is computed, from left to right. */

export type Motion =
  /** A front sweeps to the right, over all lanes or only one. */
  | { kind: "reveal"; lane: number | null }
  /** The old block is squeezed to the left as the new one comes from the right, or the other way round. */
  | { kind: "block"; forward: boolean; before: CanvasImageSource };

/** Of a head the old picture only fades off the new one, which needs no drawing. */
export const DURATION_MS: Record<Motion["kind"] | "head", number> = { reveal: 850, block: 280, head: 260 };

/** Softness of the front, in pixels. */
const SOFT = 90;

interface Area {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Drawn {
  /** The picture as it will be, and its pixels per CSS pixel. */
  after: CanvasImageSource;
  ratio: number;
  width: number;
  height: number;
  /** Of the one lane, or of the block. */
  area: Area;
}

/** Draws a moment of a motion, `part` 0 to 1 of the way. */
export function drawMotion(context: CanvasRenderingContext2D, motion: Motion, part: number, drawn: Drawn): void {
  if (motion.kind === "reveal") reveal(context, eased(part), drawn, motion.lane === null);
  else squeeze(context, eased(part), drawn, motion);
}

function eased(part: number): number {
  return part < 0.5 ? 2 * part * part : 1 - (2 - 2 * part) ** 2 / 2;
}

function whole(context: CanvasRenderingContext2D, image: CanvasImageSource, { width, height }: Drawn): void {
  context.drawImage(image, 0, 0, width, height);
}

function part(context: CanvasRenderingContext2D, image: CanvasImageSource, from: Area, to: Area, ratio: number): void {
  if (from.width <= 0 || from.height <= 0 || to.width <= 0.5) return;
  context.drawImage(
    image,
    from.x * ratio,
    from.y * ratio,
    from.width * ratio,
    from.height * ratio,
    to.x,
    to.y,
    to.width,
    to.height,
  );
}

function reveal(context: CanvasRenderingContext2D, at: number, drawn: Drawn, all: boolean): void {
  const { width, height, area } = drawn;
  context.clearRect(0, 0, width, height);
  const front = at * (width + SOFT);
  const box = all ? { x: 0, y: 0, width, height } : area;
  if (!all) whole(context, drawn.after, drawn);
  context.save();
  context.beginPath();
  context.rect(box.x, box.y, box.width, box.height);
  context.clip();
  if (all) whole(context, drawn.after, drawn);
  const veil = context.createLinearGradient(front - SOFT, 0, front, 0);
  veil.addColorStop(0, "rgb(0 0 0 / 0)");
  veil.addColorStop(1, "rgb(0 0 0 / 1)");
  context.globalCompositeOperation = "destination-out";
  context.fillStyle = veil;
  context.fillRect(box.x, box.y, box.width, box.height);
  context.restore();
}

function squeeze(
  context: CanvasRenderingContext2D,
  at: number,
  drawn: Drawn,
  { forward, before }: Extract<Motion, { kind: "block" }>,
): void {
  const { area, ratio, height } = drawn;
  context.clearRect(area.x, 0, area.width, height);
  const border = forward ? 1 - at : at;
  const left = { x: area.x, y: 0, width: area.width * border, height };
  const right = { x: area.x + area.width * border, y: 0, width: area.width * (1 - border), height };
  const full = { x: area.x, y: 0, width: area.width, height };
  const [leftImage, rightImage] = forward ? [before, drawn.after] : [drawn.after, before];
  context.globalAlpha = forward ? 1 - at : at;
  part(context, leftImage, full, left, ratio);
  context.globalAlpha = forward ? at : 1 - at;
  part(context, rightImage, full, right, ratio);
  context.globalAlpha = 1;
}
