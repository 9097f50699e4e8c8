/** Draws a scene on a canvas, at once or by a motion that any key or click ends. */
import type { RefObject } from "preact";
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import type { Box, Scene } from "../../../lib/scene";
import { drawScene, KeptLayers } from "../../../lib/scene-canvas";
import { spanOf } from "./titles";
import type { About } from "./about";
import type { Layout } from "./layout";
import { type Drawn, DURATION_MS, drawMotion, type Motion } from "./motion";

/** How long a picture stands before what lasts of it is kept for the next one. */
const SETTLED_MS = 120;

/** What decides whether a new picture comes in by a motion. */
export interface Moment {
  version: number;
  /** The tokens, as one text. */
  tokens: readonly string[];
  block: number;
  head: number;
}

type Wanted = { kind: "reveal"; lane: number | null } | { kind: "block"; forward: boolean } | { kind: "head" };

/** The motion from one moment to the next, or null for none. */
export function motionBetween(before: Moment | null, now: Moment): Wanted | null {
  if (!before) return { kind: "reveal", lane: null };
  if (before.block !== now.block) return { kind: "block", forward: now.block > before.block };
  if (before.version !== now.version) {
    const same = before.tokens.filter((token, at) => token === now.tokens[at]).length;
    if (same === before.tokens.length && same === now.tokens.length) return null;
    const appended = same === before.tokens.length && now.tokens.length === same + 1;
    return { kind: "reveal", lane: appended ? same : null };
  }
  return before.head === now.head ? null : { kind: "head" };
}

/** A motion under way. */
interface Playing {
  motion: Motion;
  drawn: Drawn;
  start: number;
  frame: number;
}

export function useMotion(
  canvas: RefObject<HTMLCanvasElement>,
  /** Lies over it, and shows the picture before as that fades. */
  ghost: RefObject<HTMLCanvasElement>,
  scene: Scene<About> | null,
  layout: Layout | null,
  moment: Moment | null,
) {
  const before = useRef<Moment | null>(null);
  const playing = useRef<Playing | null>(null);
  const kept = useMemo(() => new KeptLayers(), []);
  const keeping = useRef<ReturnType<typeof setTimeout>>();
  const skip = () => {
    if (playing.current && canvas.current) finish(canvas.current, playing);
    for (const fading of ghost.current?.getAnimations?.() ?? []) fading.finish();
  };
  useLayoutEffect(() => {
    const target = canvas.current;
    if (!target || !scene || !layout || !moment) return;
    const wanted = isStill(target) ? null : motionBetween(before.current, moment);
    const goesOn = sameMoment(before.current, moment) && sameSize(target, scene) ? playing.current : null;
    before.current = moment;
    if (!goesOn) skip();
    if (wanted?.kind === "head" && ghost.current) fade(target, ghost.current);
    const old = wanted?.kind === "block" ? copyOf(target) : null;
    const context = sized(target, scene.width, scene.height);
    if (!context) return;
    drawScene(context, scene, kept);
    clearTimeout(keeping.current);
    keeping.current = setTimeout(() => kept.keep(context, scene), SETTLED_MS);
    const motion = goesOn?.motion ?? withOld(wanted, old);
    const after = motion && copyOf(target);
    if (!motion || !after || typeof requestAnimationFrame !== "function") return;
    const drawn = {
      after,
      ratio: ratioOf(target),
      width: scene.width,
      height: scene.height,
      area: areaOf(motion, layout),
    };
    // More of the same picture, finer weights say, comes in as part of the motion that is under way.
    if (goesOn) goesOn.drawn = drawn;
    else playing.current = { motion, drawn, start: performance.now(), frame: 0 };
    step(context, playing);
  }, [scene]);
  useLayoutEffect(
    () => () => {
      clearTimeout(keeping.current);
      cancelAnimationFrame(playing.current?.frame ?? 0);
    },
    [],
  );
  return { skip };
}

