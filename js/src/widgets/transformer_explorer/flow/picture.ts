/** The picture of a forward pass through one block: measured numbers in, marks out. */
import type { Theme } from "../../../lib";
import type { Box, Scene } from "../../../lib/scene";
import type { Edit, ModelFacts, TokenFacts } from "../protocol";
import type { About } from "./about";
import { attentionMarks } from "./attention";
import { captionMarks, nameMarks } from "./captions";
import { headName } from "../names";
import { cardMarks } from "./card";
import { crossGround, crossMarks } from "./cross";
import type { FlowData } from "./data";
import { barBox, type Layout } from "./layout";
import type { Pattern } from "./pattern";
import { inks } from "../../../lib/inks";
import { type Marks, Pen } from "./pen";
import { Lane } from "./stream";
import { textWidth } from "../../../lib/text-width";

/** What does not depend on the head: most of the picture. */
export interface Ground {
  data: FlowData;
  layout: Layout;
  model: ModelFacts;
  tokens: readonly TokenFacts[];
  /** Their texts as they read. */
  names: readonly string[];
  position: number;
  edits: readonly Edit[];
  theme: Theme;
  /** How many tokens an encoder read; null where there is none, or while that is not known. */
  encoder: number | null;
}

export interface Picture extends Ground {
  pattern: Pattern | null;
  /** Weights over the encoder's tokens. */
  cross: Pattern | null;
  head: number;
}

/** Marks of the ground; they stay the same from head to head, and so do not have to be drawn again. */
export interface GroundMarks {
  ribbons: Marks;
  /** Bars, points and words over whatever the head draws. */
  over: Marks;
  words: Marks;
}

export function flowScene(picture: Picture, ground: GroundMarks = groundMarks(picture)): Scene<About> {
  const { layout, model, names, theme } = picture;
  const pen = penOf(picture, picture.head);
  for (const lane of lanesToDraw(picture)) new Lane(pen, lane).drawHead();
  attentionMarks(pen, picture.pattern, names);
  crossGround(pen);
  crossMarks(pen, picture.cross, picture.encoder);
  if (model.rotary) rotaryMarks(pen);
  return {
    width: layout.width,
    height: layout.height,
    paper: inks(theme).paper,
    layers: [
      { clip: layout.lanes, marks: ground.ribbons, lasting: true },
      { clip: layout.lanes, marks: pen.threads },
      { clip: null, marks: [...cardMarks(pen, names), ...pen.card] },
      { clip: layout.lanes, marks: pen.front },
      { clip: layout.lanes, marks: ground.over, lasting: true },
      { clip: layout.lanes, marks: pen.slices },
      { clip: null, marks: ground.words },
      { clip: null, marks: editMarks(pen, picture) },
    ],
  };
}

export function groundMarks(picture: Ground): GroundMarks {
  const { model, tokens } = picture;
  // No head is meant here, and none of these marks shows one.
  const pen = penOf(picture, 0);
  for (const lane of lanesToDraw(picture)) new Lane(pen, lane).draw();
  return {
    ribbons: pen.back,
    over: [...pen.streams, ...nameMarks(pen, tokens)],
    words: [...captionMarks(pen, model, editCaptions(picture), picture.encoder), ...moreMarks(pen, model)],
  };
}

function penOf({ data, layout, theme, position, model }: Ground, head: number): Pen {
  const { heads, kv_heads: kvHeads, causal } = model;
  const name = headName(model, data.facts.block, head);
  return new Pen({ data, layout, theme, head, headName: name, position, heads, kvHeads, causal });
}

/** Lanes in sight; and the selected one even out of it, since its way to the list is seen. */
function lanesToDraw({ layout, position, data }: Ground): number[] {
  const order = lanesInOrder(layout.visible, position);
  return order.includes(position) || position >= data.tokens ? order : [...order, position];
}

/** Lanes in sight, the selected one last and so in front. */
function lanesInOrder([first, stop]: readonly [number, number], position: number): number[] {
  const lanes = Array.from({ length: Math.max(0, stop - first) }, (_, at) => first + at);
  return [...lanes.filter((lane) => lane !== position), ...lanes.filter((lane) => lane === position)];
}

/** Lower lanes have no room for a mark each. */
const ROTARY_FROM = 44;

/** Queries and keys are turned by their position on the way to the card. */
function rotaryMarks(pen: Pen): void {
  const { layout } = pen.subject;
  const column = layout.columns.get("lattice");
  if (!column) return;
  for (let lane = layout.visible[0]; lane < layout.visible[1]; lane++) {
    // Where lanes are low the marks would touch: the selected lane speaks for all.
    if (layout.pitch < ROTARY_FROM && lane !== pen.subject.position) continue;
    for (const stage of ["attn.q", "attn.k"] as const) {
      const box = pen.slice(stage, lane);
      if (!box) continue;
      const { ink } = pen.hue(stage === "attn.q" ? "query" : "key");
      const radius = Math.min(4.5, Math.max(2, layout.pitch / 14));
      const [x, y] = [box.x + box.width + radius + 5, box.y + box.height / 2];
      const about: About = { kind: "rotary", stage, lane };
      const opacity = 0.5 + 0.5 * pen.strength(lane);
      pen.front.push({ kind: "dot", x, y, radius: radius + 1, fill: inks(pen.subject.theme).paper, about });
      pen.front.push({ kind: "line", points: arc(x, y, radius), corner: 0, width: 1.2, color: ink, opacity });
      pen.front.push({ kind: "dot", x: x + radius, y: y - radius * 0.25, radius: 1.3, fill: ink, opacity });
    }
  }
}

