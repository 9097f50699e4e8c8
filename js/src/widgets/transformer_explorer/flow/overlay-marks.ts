/** What lies over the picture while something is pointed at: rings, and the words of a pair. */
import { spokenText } from "../../../lib";
import type { Scene, Text } from "../../../lib/scene";
import type { Hit } from "../../../lib/scene-hit";
import type { TokenFacts } from "../protocol";
import type { About } from "./about";
import type { Hint } from "./hints";
import { focusBox } from "./focus";
import { inks } from "../../../lib/inks";
import type { Marks } from "./pen";
import type { Layout } from "./layout";
import { elided, textWidth } from "../../../lib/text-width";
import { roleHue, type Role } from "../../../lib/roles";
import type { Theme } from "../../../lib";

interface Pointing {
  layout: Layout;
  theme: Theme;
  tokens: readonly TokenFacts[];
  hit: Hit<About> | null;
  hint: Hint | null;
  /** A lane pointed at in another part of the view. */
  lane: number | null;
  focus: { stage: string; lane: number } | null;
}

export function overlayScene({ layout, theme, tokens, hit, hint, lane, focus }: Pointing): Scene {
  const marks: Marks = [];
  const inner: Marks = [];
  const { ink } = inks(theme);
  const pointed = hint?.lane ?? lane;
  if (pointed !== null && pointed !== undefined && !hint?.pair)
    inner.push(...wordMark(layout, theme, tokens, pointed, "residual"));
  if (hint?.pair) {
    const [query, key] = hint.pair;
    inner.push(...wordMark(layout, theme, tokens, query, "query"), ...wordMark(layout, theme, tokens, key, "key"));
    if (layout.matrix && hit?.about.kind === "pattern") inner.push(...cross(layout, theme, query, key));
  }
  if (hit && (hit.mark.kind === "bar" || hit.mark.kind === "dot")) inner.push(...ring(hit, ink));
  if (hit?.mark.kind === "text" && hit.about.kind === "term" && hint) marks.push(...underline(hit.mark, ink));
  if (hit?.mark.kind === "ribbon")
    inner.push({
      ...hit.mark,
      stops: hit.mark.stops.map(([at, color, alpha]) => [at, color, Math.min(1, alpha + 0.3)] as const),
      opacity: 0.9,
    });
  const box = focus && focusBox(layout, focus.stage, focus.lane);
  if (box) {
    const { ink: accent } = roleHue("attention", theme);
    for (const [dx, width] of [[4, 2]] as const) {
      const around = { x: box.x - dx, y: box.y - dx, width: box.width + 2 * dx, height: box.height + 2 * dx };
      inner.push(...outline(around, accent, width));
    }
  }
  return {
    width: layout.width,
    height: layout.height,
    paper: inks(theme).paper,
    layers: [
      { clip: layout.lanes, marks: inner },
      { clip: null, marks },
    ],
  };
}

/** Dots below a word that can be asked about. */
function underline({ x, y, text, size, align }: Text<About>, color: readonly [number, number, number]): Marks {
  const wide = textWidth(text, size);
  const left = align === "start" ? x : align === "end" ? x - wide : x - wide / 2;
  const points = [
    [left, y + size * 0.62],
    [left + wide, y + size * 0.62],
  ] as [number, number][];
  return [{ kind: "line", points, corner: 0, width: 1, color, dash: [1.5, 2.5] }];
}

/** A lane's token as a chip over its label. */
function wordMark(layout: Layout, theme: Theme, tokens: readonly TokenFacts[], lane: number, role: Role): Marks {
  const column = layout.columns.get("labels");
  if (!column) return [];
  const { faint, ink } = roleHue(role, theme);
  const text = elided(spokenText(tokens[lane]?.text ?? ""), column.width - 18, 13);
  const width = textWidth(text, 13) + 14;
  const right = column.x + column.width - 12;
  const y = layout.middle(lane);
  const height = Math.min(24, layout.pitch - 2);
  return [
    {
      kind: "card",
      x: right + 7 - width,
      y: y - height / 2,
      width,
      height,
      radius: 6,
      fill: faint,
      stroke: ink,
      strokeWidth: 1,
      shadow: 0,
    },
    { kind: "text", x: right, y, text, size: 13, weight: 600, align: "end", color: ink },
  ];
}

/** Row and column of a weight. */
function cross(layout: Layout, theme: Theme, query: number, key: number): Marks {
  const { matrix, pitch } = layout;
  if (!matrix) return [];
  const { ink } = inks(theme);
  const cell = {
    x: matrix.x + key * matrix.cell,
    y: layout.middle(query) - pitch * 0.42,
    width: Math.max(2, matrix.cell),
    height: pitch * 0.84,
  };
  const size = Math.min(cell.width, cell.height, 34);
  if (matrix.cell >= 6.5)
    return [
      {
        kind: "dot",
        x: cell.x + cell.width / 2,
        y: cell.y + cell.height / 2,
        radius: size / 2,
        fill: null,
        stroke: ink,
        strokeWidth: 1.5,
      },
    ];
  return outline(cell, ink, 1.5);
}

function ring({ mark, row }: Hit<About>, ink: readonly [number, number, number]): Marks {
  if (mark.kind === "dot")
    return [{ kind: "dot", x: mark.x, y: mark.y, radius: mark.radius + 3, fill: null, stroke: ink, strokeWidth: 1.5 }];
  if (mark.kind !== "bar") return [];
  const height = mark.height / mark.colors.length;
  const bin = { x: mark.x - 4, y: mark.y + row * height - 1, width: mark.width + 8, height: Math.max(3, height + 2) };
  return [
    ...outline({ x: mark.x - 2, y: mark.y - 2, width: mark.width + 4, height: mark.height + 4 }, ink, 1),
    ...outline(bin, ink, 1.5),
  ];
}

function outline(
  { x, y, width, height }: { x: number; y: number; width: number; height: number },
  color: readonly [number, number, number],
  stroke: number,
): Marks {
  const points = [
    [x, y],
    [x + width, y],
    [x + width, y + height],
    [x, y + height],
    [x, y],
  ] as [number, number][];
  return [{ kind: "line", points, corner: 0, width: stroke, color }];
}
