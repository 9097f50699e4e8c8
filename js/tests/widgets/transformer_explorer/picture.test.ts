import { describe, expect, it } from "vitest";
import { valueToRgb } from "../../../src/lib";
import { roleShading } from "../../../src/lib/roles";
import type { Bar, Mark, Ribbon, Text } from "../../../src/lib/scene";
import type { About } from "../../../src/widgets/transformer_explorer/flow/about";
import { readFlow } from "../../../src/widgets/transformer_explorer/flow/data";
import { layOut } from "../../../src/widgets/transformer_explorer/flow/layout";
import { patternOf, rowsOf } from "../../../src/widgets/transformer_explorer/flow/pattern";
import { flowScene } from "../../../src/widgets/transformer_explorer/flow/picture";
import { textWidth } from "../../../src/lib/text-width";
import type { Edit, ModelFacts } from "../../../src/widgets/transformer_explorer/protocol";
import { CROSS, frame, makeFacts, makeFrames, makeModel, makeTokens, SEQUENTIAL } from "./flow-data";

interface Case {
  model?: ModelFacts;
  stages?: readonly string[];
  tokens?: number;
  width?: number;
  head?: number;
  position?: number;
  changed?: boolean;
  edits?: Edit[];
  scroll?: number;
  block?: number;
  /** How many tokens an encoder read. */
  encoder?: number | null;
}

function draw({
  model = makeModel(),
  stages = SEQUENTIAL,
  tokens = 6,
  width = 1100,
  head = 1,
  position = 3,
  changed = false,
  edits = [],
  scroll = 0,
  block = 1,
  encoder = null,
}: Case = {}) {
  const facts = makeFacts(stages, model, block);
  const frames = makeFrames(facts, tokens, model.heads, changed);
  const data = readFlow(facts, frames);
  const layout = layOut({ width, height: 520, tokens, scroll }, { model, stages, sizes: facts.sizes, block });
  const pattern = frames.patterns ? patternOf(frames.patterns, head) : null;
  const scene = flowScene({
    data,
    layout,
    model,
    tokens: makeTokens(tokens),
    names: makeTokens(tokens).map(({ text }) => text.trim()),
    pattern,
    head,
    position,
    edits,
    theme: "light",
    encoder,
    cross: encoder === null ? null : rowsOf(frame("cross", [1, tokens, encoder], crossWeights(tokens, encoder)), 0),
  });
  const marks = scene.layers.flatMap((layer) => layer.marks) as Mark<About>[];
  return { scene, marks, data, layout, frames };
}

/** Rows that add up to one, and differ. */
function crossWeights(tokens: number, encoder: number): number[] {
  const all = (encoder * (encoder + 1)) / 2;
  return Array.from({ length: tokens * encoder }, (_, at) => ((at % encoder) + 1) / all);
}

function bar(marks: readonly Mark<About>[], stage: string, lane: number): Bar<About> {
  const found = marks.find(
    (mark) =>
      mark.kind === "bar" && mark.about?.kind === "vector" && mark.about.stage === stage && mark.about.lane === lane,
  );
  if (found?.kind !== "bar") throw new Error(`no bar of ${stage} in lane ${lane}`);
  return found;
}

function ways(marks: readonly Mark<About>[], lane: number, way: string): Ribbon<About>[] {
  return marks.filter(
    (mark): mark is Ribbon<About> =>
      mark.kind === "ribbon" && mark.about?.kind === "way" && mark.about.way === way && mark.about.lane === lane,
  );
}

const texts = (marks: readonly Mark<About>[]) => marks.filter((mark): mark is Text<About> => mark.kind === "text");