/** Most of a circle. */
function arc(x: number, y: number, radius: number): [number, number][] {
  return Array.from({ length: 13 }, (_, at) => {
    const angle = (-0.05 + (at / 12) * 0.82) * 2 * Math.PI;
    return [x + radius * Math.cos(angle), y + radius * Math.sin(angle)];
  });
}

/** How many blocks the dissolving ribbons stand for. */
function moreMarks(pen: Pen, model: ModelFacts): Marks {
  const { layout, data, theme } = pen.subject;
  const { soft, ink, paper } = inks(theme);
  const before = data.facts.block;
  const after = model.blocks - 1 - before;
  const y = layout.lanes.y + layout.lanes.height / 2;
  const write = (column: string, count: number): Marks => {
    const box = layout.columns.get(column);
    if (!box || count < 1) return [];
    const x = box.x + box.width / 2;
    const common = { kind: "text", x, align: "middle" } as const;
    const words = count === 1 ? ["more", "block"] : ["more", "blocks"];
    const lines = box.width < 44 ? [] : [column === "entry" ? words[1] : words.join(" ")];
    if (column === "entry" && box.width >= 44) lines.push("before");
    const wide = Math.max(26, ...lines.map((text) => textWidth(text ?? "", 11) + 10));
    const halo = { x: x - wide / 2, y: y - 22, width: wide, height: 34 + lines.length * 14 };
    return [
      { kind: "card", ...halo, radius: 10, fill: paper, shadow: 0, opacity: 0.86 },
      { ...common, y: y - 9, text: String(count), size: 17, weight: 600, color: ink },
      ...lines.map((text, at) => ({
        ...common,
        y: y + 9 + at * 14,
        text: text ?? "",
        size: 11,
        weight: 400 as const,
        color: soft,
      })),
    ];
  };
  return [...write("entry", before), ...write("rest", after)];
}

/** What is done to a column, said above it. */
function editCaptions({ edits, data }: Ground): Map<string, string> {
  const said = new Map<string, string>();
  for (const edit of edits) {
    const stage = edit.on && edit.block === data.facts.block ? stageOf(edit) : null;
    if (!stage) continue;
    const column = ["attn.q", "attn.k", "attn.v"].includes(stage) ? "qkv" : stage;
    const word = edit.kind === "scale" ? `\u00d7 ${edit.factor ?? 1}` : edit.kind === "python" ? "changed" : edit.kind;
    said.set(column, said.has(column) ? "changed" : word);
  }
  return said;
}

/** Rings around what the interventions act on in this block. */
function editMarks(pen: Pen, { edits, data, layout, head }: Picture): Marks {
  const { base, ink } = pen.hue("change");
  const here = edits.filter((edit) => edit.on && edit.block === data.facts.block);
  const places = new Map<string, string[]>();
  for (const edit of here) {
    const stage = stageOf(edit);
    if (!stage) continue;
    const first = edit.position ?? layout.visible[0];
    const stop = edit.position === null || edit.position === undefined ? layout.visible[1] : first + 1;
    for (let lane = Math.max(first, layout.visible[0]); lane < Math.min(stop, layout.visible[1]); lane++) {
      const key = `${stage}\n${lane}\n${edit.part === "head" ? edit.head : ""}\n${edit.neuron ?? ""}`;
      places.set(key, [...(places.get(key) ?? []), edit.label ?? edit.kind]);
    }
  }
  const marks: Marks = [];
  for (const [key, labels] of places) {
    const [stage = "", lane = "0", chosen = "", neuron = ""] = key.split("\n");
    const box = barBox(layout, stage, Number(lane));
    if (!box) continue;
    const part = ringed(box, chosen, pen.subject.heads, neuron, data.facts.sizes[stage] ?? 1);
    const strong = chosen === "" || Number(chosen) === head;
    const about: About = { kind: "edited", labels };
    const ring = { x: part.x - 4, y: part.y - 2, width: part.width + 8, height: Math.max(4, part.height + 4) };
    marks.push({ kind: "card", ...ring, radius: 4, fill: base, opacity: strong ? 0.3 : 0.16, shadow: 0, about });
    marks.push({ kind: "line", points: around(ring), corner: 3, width: strong ? 1.5 : 1, color: ink });
  }
  return marks;
}

export function stageOf({ kind, part, site }: Edit): string | null {
  if (kind === "freeze") return "attn.z";
  if (part === "head") return "attn.z";
  if (part === "attention") return "attn_out";
  if (part === "mlp") return "mlp_out";
  if (part === "neuron") return "mlp.post";
  if (part === "position") return "resid_pre";
  return site ? site.replace(/^.*blocks\.\d+\./, "") : null;
}

function around({ x, y, width, height }: Box): [number, number][] {
  const [right, bottom] = [x + width, y + height];
  return [
    [x + width / 2, y],
    [right, y],
    [right, bottom],
    [x, bottom],
    [x, y],
    [x + width / 2, y],
  ];
}

/** The part of a bar that is acted on. */
function ringed(
  box: { x: number; y: number; width: number; height: number },
  head: string,
  heads: number,
  neuron: string,
  size: number,
) {
  if (head !== "") return { ...box, y: box.y + (Number(head) * box.height) / heads, height: box.height / heads };
  if (neuron !== "") return { ...box, y: box.y + (Number(neuron) * box.height) / size, height: 1 };
  return box;
}
