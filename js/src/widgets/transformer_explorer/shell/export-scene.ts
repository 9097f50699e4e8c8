/** The picture as a file that stands alone: with the title, the names of its parts and the list of probabilities. */
import type { Theme } from "../../../lib";
import { mixed, roleHue } from "../../../lib/roles";
import { type Box, type Mark, moved, type Scene, type Text } from "../../../lib/scene";
import type { Layout } from "../flow/layout";
import { inks } from "../../../lib/inks";
import { elided, textWidth } from "../../../lib/text-width";
import { spanOf, TITLE_SIZE, type Title } from "../flow/titles";

/** The words around the picture. */
export interface ExportTitles {
  /** Of the whole, and what is said below it. */
  title: string;
  facts: readonly string[];
  /** "Block 1", and the range it is out of. */
  block: readonly [name: string, range: string];
  /** Over the columns. */
  parts: readonly Title[];
  /** What the marks mean, below the picture. */
  notes: readonly string[];
}

/** The probabilities of the next token, likeliest first. */
export interface ExportList {
  /** After which token, and whose the columns are. */
  heading: readonly string[];
  rows: readonly { text: string; model: number; sampler: number | null; words: readonly string[] }[];
}

/** Heights above the picture: the title with what is below it, then the block's bracket. */
const HEAD_PX = 54;
const BLOCK_PX = 32;
const AROUND_PX = 16;
const NOTE_PX = 18;
const NOTE_SIZE = 11.5;
const ROW_PX = 20;
const LIST_HEAD_PX = 36;
/** Below the picture, where there is no room for the list beside it. */
const BELOW_WIDTH = 320;

/** The scene with all of its words, on a margin. */
export function exportScene(
  scene: Scene,
  layout: Layout,
  titles: ExportTitles,
  list: ExportList | null,
  theme: Theme,
): Scene {
  const [left, top] = [AROUND_PX, AROUND_PX + HEAD_PX + BLOCK_PX];
  const listHigh = list ? LIST_HEAD_PX + list.rows.length * ROW_PX : 0;
  const below = list && !layout.list ? listHigh + AROUND_PX : 0;
  const place = listBox(layout, listHigh);
  const picture = Math.max(scene.height, place.y + below);
  const notes = noteMarks(titles.notes, picture, scene.width, theme);
  const words = [
    ...notes,
    ...titleMarks(layout, titles, theme),
    ...blockMarks(layout, titles.block, theme),
    ...titles.parts.map((part) => partMark(layout, part, theme)),
    ...(list ? listMarks(list, place, theme) : []),
  ];
  return {
    width: scene.width + 2 * AROUND_PX,
    height: picture + notes.length * NOTE_PX + top + AROUND_PX,
    paper: scene.paper,
    layers: [
      ...scene.layers.map(({ clip, marks }) => ({
        clip: clip && { ...clip, x: clip.x + left, y: clip.y + top },
        marks: marks.map((mark) => moved(mark, left, top)),
      })),
      { clip: null, marks: words.map((mark) => moved(mark, left, top)) },
    ],
  };
}

function titleMarks(layout: Layout, { title, facts }: ExportTitles, theme: Theme): Mark[] {
  const { ink, soft } = inks(theme);
  const common = { kind: "text", x: 0, align: "start" } as const;
  const wide = layout.width;
  return [
    { ...common, y: 9 - HEAD_PX - BLOCK_PX, text: elided(title, wide, 16), size: 16, weight: 600, color: ink },
    {
      ...common,
      y: 30 - HEAD_PX - BLOCK_PX,
      text: elided(facts.join(" \u00b7 "), wide, 12),
      size: 12,
      weight: 400,
      color: soft,
    },
  ];
}

/** The notes in as few lines as hold them. */
function noteMarks(notes: readonly string[], y: number, width: number, theme: Theme): Mark[] {
  const lines: string[] = [];
  for (const note of notes) {
    const longer = lines.length > 0 ? `${lines[lines.length - 1]} \u00b7 ${note}` : note;
    if (lines.length > 0 && textWidth(longer, NOTE_SIZE) <= width) lines[lines.length - 1] = longer;
    else lines.push(note);
  }
  const common = { kind: "text", x: 0, size: NOTE_SIZE, weight: 400, align: "start" } as const;
  return lines.map((text, row) => ({
    ...common,
    y: y + (row + 0.5) * NOTE_PX,
    text: elided(text, width, NOTE_SIZE),
    color: inks(theme).soft,
  }));
}

