import { afterEach, describe, expect, test } from "vitest";
import { shortened, termOf } from "../../../src/widgets/transformer_explorer/details/operand-bars";
import type { Explorer } from "../../../src/widgets/transformer_explorer/explorer";
import { OriginCard } from "../../../src/widgets/transformer_explorer/origin-card";
import type { ModelFacts, NumberRef, OriginFacts, Traits } from "../../../src/widgets/transformer_explorer/protocol";
import { type DetailsHost, openDetail } from "./details-host";
import { explorerState } from "./panels-host";

const X = [0.5, -1, 2, 0.25, 3, -0.125];
const W = [2, 0.5, -1, 4, 0.25, 8];
const VALUE = X.reduce((sum, x, i) => sum + x * (W[i] ?? 0), 0);

const operand = (i: number) => ({
  label: `x[3, ${i}]`,
  name: "blocks.1.ln1.out",
  index: [3, i],
  value: X[i] ?? 0,
  factor: W[i] ?? 0,
  term: (X[i] ?? 0) * (W[i] ?? 0),
});

const Q: OriginFacts = {
  name: "blocks.1.attn.q",
  index: [3, 2, 0],
  axes: ["position", "head", "d_head"],
  shape: [4, 4, 4],
  value: VALUE,
  recomputed: VALUE + 1e-7,
  title: "query of head 2",
  formula: "ln1.out · W_Q[2, :, 0]",
  worked: `2 × (−1) + … = ${VALUE}`,
  operands: [...X.keys()].map(operand).sort((a, b) => Math.abs(b.term) - Math.abs(a.term)),
  rest: { count: 10, sum: 0.75 },
};
const X_ORIGIN: OriginFacts = {
  ...Q,
  name: "blocks.1.ln1.out",
  index: [3, 2],
  axes: ["position", "d_model"],
  shape: [4, 16],
  value: 2,
  recomputed: null,
  title: "normalised stream",
  operands: [],
  rest: null,
};

const REFERENCE: NumberRef = { name: "blocks.1.attn.q", index: [3, 2, 0], which: "run" };

let view: DetailsHost;
afterEach(() => view?.unmount());
const open = async (
  Part: (props: { explorer: Explorer }) => ReturnType<typeof OriginCard>,
  change: Partial<Traits> = {},
) => {
  view = await openDetail(
    Part,
    { ...explorerState(), ...change },
    {
      tensors: {},
      answers: {
        origin: ({ name }) =>
          name === "blocks.1.attn.q"
            ? { facts: Q }
            : name === "blocks.1.ln1.out"
              ? { facts: X_ORIGIN }
              : "no such name",
      },
    },
  );
  await view.settle();
  return view;
};

describe("OriginCard", () => {
  test("says what the model calls a number and its terms, as text", async () => {
    const dimensions = ["one", "<b>two</b>", "three"];
    const names = { dimensions, heads: [[], ["", "", "<i>earlier</i>"]], compared: [[], [[], [], ["tokens=a"]]] };
    const model = { ...(explorerState().model as ModelFacts), names };
    await open(({ explorer }) => <OriginCard explorer={explorer} reference={REFERENCE} />, { model });
    const said = view.all(".attrium-part-name").map((one) => one.textContent?.trim());
    expect(said[0]).toBe("<i>earlier</i>, tokens=a");
    // The terms are of x 0 to 5, and the largest comes first; three of the six have names.
    expect(said.slice(1)).toEqual(["three", "one", "<b>two</b>"]);
  });

  test("shows value, name, shape, the worked formula and the general one, and how far they are apart", async () => {
    await open(({ explorer }) => <OriginCard explorer={explorer} reference={REFERENCE} />);
    const text = view.el.textContent ?? "";
    for (const part of ["blocks.1.attn.q[3, 2, 0]", Q.worked, Q.formula, Q.title, "position 4, head 4, d_head 4"])
      expect(text).toContain(part);
    expect(text).toContain("difference of 1.");
  });

  test("lists the operands largest first, with the numbers that they are made of", async () => {
    await open(({ explorer }) => <OriginCard explorer={explorer} reference={REFERENCE} />);
    const rows = view.all(".attrium-operands tbody tr").map((row) => row.textContent ?? "");
    expect(rows).toHaveLength(X.length + 1);
    expect(rows[0]).toContain("x[3, 2]");
    expect(rows[0]).toContain("\u22122.000");
    expect(rows[0]).toContain("2.000 \u00d7 \u22121.000");
    expect(rows.at(-1)).toContain("10 more");
  });

  test("follows an operand to its own origin, and comes back", async () => {
    await open(({ explorer }) => <OriginCard explorer={explorer} reference={REFERENCE} />);
    await view.click(".attrium-follow");
    await view.settle();
    expect(view.asked.at(-1)?.args).toEqual({ name: "blocks.1.ln1.out", index: [3, 2], which: "run" });
    expect(view.find(".attrium-origin").textContent).toContain("normalised stream");
    await view.click(".attrium-origin-head button");
    expect(view.find(".attrium-origin").textContent).toContain("query of head 2");
  });

  test("waits until the pointer has come to rest where it is compact, and lists nothing", async () => {
    await open(({ explorer }) => <OriginCard explorer={explorer} reference={explorer.pointed.value} compact />);
    const { pointed } = view.explorer();
    for (const at of [0, 1, 2]) pointed.value = { ...REFERENCE, index: [at, 2, 0] };
    pointed.value = REFERENCE;
    await view.settle(60);
    expect(view.asked).toHaveLength(0);
    await view.settle(200);
    await view.settle();
    expect(view.asked.map(({ args }) => args.index)).toEqual([REFERENCE.index]);
    expect(view.find(".attrium-origin").textContent).toContain(Q.worked);
    expect(view.all(".attrium-operands")).toHaveLength(0);
  });

  test("shows in place why there is no origin", async () => {
    await open(({ explorer }) => <OriginCard explorer={explorer} reference={{ ...REFERENCE, name: "nothing" }} />);
    expect(view.find(".attrium-missing").textContent).toBe("no such name");
  });

  test("draws nothing without a number", async () => {
    await open(({ explorer }) => <OriginCard explorer={explorer} reference={null} />);
    expect(view.all(".attrium-origin")).toHaveLength(0);
  });
});

describe("operands", () => {
  test("what is left out of a shortened list goes to the rest, so that the sum stays", () => {
    const total = (facts: Pick<OriginFacts, "operands" | "rest">) =>
      facts.operands.reduce((sum, one) => sum + (termOf(one) ?? 0), 0) + (facts.rest?.sum ?? 0);
    const short = shortened(Q, 2);
    expect(short.operands).toHaveLength(2);
    expect(short.rest?.count).toBe(14);
    expect(total(short)).toBeCloseTo(total(Q), 12);
    expect(shortened(Q, 6)).toBe(Q);
  });

  test("an operand that is no summand keeps its place in a shortened list", () => {
    const scale = { label: "scale", name: null, index: null, value: 2, factor: null, term: null };
    const short = shortened({ ...Q, operands: [...Q.operands, scale] }, 2);
    expect(short.operands.map(({ label }) => label)).toContain("scale");
  });
});
