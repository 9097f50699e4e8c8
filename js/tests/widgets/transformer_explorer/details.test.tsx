import { afterEach, describe, expect, test } from "vitest";
import { formatSigned } from "../../../src/lib";
import { Detail } from "../../../src/widgets/transformer_explorer/details";
import type { ModelFacts, NumberRef, Traits } from "../../../src/widgets/transformer_explorer/protocol";
import { type DetailsHost, openDetail, type Tensor, tensorOf, type World } from "./details-host";
import { explorerState } from "./panels-host";

const T = 4;
const D = 16;
const HEADS = 4;
const KEY_HEADS = 2;
const D_HEAD = 4;
const D_MLP = 32;
const BLOCK = 1;
const SCALE = 0.5;

const wave = (seed: number) => (flat: number) => Math.sin(flat * 1.7 + seed) * (1 + ((flat * 7 + seed) % 5));
const at = (tensor: Tensor | undefined, ...index: number[]) => {
  const flat = index.reduce((sum, i, axis) => sum * (tensor?.shape[axis] ?? 1) + i, 0);
  return tensor?.values[flat] ?? Number.NaN;
};

/** A query of a head times a key of the key head that it shares with its neighbours. */
function dot(q: Tensor | undefined, k: Tensor | undefined, [h, query, key]: [number, number, number]): number {
  const shared = Math.floor((h * KEY_HEADS) / HEADS);
  return [...Array(D_HEAD).keys()].reduce((sum, j) => sum + at(q, query, h, j) * at(k, key, shared, j), 0);
}

/** A block whose tensors fit together: products and sums are computed here by plain loops. */
function block(): Record<string, Tensor> {
  const x = tensorOf([T, D], wave(1));
  const W_Q = tensorOf([HEADS, D, D_HEAD], wave(2));
  const W_V = tensorOf([KEY_HEADS, D, D_HEAD], wave(3));
  const b_Q = tensorOf([HEADS, D_HEAD], wave(4));
  const q = tensorOf([T, HEADS, D_HEAD], (flat) => {
    const [t, h, j] = [Math.floor(flat / (HEADS * D_HEAD)), Math.floor(flat / D_HEAD) % HEADS, flat % D_HEAD];
    let sum = at(b_Q, h, j);
    for (let i = 0; i < D; i++) sum += at(x, t, i) * at(W_Q, h, i, j);
    return sum;
  });
  const v = tensorOf([T, KEY_HEADS, D_HEAD], wave(5));
  const pattern = tensorOf([HEADS, T, T], (flat) => {
    const [row, column] = [Math.floor(flat / T) % T, flat % T];
    return column <= row ? (column + 1) / (((row + 1) * (row + 2)) / 2) : 0;
  });
  const k = tensorOf([T, KEY_HEADS, D_HEAD], wave(16));
  const scores = tensorOf([HEADS, T, T], (flat) => {
    const [h, query, key] = [Math.floor(flat / T ** 2), Math.floor(flat / T) % T, flat % T];
    return SCALE * dot(q, k, [h, query, key]);
  });
  const result = tensorOf([T, HEADS, D], wave(6));
  const bias = tensorOf([D], wave(7));
  const out = tensorOf([T, D], (flat) => {
    const [t, i] = [Math.floor(flat / D), flat % D];
    return [...Array(HEADS).keys()].reduce((sum, h) => sum + at(result, t, h, i), at(bias, i));
  });
  const pre = tensorOf([T, D_MLP], wave(8));
  const post = tensorOf([T, D_MLP], (flat) => Math.max(0, pre.values[flat] ?? 0));
  const mlp_out = tensorOf([T, D], wave(9));
  const after = (one: Tensor, other: Tensor) =>
    tensorOf([T, D], (flat) => (one.values[flat] ?? 0) + (other.values[flat] ?? 0));
  const resid_pre = tensorOf([T, D], wave(10));
  const resid_mid = after(resid_pre, out);
  const inside = {
    "ln1.out": x,
    "attn.q": q,
    "attn.v": v,
    "attn.k": k,
    "attn.scores": scores,
    "attn.masked_scores": scores,
    "attn.pattern": pattern,
    "attn.z": tensorOf([T, HEADS, D_HEAD], wave(11)),
    "attn.result": result,
    "attn.out": out,
    attn_out: out,
    resid_pre,
    resid_mid,
    "ln2.out": tensorOf([T, D], wave(12)),
    "mlp.pre": pre,
    "mlp.post": post,
    mlp_out,
    resid_post: after(resid_mid, mlp_out),
  };
  const weights = {
    W_Q,
    W_V,
    b_Q,
    W_O: tensorOf([HEADS, D_HEAD, D], wave(13)),
    b_O: bias,
    W_in: tensorOf([D, D_MLP], wave(14)),
    W_out: tensorOf([D_MLP, D], wave(15)),
  };
  return Object.fromEntries([
    ...Object.entries(inside).map(([name, tensor]) => [`run/blocks.${BLOCK}.${name}`, tensor]),
    ...Object.entries(weights).map(([name, tensor]) => [`weights/${name}/${BLOCK}`, tensor]),
  ]);
}

