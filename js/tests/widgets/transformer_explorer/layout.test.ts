import { describe, expect, it } from "vitest";
import { columnsOf, fitted, architectureOf } from "../../../src/widgets/transformer_explorer/flow/columns";
import { barBox, headSlice, layOut, scrollTo } from "../../../src/widgets/transformer_explorer/flow/layout";
import { titlesOf } from "../../../src/widgets/transformer_explorer/flow/titles";
import { CROSS, makeModel, SEQUENTIAL, sizesOf } from "./flow-data";

const FORMS = {
  sequential: { model: makeModel(), stages: SEQUENTIAL },
  rotary: {
    model: makeModel({ rotary: true, learned_positions: false, kv_heads: 2, gated: true, d_mlp: 96 }),
    stages: [...SEQUENTIAL.filter((s) => s !== "pos_embed"), "mlp.pre_linear"],
  },
  parallel: { model: makeModel({ form: "parallel" }), stages: SEQUENTIAL.filter((s) => s !== "resid_mid") },
  postNorm: {
    model: makeModel({ form: "post-norm", causal: false }),
    stages: SEQUENTIAL.filter((s) => s !== "ln_final.out"),
  },
  cross: { model: makeModel({ learned_positions: false }), stages: CROSS },
  crossPostNorm: {
    model: makeModel({ learned_positions: true, form: "post-norm" }),
    stages: ["pos_embed", ...CROSS.filter((s) => s !== "ln_final.out")],
  },
  noMlp: { model: makeModel({ d_mlp: 0 }), stages: SEQUENTIAL.filter((s) => !s.startsWith("mlp") && s !== "ln2.out") },
  wideMlp: { model: makeModel({ d_mlp: 32 * 9 }), stages: SEQUENTIAL },
} as const;

const WIDTHS = [560, 700, 860, 1100, 1600, 2000];
const COUNTS = [1, 2, 6, 20, 64, 200, 1024];

function layoutOf(form: keyof typeof FORMS, width: number, tokens: number, scroll = 0, height = 520) {
  const { model, stages } = FORMS[form];
  return layOut({ width, height, tokens, scroll }, { model, stages, sizes: sizesOf(stages, model), block: 1 });
}

describe.each(Object.keys(FORMS) as (keyof typeof FORMS)[])("layout of a %s model", (form) => {
  it.each(WIDTHS)("keeps its columns apart and inside %i pixels", (width) => {
    const columns = [...layoutOf(form, width, 6).columns.values()];
    let right = 0;
    for (const column of columns) {
      expect(column.x).toBeGreaterThanOrEqual(right - 1e-6);
      expect(column.width).toBeGreaterThan(0);
      right = column.x + column.width;
    }
    expect(right).toBeLessThanOrEqual(width + 1e-6);
  });

  it.each(COUNTS)("keeps the bars of %i lanes inside their lanes", (tokens) => {
    const layout = layoutOf(form, 1100, tokens);
    const { stages } = FORMS[form];
    for (let lane = layout.visible[0]; lane < layout.visible[1]; lane++) {
      const top = layout.lanes.y + lane * layout.pitch - layout.scroll;
      for (const stage of stages) {
        const box = barBox(layout, stage, lane);
        if (!box) continue;
        expect(box.y).toBeGreaterThanOrEqual(top - 1e-6);
        expect(box.y + box.height).toBeLessThanOrEqual(layout.channel(lane));
      }
      expect(layout.channel(lane)).toBeLessThan(top + layout.pitch);
    }
  });

  it("gives bars heights in proportion to their lengths, up to where it says that they are cut", () => {
    const layout = layoutOf(form, 1100, 6);
    const { model, stages } = FORMS[form];
    const sizes = sizesOf(stages, model);
    if (layout.cut) return expect(model.d_mlp / model.d_model).toBeGreaterThan(5);
    for (const stage of stages)
      expect(layout.barHeight(stage) / layout.unit).toBeCloseTo((sizes[stage] ?? 0) / model.d_model);
  });

  it.each(WIDTHS)("keeps titles apart at %i pixels", (width) => {
    const titles = titlesOf(layoutOf(form, width, 6));
    titles.forEach((title, at) => {
      const next = titles[at + 1];
      if (next) expect(title.x + title.width).toBeLessThanOrEqual(next.x);
    });
    expect(titles.length).toBeGreaterThan(2);
  });
});