/** Puts what a canvas shows over it, and lets that fade. */
function fade(canvas: HTMLCanvasElement, ghost: HTMLCanvasElement): void {
  if (typeof ghost.animate !== "function" || canvas.width === 0) return;
  const { width, height } = canvas.getBoundingClientRect();
  ghost.width = canvas.width;
  ghost.height = canvas.height;
  ghost.style.width = `${width}px`;
  ghost.style.height = `${height}px`;
  ghost.getContext("2d")?.drawImage(canvas, 0, 0);
  ghost.animate([{ opacity: 1 }, { opacity: 0 }], { duration: DURATION_MS.head, easing: "ease-in-out" });
}

function withOld(wanted: Wanted | null, old: HTMLCanvasElement | null): Motion | null {
  if (wanted === null || wanted.kind === "head") return null;
  if (wanted.kind === "reveal") return wanted;
  return old ? { ...wanted, before: old } : null;
}

/** Draws a moment of the motion on a canvas that already showed its end, and asks for the next. */
function step(context: CanvasRenderingContext2D, playing: { current: Playing | null }): void {
  const now = playing.current;
  if (!now) return;
  cancelAnimationFrame(now.frame);
  const part = (performance.now() - now.start) / DURATION_MS[now.motion.kind];
  if (part >= 1) {
    finish(context.canvas, playing);
    return;
  }
  drawMotion(context, now.motion, part, now.drawn);
  now.frame = requestAnimationFrame(() => step(context, playing));
}

/** Shows the end at once. */
function finish(canvas: HTMLCanvasElement, playing: { current: Playing | null }): void {
  const now = playing.current;
  const context = canvas.getContext("2d");
  playing.current = null;
  if (!now || !context) return;
  cancelAnimationFrame(now.frame);
  context.clearRect(0, 0, now.drawn.width, now.drawn.height);
  context.drawImage(now.drawn.after, 0, 0, now.drawn.width, now.drawn.height);
}

function sameMoment(one: Moment | null, other: Moment): boolean {
  return one !== null && one.version === other.version && one.block === other.block && one.head === other.head;
}

function sameSize(canvas: HTMLCanvasElement, { width, height }: Scene): boolean {
  const ratio = ratioOf(canvas);
  return canvas.width === Math.round(width * ratio) && canvas.height === Math.round(height * ratio);
}

function areaOf(motion: Motion, layout: Layout): Box {
  const { lanes, pitch, width, height } = layout;
  if (motion.kind === "block") {
    const [left, right] = spanOf(layout, ["resid_pre", "resid_post", "ln2.out"]) ?? [0, width];
    return { x: left, y: 0, width: right - left, height };
  }
  const top = motion.lane === null ? lanes.y : layout.middle(motion.lane) - pitch * 0.42;
  return { x: 0, y: top, width, height: motion.lane === null ? lanes.height : pitch };
}

/** A context in CSS pixels, on a backing store as fine as the screen. */
export function sized(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D | null {
  const ratio = ratioOf(canvas);
  const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== wide) canvas.width = wide;
  if (canvas.height !== high) canvas.height = high;
  const context = canvas.getContext("2d");
  context?.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}

function ratioOf(canvas: HTMLCanvasElement): number {
  return Math.min(3, canvas.ownerDocument.defaultView?.devicePixelRatio ?? 1);
}

function copyOf(canvas: HTMLCanvasElement): HTMLCanvasElement | null {
  if (canvas.width === 0 || canvas.height === 0) return null;
  const copy = canvas.ownerDocument.createElement("canvas");
  copy.width = canvas.width;
  copy.height = canvas.height;
  copy.getContext("2d")?.drawImage(canvas, 0, 0);
  return copy;
}

/** Whether the reader asked for no motion. */
function isStill(canvas: HTMLCanvasElement): boolean {
  return canvas.ownerDocument.defaultView?.matchMedia?.("(prefers-reduced-motion: reduce)").matches ?? true;
}
