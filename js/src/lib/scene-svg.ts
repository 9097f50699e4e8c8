/** Scenes as SVG: text stays text, images of vectors and matrices are embedded as PNG. */
import { type Rgb, toCss } from "./color-scales";
import { pngUrl } from "./png";
import {
  type Box,
  type Cells,
  cellRows,
  FONT,
  type Line,
  linePieces,
  type Mark,
  type Ribbon,
  ribbonEdges,
  type Scene,
} from "./scene";

/** A whole SVG document. */
export function sceneToSvg(scene: Scene, title = ""): string {
  const defs: string[] = [];
  const body = scene.layers.map(({ clip, marks }) => {
    const drawn = marks.map((mark) => (mark.opacity === 0 ? "" : markToSvg(mark, defs))).join("");
    if (!clip) return `<g>${drawn}</g>`;
    const id = define(defs, (name) => `<clipPath id="${name}">${rect(clip)}</clipPath>`);
    return `<g clip-path="url(#${id})">${drawn}</g>`;
  });
  const size = `width="${round(scene.width)}" height="${round(scene.height)}"`;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" ${size} viewBox="0 0 ${round(scene.width)} ${round(scene.height)}" ` +
    `font-family="${escaped(FONT)}">${title && `<title>${escaped(title)}</title>`}` +
    `<defs>${defs.join("")}</defs><rect ${size} fill="${paint(scene.paper)}"/>${body.join("")}</svg>`
  );
}

function markToSvg(mark: Mark, defs: string[]): string {
  const opacity = mark.opacity !== undefined && mark.opacity < 1 ? ` opacity="${round(mark.opacity)}"` : "";
  switch (mark.kind) {
    case "bar": {
      const pixels = new Uint8ClampedArray(mark.colors.flatMap((color) => [...color, 255]));
      const radius = round(Math.min(mark.radius, mark.width / 2, mark.height / 2));
      const clip = define(defs, (id) => `<clipPath id="${id}">${rect(mark, ` rx="${radius}"`)}</clipPath>`);
      const stripes = `<g clip-path="url(#${clip})">${image(mark, pixels, 1, mark.colors.length)}</g>`;
      const edge = mark.outline
        ? rect(mark, ` rx="${radius}" fill="none" stroke="${paint(mark.outline)}" stroke-width="0.75"`)
        : "";
      return `<g${opacity}>${stripes}${edge}</g>`;
    }
    case "cells":
      return `<g${opacity}>${cellsToSvg(mark)}</g>`;
    case "ribbon":
      return ribbonToSvg(mark, defs, opacity);
    case "line":
      return lineToSvg(mark, defs, opacity);
    case "text": {
      const turned = mark.turn ? ` transform="rotate(${mark.turn} ${round(mark.x)} ${round(mark.y)})"` : "";
      return (
        `<text x="${round(mark.x)}" y="${round(mark.y)}" dominant-baseline="central" text-anchor="${mark.align}" ` +
        `font-size="${mark.size}" font-weight="${mark.weight}" fill="${paint(mark.color)}" xml:space="preserve"` +
        `${turned}${opacity}>${escaped(mark.text)}</text>`
      );
    }
    case "dot":
      return (
        `<circle cx="${round(mark.x)}" cy="${round(mark.y)}" r="${round(mark.radius)}" ` +
        `fill="${mark.fill ? paint(mark.fill) : "none"}"${stroke(mark.stroke, mark.strokeWidth)}${opacity}/>`
      );
    case "card":
      return rect(
        mark,
        ` rx="${mark.radius}" fill="${paint(mark.fill)}"${stroke(mark.stroke, mark.strokeWidth)}${opacity}`,
      );
  }
}

function cellsToSvg(cells: Cells): string {
  if (!cells.air) return image(cells, cells.pixels, cells.columns, cells.rows);
  return cellRows(cells)
    .map(({ box, pixels }) => image(box, Uint8ClampedArray.from(pixels), cells.columns, 1))
    .join("");
}

