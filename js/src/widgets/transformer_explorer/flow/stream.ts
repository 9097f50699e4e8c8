/** One lane of the picture outside the card: embedding, residual stream, what branches off it and what is written back. */
import type { About, Way } from "./about";
import { BARS, roleOf } from "./data";
import { barBox } from "./layout";
import type { Pen } from "./pen";
import type { Role } from "../../../lib/roles";
import type { Box, RibbonEnd } from "../../../lib/scene";

interface Place {
  x: number;
  y: number;
}

export class Lane {
  readonly #pen: Pen;
  readonly #lane: number;

  constructor(pen: Pen, lane: number) {
    this.#pen = pen;
    this.#lane = lane;
  }

  draw(): void {
    const { form } = this.#layout;
    this.#embedding();
    if (form.parallel) this.#parallel();
    else this.#sequential();
    this.#ending();
    for (const stage of BARS) this.#pen.vector(stage, this.#lane);
  }

  /** What of it is the current head's. */
  drawHead(): void {
    for (const stage of BARS) this.#pen.headPart(stage, this.#lane);
    this.#headThread("attn.z", "attn_out");
    this.#headThread("cross.z", "cross_out");
  }

  get #layout() {
    return this.#pen.subject.layout;
  }

  get #y(): number {
    return this.#layout.middle(this.#lane);
  }

  #box(stage: string): Box | null {
    return barBox(this.#layout, stage, this.#lane);
  }

  /** Where a stage's bar ends or begins, and how wide a ribbon of its norm is. */
  #end(stage: string, side: "left" | "right"): RibbonEnd | null {
    const box = this.#box(stage);
    if (!box) return null;
    const width = this.#pen.width(stage, this.#lane, box.height);
    return { x: side === "left" ? box.x : box.x + box.width, y: box.y + box.height / 2, width };
  }

  #middleOf(column: string, part = 0.5): number | null {
    const found = this.#layout.columns.get(column);
    return found ? found.x + found.width * part : null;
  }

  #flow(
    way: Way,
    from: RibbonEnd | null,
    to: RibbonEnd | null,
    stage: string,
    target: string,
    more: Partial<{ roles: readonly [Role, Role]; dissolves: boolean; fades: boolean; strength: number }> = {},
  ): void {
    if (!from || !to) return;
    const roles = more.roles ?? ([roleOf(stage), roleOf(target)] as const);
    this.#pen.ribbon({ from, to, stage, lane: this.#lane, way, target, ...more, roles });
  }

  #embedding(): void {
    const { data } = this.#pen.subject;
    const first = data.has("pos_embed") ? "pos_embed" : "embed";
    const from = this.#end(first, "right");
    const to = this.#end("resid_pre", "left");
    if (!from || !to) return;
    const before = data.facts.block > 0;
    // Into the first block runs what the embeddings add up to; later blocks add to it what is not drawn.
    const start = { ...from, width: before ? this.#pen.width("embed", this.#lane) : to.width };
    this.#flow(before ? "blocks" : "embedding", start, to, "resid_pre", "resid_pre", { dissolves: before });
  }

  #sequential(): void {
    const { form } = this.#layout;
    let stream = "resid_pre";
    if (form.attention) {
      const read = form.postNorm ? null : "ln1.out";
      this.#attention(stream, read);
      this.#skip(stream, "qkv", "attn.z", "add1");
      stream = this.#sum("add1", [stream, "attn_out"], form.has("resid_mid") ? "resid_mid" : "resid_post", stream);
      if (form.postNorm) stream = this.#normed("norm1b", stream, "ln1.out");
    }
    if (form.cross) stream = this.#cross(stream);
    if (form.mlp) {
      this.#mlp(stream, form.postNorm ? null : "ln2.out", this.#end(stream, "right"));
      this.#skip(stream, this.#firstHidden(), "mlp.post", "add2");
      stream = this.#sum("add2", [stream, "mlp_out"], "resid_post", stream);
    }
  }

  /** Attention and MLP read the same stream: the second branch and the result of the first pass by in the channel. */
  #parallel(): void {
    const { form } = this.#layout;
    const read = form.has("ln1.out") ? "ln1.out" : null;
    this.#attention("resid_pre", read);
    const hidden = this.#firstHidden();
    const out = this.#end("attn_out", "right");
    const sum = this.#middleOf("add2");
    const enters = this.#channelEnd("resid_pre", 0.25);
    const dive = this.#end("resid_pre", "right");
    const start = this.#middleOf("qkv", 0);
    const goes = this.#middleOf("W_O", 0);
    const up = this.#middleOf("norm2in", 0.4);
    if (dive && start !== null && goes !== null && up !== null) {
      const stage = "resid_pre";
      const roles = ["residual", "mlp"] as const;
      this.#flow("up", dive, { ...enters, x: start }, stage, hidden, { roles });
      this.#flow("up", { ...enters, x: start }, { ...enters, x: goes }, stage, hidden, { roles: ["mlp", "mlp"] });
      const dot = {
        x: up,
        y: this.#y,
        width: this.#pen.width(form.has("ln2.out") ? "ln2.out" : stage, this.#lane, this.#layout.unit),
      };
      this.#flow("up", { ...enters, x: goes }, dot, stage, hidden, { roles: ["mlp", "mlp"] });
      this.#mlp("resid_pre", form.has("ln2.out") ? "ln2.out" : read, dot);
    }
    this.#skip("resid_pre", "qkv", "mlp.post", "add2", 0.75);
    const rise = this.#middleOf("W_out", 0.1);
    const dip = this.#middleOf("norm2in", 0.9);
    if (out && sum !== null && rise !== null && dip !== null) {
      const along = this.#channelEnd("attn_out", 0.25);
      this.#flow("write", out, { ...along, x: dip }, "attn_out", "resid_post");
      this.#flow("write", { ...along, x: dip }, { ...along, x: rise }, "attn_out", "resid_post");
      this.#flow("write", { ...along, x: rise }, { x: sum, y: this.#y, width: out.width }, "attn_out", "resid_post");
    }
    this.#sum("add2", ["resid_pre", "attn_out", "mlp_out"], "resid_post", "resid_pre");
  }

  #firstHidden(): string {
    const { form } = this.#layout;
    return ["mlp.pre", "mlp.post", "mlp_out"].find((stage) => form.has(stage)) ?? "mlp_out";
  }

  /** From the stream, through its norm where there is one, to query, key and value; and from the heads back. */
  #attention(stream: string, norm: string | null): void {
    const from = this.#end(stream, "right");
    const through = norm && this.#layout.form.has(norm) ? norm : null;
    const dot = through ? this.#normDot("norm1", 0.34, stream, through) : null;
    if (from && dot) this.#flow("stream", from, dot, stream, through ?? stream);
    const start = dot ?? from;
    const parts = ["attn.q", "attn.k", "attn.v"].filter((stage) => this.#box(stage));
    parts.forEach((stage, at) => {
      if (!start) return;
      const width = start.width / parts.length;
      const y = start.y - start.width / 2 + width * (at + 0.5);
      this.#flow("project", { x: start.x, y, width }, this.#end(stage, "left"), stage, stage, {
        roles: ["residual", roleOf(stage)],
      });
    });
    this.#flow("output", this.#end("attn.z", "right"), this.#end("attn_out", "left"), "attn.z", "attn_out");
  }

  /** The current head's part of what W_O reads. */
  #headThread(stage: string, written: string): void {
    const slice = this.#pen.slice(stage, this.#lane);
    const to = this.#end(written, "left");
    if (!slice || !to || this.#pen.subject.heads < 2) return;
    const width = Math.max(1, slice.height);
    const from = { x: slice.x + slice.width, y: slice.y + slice.height / 2, width };
    const { base, high } = this.#pen.hue("attention");
    const alpha = 0.75 * this.#pen.strength(this.#lane);
    const about: About = { kind: "way", way: "output", stage, to: written, lane: this.#lane };
    this.#pen.threads.push({
      kind: "ribbon",
      from,
      to: { ...to, width: Math.min(width, to.width) },
      stops: [
        [0, high, alpha * 0.7],
        [1, base, alpha * 0.4],
      ],
      about,
    });
  }

  /** To the encoder and back: the stream asks, and what the encoder's values mix to is added. */
  #cross(stream: string): string {
    const { form, columns } = this.#layout;
    const segment = columns.get("cross");
    if (!segment) return stream;
    const from = this.#end(stream, "right");
    const through = !form.postNorm && form.has("ln_cross.out") ? "ln_cross.out" : null;
    const dot = through ? this.#normDot("normx", 0.5, stream, through) : null;
    if (from && dot) this.#flow("stream", from, dot, stream, through ?? stream);
    const start = dot ?? from;
    const z = this.#end("cross.z", "left");
    const asks = start && { ...start, x: segment.x, width: start.width * 0.6 };
    this.#flow("ask", start, asks, stream, "cross.z", { roles: ["residual", "query"] });
    const gives = z && { ...z, x: segment.x + segment.width, width: z.width * 0.6 };
    this.#flow("cross", gives, z, "cross.z", "cross.z", { roles: ["value", "attention"] });
    this.#flow("output", this.#end("cross.z", "right"), this.#end("cross_out", "left"), "cross.z", "cross_out");
    this.#skip(stream, "cross", "cross.z", "addx");
    const out = this.#sum("addx", [stream, "cross_out"], "resid_cross", stream);
    return form.postNorm && form.has("ln_cross.out") ? this.#normed("normxb", out, "ln_cross.out") : out;
  }

  #mlp(stream: string, norm: string | null, from: RibbonEnd | null): void {
    const { form } = this.#layout;
    const through = norm && form.has(norm) ? norm : null;
    const dot = through ? this.#normDot("norm2in", form.parallel ? 0.4 : 0.34, stream, through) : null;
    if (from && dot && from.x < dot.x) this.#flow("stream", from, dot, stream, through ?? stream);
    const start = dot ?? from;
    const first = this.#firstHidden();
    this.#flow("up", start, this.#end(first, "left"), first, first, { roles: ["residual", "mlp"] });
    this.#activation();
    const last = form.has("mlp.post") ? "mlp.post" : first;
    if (last !== "mlp_out") this.#flow("down", this.#end(last, "right"), this.#end("mlp_out", "left"), last, "mlp_out");
  }

  #activation(): void {
    const x = this.#middleOf("activation");
    const before = this.#layout.form.has("mlp.pre_linear") ? "mlp.pre_linear" : "mlp.pre";
    const from = this.#end(before, "right");
    const to = this.#end("mlp.post", "left");
    if (x === null || !from || !to) return;
    this.#flow("stream", from, to, before, "mlp.post");
    this.#pen.point(x, this.#y, "activation", this.#lane, { kind: "activation", lane: this.#lane });
  }

  /** A norm in a gap: widths differ before it and hardly after it. */
  #normDot(column: string, part: number, source: string, out: string): RibbonEnd | null {
    const x = this.#middleOf(column, part);
    if (x === null) return null;
    this.#pen.point(x, this.#y, "norm", this.#lane, { kind: "norm", out, source, lane: this.#lane });
    return { x, y: this.#y, width: this.#pen.width(out, this.#lane, this.#layout.unit) };
  }

  /** The stream passes a part of the block by: down into the channel, along, and up to the sum. */
  #skip(stream: string, from: string, to: string, sum: string, part = 0.5): void {
    const start = this.#end(stream, "right");
    const dip = this.#middleOf(from, 0);
    const rise = this.#middleOf(to, 1) ?? this.#middleOf(from, 1);
    const end = this.#middleOf(sum);
    if (!start || dip === null || rise === null || end === null) return;
    const along = this.#channelEnd(stream, part);
    const more = { roles: ["residual", "residual"] as const, strength: 0.9 };
    this.#flow("skip", start, { ...along, x: dip }, stream, stream, more);
    this.#flow("skip", { ...along, x: dip }, { ...along, x: rise }, stream, stream, more);
    this.#flow("skip", { ...along, x: rise }, { ...start, x: end }, stream, stream, more);
  }

  /** A ribbon's middle and width in the channel; in a parallel block two share it. */
  #channelEnd(stage: string, part: number): Place & RibbonEnd {
    const { channelPart, form, pitch } = this.#layout;
    const shared = form.parallel ? 0.5 : 1;
    const width = this.#pen.width(stage, this.#lane, this.#layout.unit) * channelPart * shared * 0.92;
    return { x: 0, y: this.#layout.channel(this.#lane) + (part - 0.5) * 0.14 * pitch, width };
  }

  /** What was written and what passed by meet and go on as one; gives the stage that goes on. */
  #sum(column: string, parts: string[], out: string, stream: string): string {
    const x = this.#middleOf(column);
    const added = parts[parts.length - 1] ?? stream;
    if (x === null) return out;
    const end = this.#end(out, "left");
    const meeting = { x, y: this.#y };
    const from = this.#end(added, "right");
    if (from) this.#flow("write", from, { ...meeting, width: from.width }, added, out);
    if (end) this.#flow("stream", { ...meeting, width: end.width }, end, out, out, { roles: ["residual", "residual"] });
    this.#pen.point(x, this.#y, "sum", this.#lane, { kind: "sum", parts, out, lane: this.#lane });
    return out;
  }

  #normed(column: string, source: string, out: string): string {
    const from = this.#end(source, "right");
    const to = this.#end(out, "left");
    const dot = this.#normDot(column, 0.5, source, out);
    this.#flow("stream", from, dot, source, out);
    this.#flow("stream", dot, to, out, out);
    return out;
  }

  /** The blocks that are not shown, the final norm, and the way out. */
  #ending(): void {
    const { form, columns } = this.#layout;
    let last = "resid_post";
    if (form.postNorm && form.has("ln2.out")) last = this.#normed("norm2", last, "ln2.out");
    if (columns.has("final")) {
      this.#flow("blocks", this.#end(last, "right"), this.#end("final", "left"), last, "final", { dissolves: true });
      last = "final";
    }
    if (columns.has("ln_final.out")) last = this.#normed("norm3", last, "ln_final.out");
    this.#out(last);
  }

  /** The selected position's vector becomes the list; the others end in the air. */
  #out(last: string): void {
    const from = this.#end(last, "right");
    const column = this.#layout.columns.get("unembed");
    if (!from || !column) return;
    const { list, lanes, position } = { ...this.#layout, position: this.#pen.subject.position };
    if (this.#lane === position && list) {
      const middle = lanes.y + lanes.height / 2;
      const to = { x: column.x + column.width - 4, y: middle, width: Math.min(lanes.height * 0.8, LIST_PX) };
      this.#flow("unembed", from, to, last, "logits", {
        roles: ["residual", "attention"],
        strength: 0.8,
        fades: true,
      });
      return;
    }
    const { pale } = this.#pen.hue("residual");
    this.#pen.back.push({
      kind: "ribbon",
      from,
      to: { ...from, x: from.x + Math.min(column.width * 0.5, 26) },
      stops: [
        [0, pale, 0.5],
        [1, pale, 0],
      ],
    });
  }
}

/** About how high the list of probabilities is. */
const LIST_PX = 290;