describe("bars", () => {
  it("have the colours of the frame's own values, from the top", () => {
    const { marks, frames, data } = draw();
    const values = frames["stripe:resid_pre"]?.stored.slice(4 * 32, 5 * 32) ?? [];
    const drawn = bar(marks, "resid_pre", 4);
    const shading = roleShading("residual", "light", data.stripes.get("resid_pre")?.end ?? 0);
    // Pooled to what fits: each stripe is the value of largest magnitude among those it stands for.
    const rows = drawn.colors.length;
    expect(rows).toBeGreaterThan(8);
    for (let row = 0; row < rows; row++) {
      const group = [...values].slice(Math.floor((row * 32) / rows), Math.floor(((row + 1) * 32) / rows));
      const largest = group.reduce((found, value) => (Math.abs(value) > Math.abs(found) ? value : found));
      expect(drawn.colors[row]).toEqual(valueToRgb(largest, shading));
    }
  });

  it("stand on the lane's middle line, all at the same height of a lane", () => {
    const { marks, layout } = draw();
    for (const stage of ["embed", "resid_pre", "attn.z", "resid_mid", "mlp.post", "ln_final.out"]) {
      const { y, height } = bar(marks, stage, 2);
      expect(y + height / 2).toBeCloseTo(layout.middle(2));
    }
  });

  it("show the part of the current head in its place", () => {
    const { marks } = draw({ head: 2 });
    const whole = bar(marks, "attn.q", 1);
    const slice = marks.filter(
      (mark): mark is Bar<About> =>
        mark.kind === "bar" &&
        !mark.about &&
        Math.abs(mark.x + 1 - whole.x) < 1e-6 &&
        mark.y >= whole.y - 1 &&
        mark.y < whole.y + whole.height,
    );
    expect(slice).toHaveLength(1);
    const [only] = slice;
    expect((only?.y ?? 0) + (only?.height ?? 0) / 2).toBeCloseTo(whole.y + (whole.height * 2.5) / 4);
  });

  it("show a key head that query heads share as one", () => {
    const shared = makeModel({ kv_heads: 2 });
    const places = [0, 1, 2, 3].map((head) => {
      const { marks } = draw({ model: shared, head });
      const whole = bar(marks, "attn.k", 0);
      const slice = marks.find(
        (mark) =>
          mark.kind === "bar" &&
          !mark.about &&
          Math.abs(mark.x + 1 - whole.x) < 1e-6 &&
          mark.y >= whole.y - 1e-6 &&
          mark.y < whole.y + whole.height,
      );
      return slice && "y" in slice ? slice.y : Number.NaN;
    });
    expect(places[0]).toBeCloseTo(places[1] ?? 0);
    expect(places[2]).toBeCloseTo(places[3] ?? 0);
    expect(places[2]).toBeGreaterThan(places[0] ?? 0);
  });
});

