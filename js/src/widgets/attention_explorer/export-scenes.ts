/** What is on show as marks, which become an SVG or a PNG. */
import {
  boxOf,
  colorTable,
  labelsOf,
  labelText,
  type MatrixColors,
  type MatrixScene,
  type Rgb,
  sceneSize,
  type Theme,
} from "../../lib";
import type { Layer as MatrixLayer } from "../../lib/matrix-canvas";
import type { Cells, Layer, Line, Mark, Scene, Text } from "../../lib/scene";
import { lineOpacity, lineWidth, ROW_PX } from "./arcs-lines";
import { type ArcsPicture, lineEnds } from "./arcs-canvas";

/** What stands above the picture, and what its colours mean. */
export interface Caption {
  title: string;
  /** Values at the ends of the colours; null where there is no scale. */
  ends: readonly [low: string, high: string] | null;
  colors: MatrixColors;
  theme: Theme;
  /** Pooling, quantisation, and what lines are left out. */
  note: string;
}

interface Ground {
  paper: Rgb;
  ink: Rgb;
  soft: Rgb;
  line: Rgb;
  accent: Rgb;
}

const GROUNDS: Record<Theme, Ground> = {
  light: {
    paper: [255, 255, 255],
    ink: [27, 31, 42],
    soft: [88, 96, 116],
    line: [230, 232, 239],
    accent: [98, 54, 208],
  },
  dark: {
    paper: [22, 24, 29],
    ink: [233, 235, 241],
    soft: [164, 171, 187],
    line: [42, 46, 55],
    accent: [183, 164, 251],
  },
};

const EDGE = 16;
const TITLE_PX = 30;
const FOOT_PX = 34;
const FONT_PX = 11;

/** A matrix with its labels. */
export function matrixExport(matrix: MatrixScene, caption: Caption): Scene {
  const ground = GROUNDS[caption.theme];
  const { plot, gutter } = matrix;
  const [width, height] = sceneSize(matrix);
  const [x, y] = [EDGE + gutter.left, TITLE_PX + gutter.top];
  const clip = { x, y, width: plot.width_px, height: plot.height_px };
  const cells = matrix.layers.flatMap((layer) => cellsOf(layer, matrix, [x, y]));
  const labels = labelsOf(matrix);
  const measure = (text: string) => text.length * FONT_PX * 0.54;
  const marks: Mark[] = [];
  for (const { index, at_px } of labels.rows.labels) {
    const label = labelText(matrix.rows, index, labels.rows.stride, gutter.left - 8, measure);
    marks.push(text(label, x - 8, y + at_px, "end", ground.soft));
  }
  for (const { index, at_px } of labels.columns.labels) {
    const label = labelText(matrix.columns, index, labels.columns.stride, gutter.top - 6, measure);
    marks.push({ ...text(label, x + at_px, y - 6, "start", ground.soft), turn: -90 });
  }
  const pinned = matrix.pinned ? [outline(matrix, matrix.pinned, [x, y], ground.accent)] : [];
  return framed([width + 2 * EDGE, height], caption, [
    { clip, marks: [...hatching(clip, ground.line), ...cells, ...pinned] },
    { clip: null, marks: [box(clip, ground.line), ...marks] },
  ]);
}

function cellsOf(
  { bitmap, rows, columns }: MatrixLayer,
  { plot, view }: MatrixScene,
  [x, y]: readonly [number, number],
): Cells[] {
  const { width, height } = bitmap.canvas;
  const data = width > 0 ? bitmap.canvas.getContext("2d")?.getImageData(0, 0, width, height).data : null;
  if (!data) return [];
  const at = boxOf(plot, view, rows, columns);
  return [{ kind: "cells", ...at, x: at.x + x, y: at.y + y, rows: height, columns: width, pixels: data }];
}

function hatching(clip: { x: number; y: number; width: number; height: number }, color: Rgb): Line[] {
  const lines: Line[] = [];
  for (let at = -clip.height; at < clip.width; at += 6) {
    lines.push(line([clip.x + at, clip.y + clip.height], [clip.x + at + clip.height, clip.y], color));
  }
  return lines;
}

function line(from: [number, number], to: [number, number], color: Rgb, width = 1): Line {
  return { kind: "line", points: [from, to], corner: 0, width, color };
}