/** The bracket over the block's columns, open where its name stands. */
function blockMarks(layout: Layout, [name, range]: ExportTitles["block"], theme: Theme): Mark[] {
  const span = spanOf(layout, ["resid_pre", "resid_post", "ln2.out"]);
  if (!span) return [];
  const { ink, soft, line } = inks(theme);
  const [left, right] = span;
  const wide = [textWidth(name, 13), range === "" ? 0 : textWidth(range, 13) + 5] as const;
  const start = (left + right - wide[0] - wide[1]) / 2;
  const y = 14 - BLOCK_PX;
  const side = (from: number, to: number): Mark => ({
    kind: "line",
    points: [
      [from, y + 8],
      [from, y],
      [to, y],
    ],
    corner: 6,
    width: 1,
    color: mixed(line, ink, 0.15),
  });
  // Both begin where they meet: widths are only about right.
  const common = { kind: "text", y, size: 13 } as const;
  const meet = start + wide[0];
  const marks: Mark[] = [
    side(left, Math.max(left, start - 12)),
    side(right, Math.min(right, start + wide[0] + wide[1] + 12)),
    range === ""
      ? { ...common, x: (left + right) / 2, align: "middle", text: name, weight: 600, color: ink }
      : { ...common, x: meet, align: "end", text: name, weight: 600, color: ink },
  ];
  if (range !== "") marks.push({ ...common, x: meet + 5, align: "start", text: range, weight: 400, color: soft });
  return marks;
}

function partMark({ lanes }: Layout, { text, x, width }: Title, theme: Theme): Text {
  return {
    kind: "text",
    x: x + width / 2,
    // Where the view has them: above the captions.
    y: lanes.y - 33,
    text,
    size: TITLE_SIZE,
    weight: 500,
    align: "middle",
    color: inks(theme).soft,
  };
}

/** Beside the lanes, in their middle as in the view; below them where there is no room. */
function listBox({ list, height, width }: Layout, high: number): Box {
  if (!list) return { x: 0, y: height + AROUND_PX, width: Math.min(BELOW_WIDTH, width), height: high };
  return { ...list, y: Math.max(0, (height - high) / 2), height: high };
}

/** Most of the list's width that the tokens take, and what a percentage takes. */
const TOKEN_PART = 0.36;
const PERCENT_PX = 48;

function listMarks({ heading, rows }: ExportList, box: Box, theme: Theme): Mark[] {
  const { ink, soft } = inks(theme);
  const columns = Math.max(1, ...rows.map(({ words }) => words.length));
  const token = box.x + box.width * TOKEN_PART;
  const right = box.x + box.width - 4;
  const bar = { x: token + 8, width: Math.max(8, right - columns * PERCENT_PX - token - 12) };
  const largest = Math.max(...rows.map(({ model, sampler }) => Math.max(model, sampler ?? 0)), 1e-9);
  const head = { kind: "text", x: right, size: 11.5, weight: 400, align: "end", color: soft } as const;
  const marks: Mark[] = heading.map((text, line) => ({
    ...head,
    y: box.y + LIST_HEAD_PX - 10 - 15 * (heading.length - 1 - line),
    text: elided(text, box.width - 4, 11.5),
  }));
  rows.forEach(({ text, model, sampler, words }, row) => {
    const y = box.y + LIST_HEAD_PX + (row + 0.5) * ROW_PX;
    const common = { kind: "text", y, size: 12.5, weight: 400, align: "end", color: ink } as const;
    marks.push({ ...common, x: token, text: elided(text, token - box.x, 12.5) });
    const shares = sampler === null ? [model] : [model, sampler];
    const high = 8 / shares.length;
    shares.forEach((share, at) => {
      const color = roleHue(at === 0 ? "residual" : "attention", theme).base;
      const place = { x: bar.x, y: y - 4 + at * high, width: (bar.width * share) / largest, height: high };
      if (share > 0) marks.push({ kind: "bar", ...place, colors: [color], radius: 1 });
    });
    const said = words.map((text, at) => ({ ...common, x: right - (columns - 1 - at) * PERCENT_PX, text, size: 12 }));
    marks.push(...said);
  });
  return marks;
}
