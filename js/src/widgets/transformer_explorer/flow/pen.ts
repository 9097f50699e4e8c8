/** Draws vectors, and what leads from one to the next, in the picture's one manner. */
import type { Rgb } from "../../../lib";
import { inks } from "../../../lib/inks";
import { type Hue, mixed, type Role, roleHue } from "../../../lib/roles";
import type { Box, Mark, Ribbon } from "../../../lib/scene";
import type { Theme } from "../../../lib";
import type { About, Way } from "./about";
import { type FlowData, roleOf } from "./data";
import { barBox, headSlice, type Layout } from "./layout";
import { stripeColors } from "./stripe-colors";

export type Marks = Mark<About>[];

/** All that the parts of the picture are drawn from. */
export interface Subject {
  data: FlowData;
  layout: Layout;
  theme: Theme;
  head: number;
  /** What the model calls it; empty for nothing. */
  headName: string;
  heads: number;
  kvHeads: number;
  /** Whether a position sees none after it. */
  causal: boolean;
  /** The selected lane. */
  position: number;
}

const QUIET = 0.5;
/** A ribbon is never narrower, or the way would be lost. */
const LEAST_WIDTH = 1.25;

export class Pen {
  /** Ribbons, which do not depend on the head. */
  readonly back: Marks = [];
  /** Bars and points over the ribbons, which do not either. */
  readonly streams: Marks = [];
  /** The current head's part of the ribbons. */
  readonly threads: Marks = [];
  /** Grounds of attention. */
  readonly card: Marks = [];
  /** What lies on them. */
  readonly front: Marks = [];
  /** The current head's part of the bars. */
  readonly slices: Marks = [];
  readonly subject: Subject;

  constructor(subject: Subject) {
    this.subject = subject;
  }

  hue(role: Role): Hue {
    return roleHue(role, this.subject.theme);
  }

  /** How strongly a lane is drawn. */
  strength(lane: number): number {
    return lane === this.subject.position ? 1 : QUIET;
  }

  /** How much of a stage's vector the interventions changed here, 0 to 1. */
  changed(stage: string, lane: number): number {
    const { data } = this.subject;
    return data.edited ? Math.min(1, data.change(stage, lane) / (data.norm(stage, lane) || 1)) : 0;
  }

  /** A role's colour, tinted by how much changed. */
  tinted(color: Rgb, stage: string, lane: number): Rgb {
    const changed = this.changed(stage, lane);
    return changed > 0 ? mixed(color, this.hue("change").base, Math.min(0.9, 0.25 + 0.65 * changed)) : color;
  }

  /** Width of a ribbon that carries a stage's norm, where a bar of that stage would be `height` high. */
  width(stage: string, lane: number, height = this.subject.layout.barHeight(stage)): number {
    const { share } = this.subject.data.share(stage, lane);
    return Math.max(LEAST_WIDTH, height * share);
  }

  /** The bar of a stage in a lane; of stages split by heads the current head's part stands out. */
  vector(stage: string, lane: number): void {
    const { data, layout, theme } = this.subject;
    const box = barBox(layout, stage, lane);
    const stripe = data.stripes.get(stage);
    if (!box || !stripe) return;
    const rows = Math.max(1, box.height * 1.5);
    const colors = stripeColors(stripe, lane, 0, stripe.bins, rows, { stage, theme });
    const about: About = { kind: "vector", stage, lane };
    const radius = Math.min(2.5, box.height / 3);
    const strength = this.strength(lane) * 0.3 + 0.7;
    const outline = mixed(this.hue(roleOf(stage)).base, this.hue(roleOf(stage)).high, 0.12);
    const opacity = this.headsOf(stage) > 1 ? strength * 0.66 : strength;
    this.streams.push({ kind: "bar", ...box, colors, radius, opacity, about, outline });
    this.#changeMark(stage, lane, box);
  }