const STAGES = [
  "resid_pre",
  "ln1.out",
  "attn_out",
  "resid_mid",
  "ln2.out",
  "mlp.pre",
  "mlp.post",
  "mlp_out",
  "resid_post",
];
const TENSORS = block();
const WORLD: World = {
  tensors: TENSORS,
  answers: {
    flow: () => ({
      facts: {
        block: BLOCK,
        which: "run",
        stages: STAGES,
        names: Object.fromEntries(STAGES.map((stage) => [stage, `blocks.${BLOCK}.${stage}`])),
        sizes: {},
        head_norms: [],
      },
    }),
    origin: (args) => {
      const { name, index } = args as unknown as NumberRef;
      const value = at(TENSORS[`run/${name}`], ...index);
      return {
        facts: {
          name,
          index,
          axes: [],
          shape: [],
          value,
          recomputed: value,
          title: "t",
          formula: "f",
          worked: `${name} ${index}`,
          operands: [],
          rest: null,
        },
      };
    },
  },
};

let view: DetailsHost;
afterEach(() => view?.unmount());

async function open(
  change: Partial<Traits>,
  model: Partial<ModelFacts> = {},
  world: World = WORLD,
): Promise<DetailsHost> {
  const state = explorerState({ position: 3, head: 2, block: BLOCK, ...change });
  const facts = {
    ...(state.model as ModelFacts),
    d_model: D,
    d_head: D_HEAD,
    d_mlp: D_MLP,
    kv_heads: KEY_HEADS,
    ...model,
  };
  view = await openDetail(Detail, { ...state, model: facts }, world);
  for (let i = 0; i < 4; i++) await view.settle();
  await view.settle(200);
  return view;
}

const stripes = (label: string) =>
  view
    .all(".attrium-stripes[role=slider]")
    .find((one) => one.getAttribute("aria-label")?.startsWith(label)) as HTMLElement;
const formulas = () => view.all(".attrium-origin-worked").map((line) => line.textContent);
const viewed = (tensor: string) => view.viewed.filter((one) => one.tensor === tensor).map(({ index }) => index);

describe("the query's product", () => {
  test("reads x, the head's own weight, its bias and the result", async () => {
    await open({ view: "qkv" });
    expect(viewed("run/blocks.1.ln1.out")).toContainEqual([
      [0, 4],
      [0, D],
    ]);
    expect(viewed("weights/W_Q/1")).toContainEqual([
      [2, 3],
      [0, D],
      [0, D_HEAD],
    ]);
    expect(viewed("weights/b_Q/1")).toContainEqual([
      [2, 3],
      [0, D_HEAD],
    ]);
    expect(viewed("run/blocks.1.attn.q")).toContainEqual([
      [0, 4],
      [2, 3],
      [0, D_HEAD],
    ]);
    expect(view.all(".attrium-term figcaption").map((title) => title.textContent)).toEqual(["x", "W_Q", "b_Q", "q"]);
    expect(view.el.textContent).toContain("(16 \u00d7 4)");
  });

  test("explains the largest number of the position until another is pointed at", async () => {
    await open({ view: "qkv" });
    const q = [...Array(D_HEAD).keys()].map((j) => Math.abs(at(TENSORS["run/blocks.1.attn.q"], 3, 2, j)));
    const largest = q.indexOf(Math.max(...q));
    expect(formulas()).toEqual([`blocks.1.attn.q 3,2,${largest}`]);
    stripes("q,").dispatchEvent(new KeyboardEvent("keydown", { key: "End", bubbles: true }));
    await view.settle(250);
    expect(formulas()).toEqual([`blocks.1.attn.q 3,2,${D_HEAD - 1}`]);
    expect(view.explorer().pointed.value).toEqual({ name: "blocks.1.attn.q", index: [3, 2, D_HEAD - 1], which: "run" });
  });

  test("pointing at a number lights the row of x and the column of W, and its true value is read out", async () => {
    await open({ view: "qkv" });
    stripes("q,").dispatchEvent(new KeyboardEvent("keydown", { key: "End", bubbles: true }));
    await view.settle();
    expect(view.all(".attrium-weight-column")).toHaveLength(1);
    expect(view.find(".attrium-weight-column").style.left).toBe("75%");
    expect(view.all(".attrium-row-names [data-lit=true]")).toHaveLength(1);
    const value = Math.fround(at(TENSORS["run/blocks.1.attn.q"], 3, 2, D_HEAD - 1));
    expect(stripes("q,").getAttribute("aria-valuetext")).toContain(`${value}`);
  });

  test("with grouped queries the value is read from the shared head, and the sharing is said", async () => {
    await open({ view: "qkv" });
    await view.click("[data-value=v]");
    await view.settle();
    expect(viewed("weights/W_V/1")).toContainEqual([
      [1, 2],
      [0, D],
      [0, D_HEAD],
    ]);
    expect(view.el.textContent).toContain("Query heads 2 and 3 share key and value head 1");
  });

  test("a model without the bias has no such term", async () => {
    const { "weights/b_Q/1": _, ...tensors } = TENSORS;
    await open({ view: "qkv" }, {}, { ...WORLD, tensors });
    expect(view.all(".attrium-term figcaption").map((title) => title.textContent)).toEqual(["x", "W_Q", "q"]);
  });

  test("a product that is not the whole way to its result is not drawn as an equation", async () => {
    const operators = () => view.all(".attrium-operator").map((sign) => sign.textContent);
    await open({ view: "qkv" });
    expect(operators()).toEqual(["\u00d7", "+", "="]);
    view.unmount();
    const q = TENSORS["run/blocks.1.attn.q"] as Tensor;
    const normed = { ...q, values: q.values.map((value) => value / 3) };
    await open({ view: "qkv" }, {}, { ...WORLD, tensors: { ...TENSORS, "run/blocks.1.attn.q": normed } });
    expect(operators()).toEqual(["\u00d7", "+", "\u2192"]);
    expect(view.find(".attrium-missing").textContent).toContain("not blocks.1.attn.q");
  });

  test("what cannot be read says so in place", async () => {
    const { "run/blocks.1.attn.q": _, ...tensors } = TENSORS;
    await open({ view: "qkv" }, {}, { ...WORLD, tensors });
    expect(view.find(".attrium-missing").textContent).toBe("there is no tensor run/blocks.1.attn.q here");
  });
});