function ribbonToSvg(ribbon: Ribbon, defs: string[], opacity: string): string {
  const { from, to, stops } = ribbon;
  const { bend, top, bottom } = ribbonEdges(ribbon);
  const fill = define(defs, (id) => {
    const colors = stops.map(
      ([offset, color, alpha]) =>
        `<stop offset="${round(offset)}" stop-color="${paint(color)}" stop-opacity="${round(alpha)}"/>`,
    );
    const ends = `x1="${round(from.x)}" x2="${round(to.x)}" y1="0" y2="0"`;
    return `<linearGradient id="${id}" gradientUnits="userSpaceOnUse" ${ends}>${colors.join("")}</linearGradient>`;
  });
  const path =
    `M${pair(from.x, top[0])}C${pair(from.x + bend, top[0])} ${pair(to.x - bend, top[1])} ${pair(to.x, top[1])}` +
    `L${pair(to.x, bottom[1])}` +
    `C${pair(to.x - bend, bottom[1])} ${pair(from.x + bend, bottom[0])} ${pair(from.x, bottom[0])}Z`;
  return `<path d="${path}" fill="url(#${fill})"${opacity}/>`;
}

function lineToSvg(line: Line, defs: string[], opacity: string): string {
  const [start] = line.points;
  if (!start) return "";
  let path = `M${pair(...start)}`;
  let here: readonly [number, number] = start;
  for (const { corner, radius, to } of linePieces(line)) {
    if (corner) {
      const length = Math.hypot(corner[0] - here[0], corner[1] - here[1]) || 1;
      const before = 1 - radius / length;
      path += `L${pair(here[0] + (corner[0] - here[0]) * before, here[1] + (corner[1] - here[1]) * before)}`;
      path += `Q${pair(...corner)} ${pair(...to)}`;
    } else path += `L${pair(...to)}`;
    here = to;
  }
  const dash = line.dash ? ` stroke-dasharray="${line.dash.join(" ")}"` : "";
  const color = line.toColor ? `url(#${lineGradient(line, line.toColor, defs)})` : paint(line.color);
  return `<path d="${path}" fill="none" stroke="${color}" stroke-width="${line.width}"${dash}${opacity}/>`;
}

function lineGradient({ points, color }: Line, toColor: Rgb, defs: string[]): string {
  const xs = points.map(([x]) => x);
  const ends = `x1="${round(Math.min(...xs))}" x2="${round(Math.max(...xs))}" y1="0" y2="0"`;
  return define(
    defs,
    (id) =>
      `<linearGradient id="${id}" gradientUnits="userSpaceOnUse" ${ends}><stop stop-color="${paint(color)}"/>` +
      `<stop offset="1" stop-color="${paint(toColor)}"/></linearGradient>`,
  );
}

function image(box: Box, pixels: Uint8ClampedArray, columns: number, rows: number): string {
  return (
    `<image x="${round(box.x)}" y="${round(box.y)}" width="${round(box.width)}" height="${round(box.height)}" ` +
    `preserveAspectRatio="none" image-rendering="pixelated" href="${pngUrl(pixels, columns, rows)}"/>`
  );
}

function define(defs: string[], write: (id: string) => string): string {
  const id = `d${defs.length}`;
  defs.push(write(id));
  return id;
}

function rect({ x, y, width, height }: Box, rest = ""): string {
  return `<rect x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}"${rest}/>`;
}

function stroke(color: Rgb | undefined, width = 1): string {
  return color ? ` stroke="${paint(color)}" stroke-width="${width}"` : "";
}

/** Editors of SVG read `rgb(1, 2, 3)`; not all read CSS's newer form without commas. */
function paint(color: Rgb): string {
  return toCss(color).replaceAll(" ", ", ");
}

function pair(x: number, y: number): string {
  return `${round(x)},${round(y)}`;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

const ESCAPES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;" };

function escaped(text: string): string {
  return [...text].map((sign) => (isXml(sign) ? (ESCAPES[sign] ?? sign) : "\ufffd")).join("");
}

/** XML has no place for control characters, escaped or not. */
function isXml(sign: string): boolean {
  const code = sign.codePointAt(0) ?? 0;
  if (code >= 0xd800 && code <= 0xdfff) return false;
  return code >= 0x20 ? code !== 0xfffe && code !== 0xffff : code === 0x09 || code === 0x0a || code === 0x0d;
}
