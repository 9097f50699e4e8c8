/** A card as marks, from its own corner. */
import { contrast, inkOn, mixed, type Rgb, type Role, roleHue, type Theme } from "../../../lib";
import type { Box, Mark } from "../../../lib/scene";
import { inks } from "../../../lib/inks";
import { elided } from "../../../lib/text-width";
import type { NodeFacts, Shown } from "../protocol";
import { type CardFacts, type CardLayout, CHIP_SIZE, chipText, LABELLED_CELL, NAME_SIZE, SMALL_SIZE } from "./card";

/** How a cell of a selector is: off, on, or on in one operand only of a selector that puts two together. */
export type CellState = 0 | 1 | 2 | 3;

/** What a card looks like besides its facts. */
export interface CardLook {
  theme: Theme;
  /** The colour of each chip; null for an absent value. */
  colors: readonly (Rgb | null)[];
  /** Positions where the model's value is not the interpreter's. */
  wrong: readonly number[];
  /** Of a selector, one state for each cell, query by query; null before they are known. */
  cells: Uint8Array | null;
  output: boolean;
  ablated: boolean;
  /** Whether its half-layer is done; before that it has no values. */
  done: boolean;
  /** Too small to read: the name large, values as colours only. */
  far: boolean;
}

/** The hue of what computes a node. */
export function roleOfNode({ half, kind, selector }: NodeFacts): Role {
  if (selector || half === "attention" || kind === "selector_width") return "attention";
  return half === "embedding" ? "residual" : "mlp";
}

export function surface(theme: Theme): Rgb {
  return theme === "dark" ? [30, 33, 40] : [255, 255, 255];
}

export function cardMarks(facts: CardFacts, layout: CardLayout, look: CardLook): Mark[] {
  const { node } = facts;
  const { theme } = look;
  const hue = roleHue(roleOfNode(node), theme);
  const marks: Mark[] = [ground(node, layout, look), stripe(layout, hue.base)];
  if (look.far) return [...marks, ...farMarks(facts, layout, look)];
  const { ink, soft } = inks(theme);
  const common = { kind: "text", align: "start" } as const;
  const x = 10;
  const right = layout.width - 9;
  // A label that the writer did not give is quieter.
  const name = node.named ? ({ weight: 600, color: ink } as const) : ({ weight: 500, color: soft } as const);
  marks.push({ ...common, x, y: 17, text: layout.name, size: NAME_SIZE, ...name });
  if (layout.kind !== "") {
    marks.push({
      ...common,
      align: "end",
      x: right,
      y: 17,
      text: layout.kind,
      size: SMALL_SIZE,
      weight: 500,
      color: hue.ink,
    });
  }
  if (layout.text !== "") {
    marks.push({ ...common, x, y: layout.textY + 5, text: layout.text, size: SMALL_SIZE, weight: 400, color: soft });
  }
  if (facts.folded > 0) {
    const text = `+ ${facts.folded} folded`;
    marks.push({ ...common, x, y: layout.foldedY, text, size: SMALL_SIZE, weight: 400, color: soft });
  }
  marks.push(...(layout.grid ? gridMarks(facts, layout, look) : chipMarks(facts, layout, look)));
  return marks;
}

function ground(node: NodeFacts, { width, height }: CardLayout, look: CardLook): Mark {
  const { line, soft } = inks(look.theme);
  const fused = node.place === "fused";
  const stroke = look.ablated
    ? roleHue("change", look.theme).ink
    : look.output
      ? roleHue("value", look.theme).ink
      : mixed(line, soft, fused ? 0.12 : 0.35);
  return {
    kind: "card",
    x: 0,
    y: 0,
    width,
    height,
    radius: 8,
    fill: look.ablated ? roleHue("change", look.theme).faint : surface(look.theme),
    stroke,
    strokeWidth: look.output || look.ablated ? 1.75 : 1,
    shadow: fused ? 0 : 3,
  };
}

function stripe({ height }: CardLayout, color: Rgb): Mark {
  return { kind: "card", x: 0, y: 8, width: 3, height: height - 16, radius: 1.5, fill: color, shadow: 0 };
}

function chipMarks({ values }: CardFacts, { chips }: CardLayout, look: CardLook): Mark[] {
  return chips.flatMap((chip, at) =>
    chipMark(chip, values[at], look.colors[at] ?? null, look.wrong.includes(at), look),
  );
}