  /** The part of the current head, a little wider than the bar it lies in; nothing of what is not split by heads. */
  headPart(stage: string, lane: number): void {
    const { data, theme } = this.subject;
    const stripe = data.stripes.get(stage);
    const heads = this.headsOf(stage);
    const slice = this.slice(stage, lane);
    if (!stripe || !slice || heads < 2) return;
    const each = stripe.bins / heads;
    const first = Math.floor(this.#headIn(stage) * each);
    const stop = Math.max(first + 1, Math.floor((this.#headIn(stage) + 1) * each));
    const height = Math.max(2, slice.height);
    this.slices.push({
      kind: "bar",
      x: slice.x - 1,
      y: slice.y + slice.height / 2 - height / 2,
      width: slice.width + 2,
      height,
      colors: stripeColors(stripe, lane, first, stop, Math.max(1, height * 1.5), { stage, theme }),
      radius: Math.min(2, height / 3),
      opacity: this.strength(lane) * 0.4 + 0.6,
    });
  }

  /** The bar of a stage in a lane. */
  box(stage: string, lane: number): Box | null {
    return barBox(this.subject.layout, stage, lane);
  }

  /** Where the current head's part of a stage lies. */
  slice(stage: string, lane: number): Box | null {
    const box = barBox(this.subject.layout, stage, lane);
    return box && headSlice(box, this.#headIn(stage), this.headsOf(stage));
  }

  /** How many heads a stage is split by; 1 for none. */
  headsOf(stage: string): number {
    if (stage === "attn.k" || stage === "attn.v") return this.subject.kvHeads;
    return stage === "attn.q" || stage === "attn.z" || stage === "cross.z" ? this.subject.heads : 1;
  }

  #headIn(stage: string): number {
    const { head, heads, kvHeads } = this.subject;
    const shared = stage === "attn.k" || stage === "attn.v";
    return shared ? Math.floor((head * kvHeads) / Math.max(1, heads)) : head;
  }

  #changeMark(stage: string, lane: number, box: Box): void {
    const changed = this.changed(stage, lane);
    if (changed <= 1e-6) return;
    this.streams.push({
      kind: "card",
      x: box.x + box.width + 1.5,
      y: box.y,
      width: 2.5,
      height: Math.max(2, box.height),
      radius: 1.25,
      fill: this.hue("change").base,
      shadow: 0,
      opacity: 0.35 + 0.65 * changed,
    });
  }

  /** A ribbon between two ends; its colours are roles, its strength the lane's and the norm's. */
  ribbon(options: {
    from: Ribbon["from"];
    to: Ribbon["to"];
    roles: readonly [Role, Role];
    stage: string;
    lane: number;
    way: Way;
    target: string;
    strength?: number;
    /** Dissolves in its middle: there is more than is shown. */
    dissolves?: boolean;
    /** Ends in nothing. */
    fades?: boolean;
    layer?: Marks;
  }): void {
    const { from, to, roles, stage, lane, way, target, dissolves = false } = options;
    if (to.x - from.x < 0.5) return;
    const { share } = this.subject.data.share(stage, lane);
    const selected = lane === this.subject.position;
    const alpha = (options.strength ?? 1) * (selected ? 0.95 : 0.66) * (0.62 + 0.38 * share);
    const color = (role: Role) => {
      const { pale, base } = this.hue(role);
      const deep = (selected ? 0.55 : 0.12) + (role === "residual" ? 0.35 : 0);
      return this.tinted(mixed(pale, base, deep), stage, lane);
    };
    const [first, last] = [color(roles[0]), color(roles[1])];
    const stops: Ribbon["stops"] = dissolves
      ? [
          [0, first, alpha],
          [0.34, first, alpha * 0.16],
          [0.5, last, alpha * 0.05],
          [0.66, last, alpha * 0.16],
          [1, last, alpha],
        ]
      : [
          [0, first, alpha],
          [1, last, options.fades ? 0.06 : alpha],
        ];
    const about: About = { kind: "way", way, stage, to: target, lane };
    (options.layer ?? this.back).push({ kind: "ribbon", from, to, stops, about });
  }

  /** A point on a lane where something is done to each entry, or two vectors meet. */
  point(x: number, y: number, sign: "norm" | "sum" | "activation", lane: number, about: About): void {
    const { base, ink } = this.hue(sign === "activation" ? "mlp" : "residual");
    const { paper } = inks(this.subject.theme);
    const radius =
      sign === "sum"
        ? Math.min(6.5, Math.max(3.5, this.subject.layout.pitch / 9))
        : Math.min(4, Math.max(2.2, this.subject.layout.pitch / 12));
    const opacity = this.strength(lane) * 0.5 + 0.5;
    this.streams.push({
      kind: "dot",
      x,
      y,
      radius,
      fill: sign === "sum" ? paper : mixed(base, ink, 0.35),
      stroke: sign === "sum" ? ink : paper,
      strokeWidth: sign === "sum" ? 1 : 1.5,
      opacity,
      about,
    });
    if (sign !== "sum") return;
    const arm = radius - 2;
    const cross: [number, number][][] = [
      [
        [x - arm, y],
        [x + arm, y],
      ],
      [
        [x, y - arm],
        [x, y + arm],
      ],
    ];
    for (const points of cross) {
      this.streams.push({ kind: "line", points, corner: 0, width: 1, color: ink, opacity });
    }
  }
}
