/** The card of the current head, with the others behind it and the key tokens above its columns. */
import type { Rgb, Theme } from "../../../lib";
import { mixed } from "../../../lib/roles";
import type { Box } from "../../../lib/scene";
import { withName } from "../names";
import { rangeOf } from "./counting";
import { CARD_HEAD, type Matrix } from "./layout";
import { inks } from "../../../lib/inks";
import type { Marks, Pen, Subject } from "./pen";
import { elided, textWidth } from "../../../lib/text-width";

/** Cards drawn behind the front one, at most. */
const BEHIND = 5;

export function cardMarks(pen: Pen, names: readonly string[]): Marks {
  const { layout, theme, heads } = pen.subject;
  const { card, matrix } = layout;
  if (!card || !matrix) return [];
  const { ink, soft } = inks(theme);
  const dark = theme === "dark";
  const { fill, stroke } = cardColors(theme);
  const marks: Marks = [];
  const behind = Math.min(BEHIND, heads - 1);
  const step = Math.min(5, (layout.columns.get("mix")?.width ?? 30) / 9);
  for (let at = behind; at > 0; at--) {
    const box = { x: card.x + at * step, y: card.y + at * 3, width: card.width, height: card.height - at * 1 };
    marks.push({ kind: "card", ...box, radius: 12, fill, stroke, shadow: 0, opacity: 1 - at / (behind + 2) });
  }
  marks.push({ kind: "card", ...card, radius: 12, fill, stroke, shadow: dark ? 0 : 12, about: { kind: "card" } });
  marks.push(...headTitle(card, pen.subject, { ink, soft }));
  marks.push(...keyNames(pen, matrix, names, soft));
  return marks;
}

const TITLE = 12.5;
const RANGE = 11.5;

/** What the buttons to the heads before and after take on either side. */
const STEPS = 27;

/** The longest words that have room. */
function titleFor(room: number, head: number, heads: number, name: string): readonly [title: string, range: string] {
  const range = rangeOf(heads);
  const fitted = (words: string) => elided(withName(words, name), room, TITLE);
  if (heads === 1) return [name === "" ? "Attention" : fitted("Attention:"), ""];
  if (name !== "") return [fitted(`Head ${head}`), ""];
  const wishes = [
    [`Attention, head ${head}`, range],
    [`Head ${head}`, range],
    [`Head ${head}`, ""],
    [String(head), ""],
  ] as const;
  const fits = wishes.find(([title, more]) => textWidth(title, TITLE) + textWidth(more, RANGE) + 4 <= room);
  return fits ?? [String(head), ""];
}

/** Which head it is, and out of how many: they count from 0. */
function headTitle(
  { x, y, width }: Box,
  { head, heads, headName }: Pick<Subject, "head" | "heads" | "headName">,
  { ink, soft }: { ink: Rgb; soft: Rgb },
): Marks {
  const [title, range] = titleFor(width - 2 * STEPS, head, heads, headName);
  const [wide, more] = [textWidth(title, TITLE), range ? textWidth(range, RANGE) + 4 : 0];
  const left = x + (width - wide - more) / 2;
  const common = { kind: "text", y: y + CARD_HEAD / 2 + 1 } as const;
  return [
    { ...common, x: left + wide, text: title, size: TITLE, weight: 600, align: "end", color: ink },
    { ...common, x: left + wide + 4, text: range, size: RANGE, weight: 400, align: "start", color: soft },
  ].filter(({ text }) => text !== "") as Marks;
}

/** The ground of the card and its edge. */
export function cardColors(theme: Theme): { fill: Rgb; stroke: Rgb } {
  const { paper, line } = inks(theme);
  if (theme === "light") return { fill: paper, stroke: mixed(line, [0, 0, 0], 0.05) };
  return { fill: mixed(paper, [255, 255, 255], 0.035), stroke: mixed(line, [255, 255, 255], 0.08) };
}

/** The key tokens above their columns. */
function keyNames(pen: Pen, matrix: Matrix, names: readonly string[], soft: readonly [number, number, number]): Marks {
  if (matrix.labels === "none") return [];
  const { layout, position } = pen.subject;
  const bottom = layout.lanes.y - 5;
  const { ink } = pen.hue("key");
  return names.map((name, key) => {
    const shown = key <= position || !pen.subject.causal;
    const common = {
      kind: "text",
      text: "",
      size: 11,
      weight: 400,
      color: shown ? ink : soft,
      opacity: shown ? 1 : 0.6,
    } as const;
    const x = matrix.x + (key + 0.5) * matrix.cell;
    return matrix.labels === "level"
      ? { ...common, x, y: bottom - 5, align: "middle", text: elided(name, matrix.cell - 6, 11) }
      : { ...common, x, y: bottom, align: "start", turn: -90, text: elided(name, 54, 11) };
  });
}