describe("layOut", () => {
  it("draws only the lanes in sight, however many there are", () => {
    const layout = layoutOf("sequential", 1100, 1024, 5000);
    const [first, stop] = layout.visible;
    expect(stop - first).toBeLessThanOrEqual(Math.ceil(520 / layout.pitch) + 1);
    expect(first).toBe(Math.floor(5000 / layout.pitch));
    expect(layout.total).toBeCloseTo(1024 * layout.pitch);
  });

  it("draws all lanes that fit", () => {
    expect(layoutOf("sequential", 1100, 20).visible).toEqual([0, 20]);
  });

  it("does not scroll beyond the last lane", () => {
    const layout = layoutOf("sequential", 1100, 200, 1e9);
    expect(layout.visible[1]).toBe(200);
    expect(layout.scroll).toBeCloseTo(layout.total - layout.lanes.height);
  });

  it("keeps columns where they are from block to block", () => {
    const { model, stages } = FORMS.sequential;
    const at = (block: number) =>
      layOut(
        { width: 1100, height: 520, tokens: 6, scroll: 0 },
        { model, stages, sizes: sizesOf(stages, model), block },
      );
    for (const stage of ["resid_pre", "resid_post", "ln_final.out"]) {
      const places = [0, 1, 3].map((block) => at(block).columns.get(stage)?.x);
      expect(new Set(places).size).toBe(1);
    }
  });

  it("keeps query, key and value apart, and gives shared keys and values less height", () => {
    const layout = layoutOf("rotary", 1100, 6);
    const [q, k, v] = ["attn.q", "attn.k", "attn.v"].map((stage) => barBox(layout, stage, 2));
    if (!q || !k || !v) throw new Error("no bars");
    expect(q.y + q.height).toBeLessThanOrEqual(k.y);
    expect(k.y + k.height).toBeLessThanOrEqual(v.y);
    expect(layout.barHeight("attn.k")).toBeCloseTo(layout.barHeight("attn.q") / 2);
  });

  it("leaves a column for the stream between attention and MLP only where there is one", () => {
    expect(layoutOf("sequential", 1100, 6).columns.has("resid_mid")).toBe(true);
    expect(layoutOf("parallel", 1100, 6).columns.has("resid_mid")).toBe(false);
    expect(layoutOf("parallel", 1100, 6).columns.has("add1")).toBe(false);
  });

  it("puts the norm before attention in a pre-norm block, and after the sum in a post-norm block", () => {
    const order = (form: keyof typeof FORMS) => [...layoutOf(form, 1100, 6).columns.keys()];
    const pre = order("sequential");
    expect(pre.indexOf("norm1")).toBeLessThan(pre.indexOf("qkv"));
    const post = order("postNorm");
    expect(post.indexOf("norm1b")).toBeGreaterThan(post.indexOf("add1"));
    expect(post.indexOf("norm2")).toBeGreaterThan(post.indexOf("add2"));
  });

  it("puts attention to an encoder between attention and MLP, with its norm where the model has it", () => {
    const order = (form: keyof typeof FORMS) => [...layoutOf(form, 1100, 6).columns.keys()];
    const pre = order("cross");
    const places = ["resid_mid", "normx", "cross", "cross.z", "cross_out", "addx", "resid_cross", "norm2in"];
    expect(places.map((key) => pre.indexOf(key))).toEqual(
      places.map((key) => pre.indexOf(key)).sort((one, other) => one - other),
    );
    expect(places.every((key) => pre.includes(key))).toBe(true);
    const post = order("crossPostNorm");
    expect(post.indexOf("normxb")).toBeGreaterThan(post.indexOf("addx"));
    expect(order("sequential")).not.toContain("cross");
  });

  it("adds a position to the token only where the model does", () => {
    expect(layoutOf("sequential", 1100, 6).columns.has("plus")).toBe(true);
    expect(layoutOf("rotary", 1100, 6).columns.has("plus")).toBe(false);
  });
});

describe("fitted", () => {
  const pieces = columnsOf(
    architectureOf({ form: "sequential" }, SEQUENTIAL),
    { before: 1, after: 1, list: true },
    { least: 8, good: 12 },
  );
  it("fills the room exactly", () => {
    for (const room of [900, 1300, 1700])
      expect(fitted(pieces, room).reduce((sum, width) => sum + width, 0)).toBeCloseTo(room);
  });
});

describe("headSlice", () => {
  it("tiles the box with the heads", () => {
    const box = { x: 0, y: 10, width: 5, height: 12 };
    const slices = [0, 1, 2].map((head) => headSlice(box, head, 3));
    expect(slices.map(({ y }) => y)).toEqual([10, 14, 18]);
    expect(slices.every(({ height }) => height === 4)).toBe(true);
  });
});

describe("scrollTo", () => {
  it("stays when the lane is in sight, and else goes just far enough", () => {
    const layout = layoutOf("sequential", 1100, 200, 480);
    const [first, stop] = layout.visible;
    expect(scrollTo(layout, first + 3)).toBe(layout.scroll);
    expect(scrollTo(layout, 0)).toBe(0);
    expect(scrollTo(layout, stop + 5)).toBeCloseTo((stop + 6) * layout.pitch - layout.lanes.height);
  });
});