function box(
  { x, y, width, height }: { x: number; y: number; width: number; height: number },
  color: Rgb,
  thick = 1,
): Line {
  const points: [number, number][] = [
    [x, y],
    [x + width, y],
    [x + width, y + height],
    [x, y + height],
    [x, y],
  ];
  return { kind: "line", points, corner: 0, width: thick, color };
}

function outline(
  { plot, view }: MatrixScene,
  [row, column]: readonly [number, number],
  [x, y]: readonly [number, number],
  color: Rgb,
): Line {
  const at = boxOf(plot, view, [row, row + 1], [column, column + 1]);
  return box({ ...at, x: at.x + x, y: at.y + y }, color, 2);
}

function text(
  words: string,
  x: number,
  y: number,
  align: Text["align"],
  color: Rgb,
  weight: Text["weight"] = 400,
): Text {
  return { kind: "text", x, y, text: words, size: FONT_PX, weight, align, color };
}

/** The lines in sight between their two columns of tokens. */
export function arcsExport(
  picture: ArcsPicture,
  rows: readonly string[],
  columns: readonly string[],
  caption: Caption,
): Scene {
  const ground = GROUNDS[caption.theme];
  const { top_px, window_px, width_px, label_px, queries, keys } = picture;
  const clip = { x: EDGE, y: TITLE_PX, width: width_px, height: window_px };
  const ribbons = picture.lines.map((one): Mark => {
    const { x0, y0, x1, y1 } = lineEnds(one, picture);
    const width = lineWidth(one.share);
    const opacity = lineOpacity(one.share);
    return {
      kind: "ribbon",
      from: { x: EDGE + x0, y: TITLE_PX + y0, width },
      to: { x: EDGE + x1, y: TITLE_PX + y1, width },
      stops: [
        [0, one.color, opacity],
        [1, one.color, opacity],
      ],
    };
  });
  const labels: Mark[] = [];
  const at = (index: number) => TITLE_PX + (index + 0.5) * ROW_PX - top_px;
  for (let query = queries[0]; query < queries[1]; query++) {
    labels.push(text(rows[query] ?? "", EDGE + label_px - 8, at(query), "end", ground.ink));
  }
  for (let key = keys[0]; key < keys[1]; key++) {
    labels.push(text(columns[key] ?? "", EDGE + width_px - label_px + 8, at(key), "start", ground.ink));
  }
  return framed([width_px + 2 * EDGE, window_px], caption, [{ clip, marks: [...ribbons, ...labels] }]);
}

/** A picture that was drawn on a canvas. */
export function pixelsExport(pixels: ImageData, size_px: readonly [number, number], caption: Caption): Scene {
  const [width, height] = size_px;
  const cells: Cells = {
    kind: "cells",
    x: EDGE,
    y: TITLE_PX,
    width,
    height,
    rows: pixels.height,
    columns: pixels.width,
    pixels: new Uint8ClampedArray(pixels.data),
  };
  return framed([width + 2 * EDGE, height], caption, [{ clip: null, marks: [cells] }]);
}

const RAMP_PX = 120;

/** Title above, scale and note below. */
function framed([width, height]: readonly [number, number], caption: Caption, layers: Layer[]): Scene {
  const ground = GROUNDS[caption.theme];
  const wide = Math.max(width, 280);
  const foot = TITLE_PX + height + FOOT_PX / 2 + 2;
  const marks: Mark[] = [text(caption.title, EDGE, TITLE_PX / 2, "start", ground.ink, 600)];
  let x = EDGE;
  if (caption.ends) {
    const table = colorTable(caption.colors, caption.theme);
    marks.push(text(caption.ends[0], x, foot, "start", ground.soft));
    x += 8 + caption.ends[0].length * 7;
    const pixels = new Uint8ClampedArray(table.buffer as ArrayBuffer);
    marks.push({ kind: "cells", x, y: foot - 5, width: RAMP_PX, height: 10, rows: 1, columns: table.length, pixels });
    marks.push(text(caption.ends[1], x + RAMP_PX + 8, foot, "start", ground.soft));
    x += RAMP_PX + 24 + caption.ends[1].length * 7;
  }
  marks.push(text(caption.note, x, foot, "start", ground.soft));
  return {
    width: Math.max(wide, x + caption.note.length * 6 + EDGE),
    height: TITLE_PX + height + FOOT_PX,
    paper: ground.paper,
    layers: [...layers, { clip: null, marks }],
  };
}
