import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { onKeys, useWidth } from "../../../lib";
import { drawMark } from "../../../lib/scene-canvas";
import type { Explorer, Place } from "../explorer";
import { useSources } from "../panels/program-view";
import type { Window } from "./camera";
import { overlayMarks } from "./overlay";
import { Painter } from "./painter";
import { useStagePointer } from "./stage-pointer";
import { Tip } from "./tip";
import { type CameraControl, useCamera } from "./use-camera";
import type { PictureAnswer } from "./use-picture";
import { neighbour, type Way } from "./walk";

interface Props {
  explorer: Explorer;
  answer: PictureAnswer;
  height_px: number;
  /** Where controls outside reach the camera. */
  control: { current: CameraControl | null };
}

const ZOOM_STEP = 1.25;

/** The graph: lanes, edges and cards on one canvas, and what is pointed at on another. */
export function Stage({ explorer, answer, height_px, control }: Props) {
  const { picture, frames } = answer;
  const { store } = explorer;
  const stage = useRef<HTMLDivElement>(null);
  const [base, over] = [useRef<HTMLCanvasElement>(null), useRef<HTMLCanvasElement>(null)];
  const width = useWidth(stage);
  const window = useMemo((): Window => ({ width, height: height_px }), [width, height_px]);
  const painter = useMemo(() => new Painter(), []);
  const moved = useSignal(0);
  const lit = useLit(explorer, frames);
  const drawn = useRef({ picture, lit });
  drawn.current = { picture, lit };
  const camera = useCamera(picture?.layout ?? null, window, (control) => {
    const { picture, lit } = drawn.current;
    const ratio = globalThis.devicePixelRatio || 1;
    const [ground, front] = [sized(base.current, window, ratio), sized(over.current, window, ratio)];
    if (!picture || !ground || !front) return;
    const sharp = painter.draw(ground, picture, control.now, window, ratio);
    const { x, y, scale } = control.now;
    front.setTransform(1, 0, 0, 1, 0, 0);
    front.clearRect(0, 0, front.canvas.width, front.canvas.height);
    front.setTransform(scale * ratio, 0, 0, scale * ratio, x * ratio, y * ratio);
    // Seen from afar, lines are still to be seen.
    const thicker = Math.max(1, 0.75 / scale);
    for (const mark of overlayMarks(picture, lit)) {
      drawMark(front, mark.kind === "line" ? { ...mark, width: mark.width * thicker } : mark);
    }
    if (!sharp) control.redraw();
    moved.value++;
  });
  control.current = camera;
  useLayoutEffect(() => camera.redraw(), [picture, lit, window]);
  const pointer = useStagePointer(stage, explorer, picture, camera);
  const chosen = store.get("node");
  useEffect(() => {
    const box = picture?.layout.boxes.get(chosen);
    if (box && explorer.pointed.peek()?.node !== chosen) camera.show(box);
  }, [chosen, picture?.layout]);
  const step = store.get("step");
  useEffect(() => {
    const lane = picture?.layout.lanes[step];
    const { now } = camera;
    // The half-layer that is done last comes into sight, and nothing moves aside.
    const x = (window.width / 2 - now.x) / now.scale;
    if (lane && now.scale >= 0.5) camera.show({ x, y: lane.y, width: 0, height: lane.height });
  }, [step]);
  const keys = useStageKeys(explorer, answer, camera);
  const place = explorer.pointed.value;
  moved.value;
  return (
    <div
      ref={stage}
      class="attrium-rasp-stage"
      style={{ height: `${height_px}px` }}
      role="application"
      aria-roledescription="graph"
      aria-label={labelOf(answer, chosen)}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: arrows walk from node to node
      tabIndex={0}
      data-layout-ms={Math.round(answer.layoutMs)}
      aria-busy={answer.waiting}
      data-over={place ? "node" : undefined}
      onKeyDown={keys}
      {...pointer}
    >
      <canvas ref={base} />
      <canvas ref={over} />
      {picture && place && <Tip picture={picture} frames={frames} place={place} camera={camera.now} window={window} />}
    </div>
  );
}

/** A canvas's context, its size in step with the window. */
function sized(canvas: HTMLCanvasElement | null, { width, height }: Window, ratio: number) {
  if (!canvas || width === 0) return null;
  const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== wide) canvas.width = wide;
  if (canvas.height !== high) canvas.height = high;
  return canvas.getContext("2d");
}

function labelOf({ picture }: PictureAnswer, chosen: string): string {
  if (!picture) return "Graph of the program";
  const node = picture.cards.get(chosen)?.facts;
  const program = `Graph of ${picture.graph.label}, ${picture.shape.nodes.length} nodes`;
  if (!node) return `${program}. Arrows walk from node to node.`;
  const values = node.values.map((value) => value ?? "absent").join(", ");
  return `${program}. ${chosen}, ${node.node.kind}${values === "" ? "" : `: ${values}`}`;
}

/** What is lit: under the pointer, else pinned. */
function useLit(explorer: Explorer, frames: PictureAnswer["frames"]) {
  const { store, pointed } = explorer;
  const [node, position, cell] = [store.get("node"), store.get("position"), store.get("cell")];
  const sources = useSources(explorer);
  const place = pointed.value ?? pinnedPlace(node, position, cell);
  return useMemo(
    () => ({ node, place, sources, position, frames }),
    [node, place?.node, place?.position, place?.cell?.[0], place?.cell?.[1], sources, position, frames],
  );
}

function pinnedPlace(node: string, position: number, cell: readonly [number, number] | null): Place | null {
  if (node === "") return null;
  return cell ? { node, position: -1, cell } : { node, position, cell: null };
}

function useStageKeys(explorer: Explorer, { picture }: PictureAnswer, camera: CameraControl) {
  const { store } = explorer;
  const [held] = useState({ picture, camera });
  held.picture = picture;
  const walk = (way: Way) => () => {
    if (!held.picture) return;
    const next = neighbour(held.picture.layout, held.picture.shape, store.get("node"), way);
    explorer.point(null);
    if (next !== null) explorer.choose(next);
  };
  const pin = (by: number) => () => {
    const count = held.picture?.values.tokens.length ?? 0;
    const now = store.get("position");
    const next = now + by;
    explorer.pinAt(next < -1 ? count - 1 : next >= count ? -1 : next);
  };
  return onKeys({
    ArrowUp: walk("up"),
    ArrowDown: walk("down"),
    ArrowLeft: walk("left"),
    ArrowRight: walk("right"),
    ",": pin(-1),
    ".": pin(1),
    "+": () => camera.zoom(ZOOM_STEP),
    "=": () => camera.zoom(ZOOM_STEP),
    "-": () => camera.zoom(1 / ZOOM_STEP),
    "0": () => camera.fit(),
    Enter: () => {
      const node = store.get("node");
      if (node === "") return false;
      store.set("focus", store.get("focus") === node ? "" : node);
      return true;
    },
  });
}