function chipMark(chip: Box, value: Shown | undefined, color: Rgb | null, wrong: boolean, look: CardLook): Mark[] {
  const { line, soft } = inks(look.theme);
  const empty = value === undefined || !look.done;
  const fill = empty || value === null || color === null ? surface(look.theme) : color;
  const stroke = empty || value === null ? { stroke: line, strokeWidth: 1 } : {};
  const marks: Mark[] = [{ kind: "card", ...chip, radius: 5, fill, shadow: 0, ...stroke }];
  if (empty) return marks;
  const text = chipText(value, chip.width);
  const middle = { x: chip.x + chip.width / 2, y: chip.y + chip.height / 2 + 0.5 };
  marks.push({
    kind: "text",
    ...middle,
    text,
    size: CHIP_SIZE,
    weight: 500,
    align: "middle",
    color: value === null ? soft : inkOver(fill, look.theme),
  });
  if (wrong) {
    const bad: Rgb = look.theme === "dark" ? [245, 154, 146] : [180, 35, 24];
    const y = chip.y + chip.height + 1.5;
    const points: [number, number][] = [
      [chip.x + 3, y],
      [chip.x + chip.width - 3, y],
    ];
    marks.push({ kind: "line", points, corner: 0, width: 2.5, color: bad });
  }
  return marks;
}

/** The ink of the theme where it can be read, else what can. */
function inkOver(fill: Rgb, theme: Theme): Rgb {
  const { ink } = inks(theme);
  return contrast(ink, fill) >= 4.5 ? ink : inkOn(fill);
}

/** On: strong; on in the first or the second operand only: their hues, pale; off: the ground. */
export function cellColors(theme: Theme): readonly [Rgb, Rgb, Rgb, Rgb] {
  const dark = theme === "dark";
  return [
    dark ? [42, 46, 56] : [241, 242, 247],
    dark ? [164, 128, 245] : [122, 69, 214],
    roleHue("query", theme).pale,
    roleHue("key", theme).pale,
  ];
}

export function cellPixels(cells: Uint8Array, theme: Theme): Uint8ClampedArray<ArrayBuffer> {
  const colors = cellColors(theme);
  const pixels = new Uint8ClampedArray(4 * cells.length);
  cells.forEach((state, at) => {
    pixels.set([...(colors[state as CellState] ?? colors[0]), 255], 4 * at);
  });
  return pixels;
}

function gridMarks({ positions, keys, queries }: CardFacts, layout: CardLayout, look: CardLook): Mark[] {
  const { grid, cell, turned } = layout;
  if (!grid) return [];
  const blank = new Uint8Array(positions * positions);
  const cells = look.done ? (look.cells ?? blank) : blank;
  const marks: Mark[] = [
    { kind: "cells", ...grid, rows: positions, columns: positions, pixels: cellPixels(cells, look.theme) },
  ];
  if (cell >= 5) marks.push(...gridLines(grid, positions, cell, surface(look.theme)));
  if (cell < LABELLED_CELL || !look.done) return marks;
  const common = { kind: "text", size: 10, weight: 400 } as const;
  const [keyInk, queryInk] = [roleHue("key", look.theme).ink, roleHue("query", look.theme).ink];
  keys.forEach((key, at) => {
    const x = grid.x + (at + 0.5) * cell;
    const text = elided(key ?? "\u2013", 34, 10);
    const y = grid.y - (turned ? 3 : 8);
    marks.push({
      ...common,
      x,
      y,
      text,
      align: turned ? "start" : "middle",
      color: keyInk,
      ...(turned && { turn: -90 }),
    });
  });
  queries.forEach((query, at) => {
    const y = grid.y + (at + 0.5) * cell + 0.5;
    marks.push({ ...common, x: grid.x - 5, y, text: elided(query ?? "\u2013", 34, 10), align: "end", color: queryInk });
  });
  return marks;
}

function gridLines(grid: Box, positions: number, cell: number, color: Rgb): Mark[] {
  return Array.from({ length: positions - 1 }, (_, at) => at + 1).flatMap((at): Mark[] => {
    const [x, y] = [grid.x + at * cell, grid.y + at * cell];
    const common = { kind: "line", corner: 0, width: 1, color } as const;
    return [
      {
        ...common,
        points: [
          [x, grid.y],
          [x, grid.y + grid.height],
        ],
      },
      {
        ...common,
        points: [
          [grid.x, y],
          [grid.x + grid.width, y],
        ],
      },
    ];
  });
}

/** What can be seen of a small card: a large name over its values' colours. */
function farMarks({ node, positions }: CardFacts, layout: CardLayout, look: CardLook): Mark[] {
  const { ink } = inks(look.theme);
  const size = 21;
  const text = elided(node.label, layout.width - 20, size);
  const marks: Mark[] = [{ kind: "text", x: 10, y: 21, text, size, weight: 600, align: "start", color: ink }];
  if (layout.grid && look.cells && look.done) {
    const pixels = cellPixels(look.cells, look.theme);
    marks.push({ kind: "cells", ...layout.grid, rows: positions, columns: positions, pixels });
  }
  if (!look.done) return marks;
  layout.chips.forEach((chip, at) => {
    const fill = look.colors[at];
    if (fill) marks.push({ kind: "card", ...chip, radius: 4, fill, shadow: 0 });
  });
  return marks;
}