describe("ribbons", () => {
  it("are as wide as the norms say, on one scale within the stream", () => {
    const { marks, data } = draw();
    const written = [1, 5].flatMap((lane) => ways(marks, lane, "write").map((ribbon) => ({ ribbon, lane })));
    expect(written.length).toBeGreaterThanOrEqual(4);
    const scale = written.map(
      ({ ribbon, lane }) => ribbon.from.width / data.norm(ribbon.about?.kind === "way" ? ribbon.about.stage : "", lane),
    );
    for (const each of scale) expect(each).toBeCloseTo(scale[0] ?? 0, 6);
  });

  it("are no wider than the bar of an outlier, which the hint then says", () => {
    const model = makeModel();
    const facts = makeFacts(SEQUENTIAL, model);
    const frames = makeFrames(facts, 6, 4);
    const row = facts.stages.indexOf("resid_pre");
    (frames.norms?.stored as Float32Array)[row * 6] = 4000;
    const data = readFlow(facts, frames);
    expect(data.share("resid_pre", 0)).toEqual({ share: 1, beyond: true });
    expect(data.share("resid_pre", 1).share).toBeGreaterThan(0.05);
    expect(data.share("resid_pre", 1).beyond).toBe(false);
  });

  it("let the skip of a pre-norm block start before the norm, at the stream itself", () => {
    const { marks, layout } = draw();
    const skips = ways(marks, 2, "skip");
    const norm = marks.find(
      (mark) => mark.about?.kind === "norm" && mark.about.out === "ln1.out" && mark.about.lane === 2,
    );
    const stream = layout.columns.get("resid_pre");
    if (norm?.kind !== "dot" || !stream) throw new Error("no norm");
    const first = skips.filter((ribbon) => ribbon.about?.kind === "way" && ribbon.about.stage === "resid_pre");
    expect(Math.min(...first.map((ribbon) => ribbon.from.x))).toBeCloseTo(stream.x + stream.width);
    expect(stream.x + stream.width).toBeLessThan(norm.x);
  });

  it("let the second skip of a post-norm block start after the first norm", () => {
    const { marks, layout } = draw({ model: makeModel({ form: "post-norm" }) });
    const column = layout.columns.get("ln1.out");
    const second = ways(marks, 2, "skip").filter(
      (ribbon) => ribbon.about?.kind === "way" && ribbon.about.stage === "ln1.out",
    );
    expect(Math.min(...second.map((ribbon) => ribbon.from.x))).toBeCloseTo((column?.x ?? 0) + (column?.width ?? 0));
    expect(marks.some((mark) => mark.about?.kind === "norm" && mark.about.source === "resid_mid")).toBe(true);
  });

  it("add attention and MLP of a parallel block in one sum", () => {
    const { marks } = draw({
      model: makeModel({ form: "parallel" }),
      stages: SEQUENTIAL.filter((stage) => stage !== "resid_mid"),
    });
    const sums = marks.flatMap((mark) =>
      mark.about?.kind === "sum" && mark.about.lane === 0 ? [mark.about.parts] : [],
    );
    expect([...new Set(sums.map((parts) => parts.join()))]).toEqual(["resid_pre,attn_out,mlp_out"]);
    expect(
      ways(marks, 0, "up").some((ribbon) => ribbon.about?.kind === "way" && ribbon.about.stage === "resid_pre"),
    ).toBe(true);
  });

  it("dissolve where blocks are left out, and say how many", () => {
    const { marks } = draw({ block: 1 });
    const dissolving = ways(marks, 3, "blocks");
    expect(dissolving).toHaveLength(2);
    for (const { stops } of dissolving) expect(Math.min(...stops.map(([, , alpha]) => alpha))).toBeLessThan(0.1);
    const words = texts(marks).map(({ text }) => text);
    expect(words).toContain("1");
    expect(words).toContain("2");
    expect(words).toContain("more blocks");
  });
});

describe("attention", () => {
  it("gives each weight a disc whose area is the weight", () => {
    const { marks, layout, frames } = draw();
    const { matrix } = layout;
    if (!matrix) throw new Error("no matrix");
    const at = (query: number, key: number) => {
      const x = matrix.x + (key + 0.5) * matrix.cell;
      const found = marks.filter(
        (mark) => mark.kind === "dot" && Math.abs(mark.x - x) < 1e-6 && Math.abs(mark.y - layout.middle(query)) < 1e-6,
      );
      const disc = found[found.length - 1];
      return disc?.kind === "dot" ? disc.radius ** 2 : Number.NaN;
    };
    const weight = (query: number, key: number) => frames.patterns?.stored[6 * 6 + query * 6 + key] ?? Number.NaN;
    const scale = at(0, 0) / weight(0, 0);
    for (const [query, key] of [
      [3, 1],
      [5, 5],
      [5, 0],
      [2, 2],
    ] as const)
      expect(at(query, key)).toBeCloseTo(scale * weight(query, key), 4);
  });

  it("gives each weight above the least a strand from its value", () => {
    const { marks } = draw({ position: 5 });
    const strands = marks.flatMap((mark) =>
      mark.kind === "ribbon" && mark.about?.kind === "strand" && mark.about.query === 5 ? [mark] : [],
    );
    expect(strands.map((mark) => (mark.about?.kind === "strand" ? mark.about.key : -1)).sort()).toEqual([
      0, 1, 2, 3, 4, 5,
    ]);
    const widths = new Map(
      strands.map((mark) => [mark.about?.kind === "strand" ? mark.about.key : -1, mark.from.width]),
    );
    expect((widths.get(5) ?? 0) / (widths.get(2) ?? 1)).toBeCloseTo(6 / 3);
  });

  it("draws many keys as an image with a row for each lane, the largest weight of those that share a pixel", () => {
    const { marks, layout } = draw({ tokens: 600, position: 2 });
    const [image, ...others] = marks.filter((mark) => mark.kind === "cells");
    if (image?.kind !== "cells" || !layout.matrix) throw new Error("no image");
    expect(others).toHaveLength(0);
    expect(image.rows).toBe(layout.visible[1] - layout.visible[0]);
    expect(image.columns).toBeLessThanOrEqual(layout.matrix.width);
    // Weights rise towards the query: the last pixel before the mask is the deepest of its row.
    const alpha = (row: number, column: number) => image.pixels[4 * (row * image.columns + column) + 3];
    const last = Math.floor((20 * image.columns) / 600);
    expect(alpha(20, last)).toBe(215);
    expect(alpha(20, last + 2)).toBe(90);
    expect(alpha(2, 0)).toBe(255);
  });
});

