/** The graph as a file: all of it, whatever the window shows. */
import { toCss } from "../../../lib";
import { download } from "../../../lib/download";
import type { Layer, Mark, Scene } from "../../../lib/scene";
import { drawScene } from "../../../lib/scene-canvas";
import { sceneToSvg } from "../../../lib/scene-svg";
import { inks } from "../../../lib/inks";
import { moved } from "../../../lib/scene";
import { edgeMark } from "../graph/edge-marks";
import { laneWords } from "../graph/lanes";
import type { PlacedLane } from "../graph/layout";
import { laneFill } from "../graph/painter";
import { marksOf, type Picture } from "../graph/picture";
import { roleHue } from "../../../lib";

const HEAD_PX = 40;

/** The whole graph under its title. */
export function graphScene(picture: Picture, title: string): Scene {
  const { layout, theme } = picture;
  const { bounds } = layout;
  const { paper, ink } = inks(theme);
  const [dx, dy] = [-bounds.x, HEAD_PX - bounds.y];
  const edges = layout.routes.map((route) => edgeMark(route, { theme, width: 1.3, opacity: 0.75 }));
  const cards = [...layout.boxes].flatMap(([label, { x, y }]) => {
    const card = picture.cards.get(label);
    return card ? marksOf(card, false).map((mark) => moved(mark, x, y)) : [];
  });
  const shift = (marks: readonly Mark[]): Layer => ({ clip: null, marks: marks.map((mark) => moved(mark, dx, dy)) });
  const heading = {
    kind: "text",
    x: 16,
    y: 20,
    text: title,
    size: 16,
    weight: 600,
    align: "start",
    color: ink,
  } as const;
  return {
    width: Math.max(bounds.width, 200),
    height: bounds.height + HEAD_PX,
    paper,
    layers: [
      shift(layout.lanes.flatMap((lane) => laneMarks(lane, picture))),
      shift(edges),
      shift(cards),
      { clip: null, marks: [heading] },
    ],
  };
}

function laneMarks(lane: PlacedLane, { layout: { bounds }, theme }: Picture): Mark[] {
  const { name, work } = laneWords(lane);
  const hue = roleHue(lane.half === "embedding" ? "residual" : lane.half, theme);
  const box = { x: bounds.x, y: lane.y, width: bounds.width, height: lane.height - 1.5 };
  const words = [name, work].filter(Boolean).join(" \u00b7 ");
  return [
    { kind: "card", ...box, radius: 0, fill: laneFill(lane, theme), shadow: 0 },
    {
      kind: "text",
      x: bounds.x + 10,
      y: lane.y + Math.min(lane.height / 2, 11.5),
      text: words,
      size: 11,
      weight: 600,
      align: "start",
      color: hue.ink,
    },
  ];
}

export function saveSvg(document: Document, scene: Scene, name: string): void {
  download(document, `${name}.svg`, sceneToSvg(scene, name), "image/svg+xml");
}

/** Canvases have a largest size; a bitmap of a very large graph has fewer pixels. */
const MOST_PIXELS = 12_000;

export function savePng(document: Document, scene: Scene, name: string): void {
  const ratio = Math.min(2, MOST_PIXELS / Math.max(scene.width, scene.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(scene.width * ratio);
  canvas.height = Math.round(scene.height * ratio);
  const context = canvas.getContext("2d");
  if (!context) return;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  drawScene(context, scene);
  context.globalCompositeOperation = "destination-over";
  context.fillStyle = toCss(scene.paper);
  context.fillRect(0, 0, scene.width, scene.height);
  canvas.toBlob((blob) => blob && download(document, `${name}.png`, blob));
}
