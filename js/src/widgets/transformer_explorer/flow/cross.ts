/** Attention to the encoder, where there is one: weights of the current head over what the encoder read. */
import type { Box } from "../../../lib/scene";
import { mixed } from "../../../lib/roles";
import type { Layout, Matrix } from "./layout";
import type { Pattern } from "./pattern";
import { inks } from "../../../lib/inks";
import type { Pen } from "./pen";
import { weightMarks } from "./weights";

/** What is known of the encoder's side. */
export interface Cross {
  /** How many tokens the encoder read; null while that is not known. */
  keys: number | null;
  /** Weights of the current head, of the lanes in sight. */
  pattern: Pattern | null;
}

export const NO_CROSS: Cross = { keys: null, pattern: null };

/** A narrower column shows that there is attention, and no weights. */
const WEIGHTS_FROM = 34;
const INSET = 7;
/** Above and below the lanes. */
const AROUND = 3;

/** Columns of the weights, one for each of the encoder's tokens; null where there is no room for them. */
export function crossMatrix({ columns }: Layout, keys: number | null): Matrix | null {
  const column = columns.get("cross");
  if (!column || !keys || column.width < WEIGHTS_FROM) return null;
  const width = column.width - 2 * INSET;
  return { x: column.x + INSET, width, columns: keys, cell: width / keys, labels: "none" };
}

/** The ground of the segment, around all lanes. */
export function crossBox({ columns, lanes, height }: Layout): Box | null {
  const column = columns.get("cross");
  if (!column) return null;
  const bottom = Math.min(height - 2, lanes.y + lanes.height + AROUND);
  return { x: column.x, y: lanes.y - AROUND, width: column.width, height: bottom - lanes.y + AROUND };
}

/** The ground behind the lanes' weights. */
export function crossGround(pen: Pen): void {
  const box = crossBox(pen.subject.layout);
  if (!box) return;
  const { paper } = inks(pen.subject.theme);
  const { faint, pale } = pen.hue("attention");
  pen.card.push({
    kind: "card",
    ...box,
    radius: Math.min(10, box.width / 2),
    fill: mixed(paper, faint, 0.8),
    stroke: pale,
    shadow: 0,
    about: { kind: "encoder" },
  });
}

/** Weights of the lanes in sight. */
export function crossMarks(pen: Pen, pattern: Pattern | null, keys: number | null): void {
  const matrix = crossMatrix(pen.subject.layout, keys);
  if (!matrix || !pattern || !keys) return;
  const [first] = pen.subject.layout.visible;
  weightMarks(pen, matrix, pattern, {
    causal: false,
    about: (cells) => ({ kind: "cross", first, keys, cells }),
  });
}