describe("attention to an encoder", () => {
  const model = makeModel({ learned_positions: false });

  it("is an image of the head's weights, one row for each lane and one column for each of the encoder's tokens", () => {
    const { marks } = draw({ model, stages: CROSS, encoder: 3, width: 1600, tokens: 5 });
    const cross = marks.find((mark) => mark.about?.kind === "cross");
    if (cross?.kind !== "cells") throw new Error("no weights");
    expect([cross.rows, cross.columns]).toEqual([5, 3]);
    const ends = marks.find((mark) => mark.about?.kind === "encoder");
    if (ends?.kind !== "card") throw new Error("no ground");
    expect(cross.x).toBeGreaterThan(ends.x);
    expect(cross.x + cross.width).toBeLessThan(ends.x + ends.width);
    const discs = marks.flatMap((mark) =>
      mark.kind === "dot" &&
      mark.x > cross.x &&
      mark.x < cross.x + cross.width &&
      Math.abs(mark.y - cross.y - cross.height / 10) < 1 &&
      !mark.stroke
        ? [mark.radius ** 2]
        : [],
    );
    // Of one to three sixths.
    expect(discs.map((area) => area / (discs[0] ?? 1)).map(Math.round)).toEqual([1, 2, 3]);
  });

  it("is added to the stream that the MLP reads", () => {
    const { marks } = draw({ model, stages: CROSS, encoder: 3 });
    const sums = marks.flatMap((mark) => (mark.about?.kind === "sum" && mark.about.lane === 0 ? [mark.about] : []));
    const added = [...new Map(sums.map(({ parts, out }) => [out, parts.join()]))];
    expect(added).toEqual([
      ["resid_mid", "resid_pre,attn_out"],
      ["resid_cross", "resid_mid,cross_out"],
      ["resid_post", "resid_cross,mlp_out"],
    ]);
    const norm = marks.find((mark) => mark.about?.kind === "norm" && mark.about.out === "ln_cross.out");
    expect(norm?.about).toMatchObject({ source: "resid_mid" });
  });

  it("has no weights where there is no room, or where they are not known", () => {
    expect(draw({ model, stages: CROSS, encoder: 8, width: 560 }).marks.some((m) => m.about?.kind === "cross")).toBe(
      false,
    );
    const unknown = draw({ model, stages: CROSS, encoder: null, width: 1600 }).marks;
    expect(unknown.some((mark) => mark.about?.kind === "cross")).toBe(false);
    expect(unknown.some((mark) => mark.about?.kind === "encoder")).toBe(true);
  });

  it.each([560, 700, 860, 1100, 1600])(
    "says how many tokens the encoder read where there is room, at %i pixels",
    (width) => {
      const words = texts(draw({ model, stages: CROSS, encoder: 8, width }).marks).map(({ text }) => text);
      if (width >= 1100) expect(words).toContain("encoder, 8 tokens");
    },
  );
});

