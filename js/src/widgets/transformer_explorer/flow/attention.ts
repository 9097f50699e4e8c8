/** Inside the card: key strokes run down the columns, query strokes along the rows, weights sit where they cross. */
import type { Box } from "../../../lib/scene";
import type { Layout, Matrix } from "./layout";
import type { Pattern } from "./pattern";
import type { Pen } from "./pen";
import { strandMarks } from "./strands";
import { elided, textWidth } from "../../../lib/text-width";
import { weightMarks } from "./weights";

const LATTICE_FROM = 9;
const NAME_SIZE = 11.5;

/** Strokes, weights and what is mixed from them, for the lanes in sight. */
export function attentionMarks(pen: Pen, pattern: Pattern | null, names: readonly string[]): void {
  const { layout } = pen.subject;
  if (!layout.card || !layout.matrix) return;
  const [first, stop] = layout.visible;
  behindCard(pen);
  for (let lane = first; lane < stop; lane++) {
    const name = queryName(pen, layout.matrix, lane, names[lane] ?? "");
    strokes(pen, layout, layout.matrix, lane, name);
  }
  if (!pattern) return;
  weightMarks(pen, layout.matrix, pattern, {
    causal: pen.subject.causal,
    about: (cells) => ({ kind: "pattern", first, keys: layout.tokens, cells }),
  });
  strandMarks(pen, pattern);
}

/** What the other heads do goes past behind the card. */
function behindCard(pen: Pen): void {
  const { layout } = pen.subject;
  const card = layout.card as Box;
  for (let lane = layout.visible[0]; lane < layout.visible[1]; lane++) {
    for (const stage of ["attn.q", "attn.k", "attn.v"] as const) {
      const box = pen.box(stage, lane);
      if (!box) continue;
      const role = stage === "attn.q" ? "query" : stage === "attn.k" ? "key" : "value";
      const width = pen.width(stage, lane, box.height);
      const from = { x: box.x + box.width, y: box.y + box.height / 2, width };
      pen.ribbon({
        from,
        to: { ...from, x: card.x + 10, width: width * 0.8 },
        roles: [role, role],
        stage,
        lane,
        way: "heads",
        target: "attn.z",
        strength: 0.55,
      });
    }
    const z = pen.box("attn.z", lane);
    if (!z || pen.subject.heads < 2) continue;
    const width = pen.width("attn.z", lane, z.height);
    const to = { x: z.x, y: z.y + z.height / 2, width };
    pen.ribbon({
      from: { ...to, x: card.x + card.width - 6 },
      to,
      roles: ["attention", "attention"],
      stage: "attn.z",
      lane,
      way: "heads",
      target: "attn.z",
      strength: 0.5,
    });
  }
}

/** A lane's key stroke bends into its column, its query stroke runs along its row. */
function strokes(pen: Pen, layout: Layout, matrix: Matrix, lane: number, rowFrom: number): void {
  const { causal, position } = pen.subject;
  const selected = lane === position;
  if (matrix.cell < LATTICE_FROM && !selected) return;
  const opacity = selected ? 0.95 : matrix.cell < 16 ? 0.3 : 0.5;
  const width = matrix.cell < 16 ? 1 : 1.5;
  const card = layout.card as Box;
  const y = layout.middle(lane);
  const query = pen.hue("query");
  const key = pen.hue("key");
  const purple = pen.hue("attention");
  const from = pen.slice("attn.q", lane);
  const start = (box: Box) => [box.x + box.width + 2, box.y + box.height / 2] as [number, number];
  const right = matrix.x + matrix.cell * (causal ? lane + 1 : matrix.columns) - matrix.cell / 2;
  if (from) {
    const [x, top] = start(from);
    pen.front.push({
      kind: "ribbon",
      from: { x, y: top, width },
      to: { x: card.x + 11, y, width },
      stops: [
        [0, query.ink, opacity * 0.75],
        [1, query.ink, opacity * 0.75],
      ],
    });
    pen.front.push({
      kind: "line",
      points: [
        [rowFrom, y],
        [right, y],
      ],
      corner: 0,
      width,
      color: query.ink,
      toColor: purple.base,
      opacity: opacity * 0.75,
    });
  }
  const keySlice = pen.slice("attn.k", lane);
  if (!keySlice) return;
  const [x, top] = start(keySlice);
  const level = y + Math.min(9, layout.pitch * 0.2);
  const column = matrix.x + (lane + 0.5) * matrix.cell;
  const end = causal ? layout.middle(layout.tokens - 1) : layout.middle(layout.tokens - 1);
  pen.front.push({
    kind: "ribbon",
    from: { x, y: top, width },
    to: { x: card.x + 12, y: level, width },
    stops: [
      [0, key.ink, opacity * 0.75],
      [1, key.ink, opacity * 0.75],
    ],
  });
  const corner = Math.min(14, matrix.cell * 0.45, layout.pitch * 0.3);
  const path = (to: number): [number, number][] => [
    [card.x + 12, level],
    [column, level],
    [column, to],
  ];
  if (end > level + 1)
    pen.front.push({ kind: "line", points: path(end), corner, width, color: key.ink, opacity: opacity * 0.6 });
  else
    pen.front.push({
      kind: "line",
      points: [
        [card.x + 12, level],
        [column - corner, level],
        [column, y],
      ],
      corner,
      width,
      color: key.ink,
      opacity: opacity * 0.6,
    });
  const above = layout.middle(0);
  if (!causal && above < level - 1)
    pen.front.push({
      kind: "line",
      points: path(above).slice(1),
      corner: 0,
      width,
      color: key.ink,
      opacity: opacity * 0.6,
    });
}

/** The query token at the beginning of its row; gives where it ends. */
function queryName(pen: Pen, matrix: Matrix, lane: number, name: string): number {
  const { layout, position } = pen.subject;
  const card = layout.card as Box;
  const x = card.x + 14;
  const room = matrix.x - x - 10;
  if (room < 30) return card.x + 12;
  const text = elided(name, room, NAME_SIZE);
  const common = { kind: "text", x, y: layout.middle(lane), size: NAME_SIZE, align: "start", text } as const;
  pen.front.push({ ...common, weight: lane === position ? 600 : 400, color: pen.hue("query").ink });
  return x + textWidth(text, NAME_SIZE) + 5;
}