describe("output", () => {
  test("heads and bias add up to what attention writes, and a head can be gone to", async () => {
    await open({ view: "output" });
    const [heads] = view.all(".attrium-sum");
    const titles = [...(heads?.querySelectorAll(".attrium-sum-title") ?? [])].map((title) => title.textContent);
    expect(titles).toEqual(["head 0", "head 1", "head 2", "head 3", "b_O", "attn.out"]);
    const miss = /adds up to within (\S+)/.exec(heads?.textContent ?? "")?.[1]?.replace("\u2212", "-");
    expect(Number(miss)).toBeLessThan(1e-5);
    await view.click(".attrium-sum .attrium-follow");
    expect(view.went).toEqual([{ head: 0 }]);
  });

  test("each visible key's value is weighted by its own attention; the norm of each stream is written", async () => {
    await open({ view: "output" });
    expect(view.all(".attrium-weighted-share").map((share) => share.textContent)).toEqual([
      "10.0%",
      "20.0%",
      "30.0%",
      "40.0%",
    ]);
    const pre = TENSORS["run/blocks.1.resid_pre"]?.values.slice(3 * D, 4 * D) ?? [];
    const norm = Math.sqrt(pre.reduce((sum, value) => sum + value * value, 0));
    expect(view.all(".attrium-sum")[1]?.textContent).toContain(`|${norm.toPrecision(3)}|`);
  });
});

describe("attention", () => {
  test("the first step's number is the product as its matrix has it, before the factor", async () => {
    await open({ view: "attention" });
    await view.settle(200);
    // The strongest key of query 3, by the pattern, is 3 itself.
    const product = dot(TENSORS["run/blocks.1.attn.q"], TENSORS["run/blocks.1.attn.k"], [2, 3, 3]);
    const words = view.find(".attrium-cell-product").textContent ?? "";
    expect(words).toContain(`= ${formatSigned(product)}`);
    expect(words).toContain("times 0.5");
  });
});

describe("MLP", () => {
  test("lists the strongest hidden units of this position and switches one off", async () => {
    await open({ view: "mlp", edits: [] });
    const post = TENSORS["run/blocks.1.mlp.post"]?.values.slice(3 * D_MLP, 4 * D_MLP) ?? [];
    const strongest = post.indexOf(Math.max(...post));
    expect(view.find(".attrium-neurons li").textContent).toContain(`neuron ${strongest}`);
    await view.click(".attrium-neurons .attrium-button");
    expect(view.went).toEqual([
      { edits: [{ kind: "zero", part: "neuron", block: BLOCK, neuron: strongest, position: null, on: true }] },
    ]);
    await view.settle();
    const last = view.all(".attrium-neurons li").at(-1);
    expect(last?.textContent).toContain(`neuron ${strongest}`);
    last?.querySelector<HTMLElement>(".attrium-button")?.click();
    expect(view.went.at(-1)).toEqual({ edits: [] });
  });

  test("says how many hidden units there are, and that the stream is added to", async () => {
    await open({ view: "mlp" });
    expect(view.el.textContent).toContain(`To ${D_MLP} hidden units`);
    const titles = view.all(".attrium-sum-title").map((title) => title.textContent);
    expect(titles).toEqual(["resid_mid", "mlp_out", "resid_post"]);
  });
});

test("nothing is drawn for views that are drawn elsewhere", async () => {
  await open({ view: "heads" });
  expect(view.all(".attrium-detail")).toHaveLength(0);
});