describe("what belongs to the model alone", () => {
  const rotaryStages = SEQUENTIAL.filter((stage) => stage !== "pos_embed");

  it("marks rotary queries and keys, and adds no position", () => {
    const { marks } = draw({ model: makeModel({ rotary: true, learned_positions: false }), stages: rotaryStages });
    expect(marks.some((mark) => mark.about?.kind === "rotary")).toBe(true);
    expect(texts(marks).some(({ text }) => text === "position")).toBe(false);
    expect(() => bar(marks, "pos_embed", 0)).toThrow();
  });

  it("has no rotary marks where positions are a table", () => {
    expect(draw().marks.some((mark) => mark.about?.kind === "rotary")).toBe(false);
  });

  it("shows both halves of a gated MLP", () => {
    const { marks } = draw({ model: makeModel({ gated: true }), stages: [...SEQUENTIAL, "mlp.pre_linear"] });
    const [pre, linear, post] = ["mlp.pre", "mlp.pre_linear", "mlp.post"].map((stage) => bar(marks, stage, 0).x);
    expect(pre).toBeLessThan(linear ?? 0);
    expect(linear).toBeLessThan(post ?? 0);
  });
});

describe("change", () => {
  const edit: Edit = { kind: "zero", part: "head", block: 1, head: 1, on: true, label: "zero head 1.1" };

  it("tints only what changed", () => {
    const { marks, layout } = draw({ changed: true });
    const tints = (stage: string) => {
      const column = layout.columns.get(stage);
      return marks.filter(
        (mark) => mark.kind === "card" && column && Math.abs(mark.x - column.x - column.width - 1.5) < 1e-6,
      );
    };
    expect(tints("resid_pre")).toHaveLength(0);
    expect(tints("attn_out")).toHaveLength(6);
  });

  it("rings and names what is acted on", () => {
    const { marks } = draw({ changed: true, edits: [edit] });
    expect(marks.filter((mark) => mark.about?.kind === "edited")).toHaveLength(6);
    expect(texts(marks).some(({ text, weight }) => text === "zero" && weight === 600)).toBe(true);
    expect(
      draw({ changed: true, edits: [{ ...edit, block: 2 }] }).marks.some((mark) => mark.about?.kind === "edited"),
    ).toBe(false);
    expect(
      draw({ changed: true, edits: [{ ...edit, on: false }] }).marks.some((mark) => mark.about?.kind === "edited"),
    ).toBe(false);
  });
});

describe("words", () => {
  it.each([560, 700, 860, 1100, 1600, 2000])("never overlap at %i pixels", (width) => {
    for (const tokens of [1, 6, 20, 200]) {
      const { marks } = draw({
        width,
        tokens,
        position: 0,
        changed: true,
        edits: [{ kind: "scale", factor: 2, part: "mlp", block: 1, on: true }],
      });
      const boxes = texts(marks)
        .filter(({ turn, text }) => !turn && text !== "+")
        .map(({ x, y, text, size, align }) => {
          const wide = textWidth(text, size);
          const left = align === "start" ? x : align === "end" ? x - wide : x - wide / 2;
          return { text, left, right: left + wide, top: y - size * 0.6, bottom: y + size * 0.6 };
        });
      // Counts of blocks lie over the ribbons on a ground of their own.
      for (const one of boxes) {
        for (const other of boxes) {
          if (one === other) continue;
          const apart =
            one.right <= other.left + 0.5 ||
            other.right <= one.left + 0.5 ||
            one.bottom <= other.top + 0.5 ||
            other.bottom <= one.top + 0.5;
          expect(apart, `"${one.text}" and "${other.text}" at ${width}, ${tokens} tokens`).toBe(true);
        }
      }
    }
  });
});

describe("size", () => {
  it("depends on what is in sight, not on how many tokens there are", () => {
    const few = draw({ tokens: 200, position: 2 }).marks.length;
    const many = draw({ tokens: 1024, position: 2 }).marks.length;
    expect(many).toBeLessThan(few * 1.2);
  });
});
