import { afterEach, describe, expect, test } from "vitest";
import type { Frame } from "../../../src/lib";
import { LensView } from "../../../src/widgets/transformer_explorer/lens";
import {
  drawnCell,
  type LensChunk,
  lensCell,
  pointLabel,
  rankShare,
} from "../../../src/widgets/transformer_explorer/lens-cells";
import { niceTop, rankTicks } from "../../../src/widgets/transformer_explorer/lens-chart";
import { chunksInSight, ROW_PX } from "../../../src/widgets/transformer_explorer/lens-data";
import { type DetailsHost, openDetail, type Reply } from "./details-host";
import { explorerState, TEXTS, tokensOf } from "./panels-host";

const POINTS = ["blocks.0.resid_pre", "blocks.0.resid_post", "blocks.1.resid_post"];
const VOCAB = TEXTS.length;
/** Top tokens and their shares, different in every cell. */
const topOf = (point: number, position: number, nth: number) => (point + 2 * position + nth) % VOCAB;
const shareOf = (point: number, position: number, nth: number) => (0.4 + 0.1 * point + 0.01 * position) / (nth + 1);

function lensAnswer(args: Record<string, unknown>): Reply {
  const { start, stop, token, which } = args as { start: number; stop: number; token: number; which: string };
  const lanes = stop - start;
  const cells = <Value,>(value: (point: number, position: number) => Value) =>
    POINTS.flatMap((_, point) => Array.from({ length: lanes }, (_, lane) => value(point, start + lane)));
  const five = [0, 1, 2, 3, 4];
  const shape = [POINTS.length, lanes];
  return {
    facts: {
      points: POINTS.map((name, at) => ({ name, block: at })),
      start,
      stop,
      token: { id: token, text: TEXTS[token] },
      texts: Object.fromEntries(TEXTS.map((text, id) => [id, text])),
    },
    frames: {
      top: { shape: [...shape, 5], values: Int32Array.from(cells((p, l) => five.map((n) => topOf(p, l, n))).flat()) },
      top_probability: {
        shape: [...shape, 5],
        values: Float32Array.from(cells((p, l) => five.map((n) => shareOf(p, l, n))).flat()),
      },
      probability: { shape, values: Float32Array.from(cells((p) => (which === "base" ? 0.1 : 0.35) + 0.1 * p)) },
      rank: { shape, values: Int32Array.from(cells((p, l) => 1 + p + l)) },
      entropy: { shape, values: Float32Array.from(cells((p) => 2 - p / 2)) },
    },
  };
}

const logitsAnswer = (args: Record<string, unknown>): Reply => ({
  facts: {
    position: args.position,
    which: args.which,
    top: [3, 1, 0].map((id) => ({ id, text: TEXTS[id] })),
    named: [],
    next: 2,
    kind: "token",
  },
  frames: {},
});

const ids = Array.from({ length: 40 }, (_, at) => at % VOCAB);
const state = (change = {}) => explorerState({ ids, tokens: tokensOf(ids), position: 3, view: "lens", ...change });

let view: DetailsHost;
afterEach(() => view?.unmount());
const open = async (change = {}) => {
  view = await openDetail(LensView, state(change), {
    tensors: {},
    answers: { lens: lensAnswer, logits: logitsAnswer },
  });
  await view.settle();
  await view.settle();
  return view;
};

function chunk(start: number, stop: number): LensChunk {
  const answer = lensAnswer({ start, stop, token: 1, which: "run" });
  if (typeof answer === "string") throw new Error(answer);
  const frames = Object.fromEntries(
    Object.entries(answer.frames ?? {}).map(([name, { shape, values }]) => [
      name,
      { name, shape, stored: values, quantised: null } as unknown as Frame,
    ]),
  );
  return { facts: answer.facts as LensChunk["facts"], frames };
}

describe("cells of the lens", () => {
  test("are read at their point and position, not at their place in the chunk", () => {
    const cell = lensCell(chunk(8, 16), 2, 11);
    expect(cell?.top.map(({ id }) => id)).toEqual([0, 1, 2, 3, 4].map((nth) => topOf(2, 11, nth)));
    expect(cell?.top[1]?.text).toBe(TEXTS[topOf(2, 11, 1)]);
    expect(cell?.top[0]?.probability).toBeCloseTo(shareOf(2, 11, 0), 6);
    expect(cell).toMatchObject({ rank: 14, entropy: 1 });
    expect(lensCell(chunk(8, 16), 2, 7)).toBeNull();
    expect(lensCell(chunk(8, 16), 3, 9)).toBeNull();
  });

  test("say the token, the probability, the rank or the change", () => {
    const cell = lensCell(chunk(0, 8), 1, 2);
    if (!cell) throw new Error("no cell");
    const other = { ...cell, probability: cell.probability + 0.25 };
    const text = (mode: Parameters<typeof drawnCell>[0]) => drawnCell(mode, cell, other, VOCAB, "light").text;
    expect(text("top")).toBe(cell.top[0]?.text);
    expect(text("probability")).toBe("45.0%");
    expect(text("rank")).toBe("4");
    expect(text("change")).toBe("\u221225.0%");
  });

  test("rank 1 is strongest, the last weakest, and each factor of ten one step", () => {
    expect(rankShare(1, 1000)).toBe(1);
    expect(rankShare(1000, 1000)).toBeCloseTo(0, 10);
    expect(rankShare(10, 1000) - rankShare(100, 1000)).toBeCloseTo(1 / 3, 10);
    expect(rankTicks(50257).map(({ rank }) => rank)).toEqual([1, 10, 100, 1000, 10000]);
  });

  test("points are named by the block they come out of", () => {
    expect(pointLabel({ name: "blocks.0.resid_pre", block: 0 })).toBe("in");
    expect(pointLabel({ name: "blocks.4.resid_post", block: 5 })).toBe("4");
  });
});

test("the chart ends just above its largest probability", () => {
  expect([1, 0.98, 0.43, 0.2, 0.011, 0].map(niceTop)).toEqual([1, 1, 0.5, 0.2, 0.02, 1e-6]);
});

test("only chunks in sight, and one on each side, are asked for", () => {
  expect(chunksInSight(0, 10 * ROW_PX, 1000)).toEqual([0, 8, 16]);
  expect(chunksInSight(100 * ROW_PX, 10 * ROW_PX, 1000)).toEqual([88, 96, 104, 112]);
  expect(chunksInSight(0, 10 * ROW_PX, 9)).toEqual([0, 8]);
});

describe("LensView", () => {
  const asked = () => view.asked.filter(({ question }) => question === "lens").map(({ args }) => args);

  test("asks by chunks of eight lanes, and names the token that is likeliest here", async () => {
    await open();
    expect(asked().every(({ token }) => token === 3)).toBe(true);
    expect(new Set(asked().map(({ start, stop }) => `${start}-${stop}`))).toEqual(
      new Set(["0-8", "8-16", "16-24", "24-32"]),
    );
    expect(view.el.textContent).toContain("Followed is are");
  });

  test("the chosen cell's token is followed", async () => {
    await open();
    await view.fire(
      view.all(".attrium-lens-cells")[1] as HTMLElement,
      new MouseEvent("click", { bubbles: true, clientX: 0, clientY: ROW_PX * 2.5 }),
    );
    expect(view.went).toEqual([{ token: topOf(0, 10, 0), position: 10 }]);
  });

  test("keys move through the cells, say them, and Enter follows", async () => {
    await open();
    await view.key(".attrium-lens", "ArrowDown");
    await view.key(".attrium-lens", "ArrowLeft");
    expect(view.find(".attrium-spoken[aria-live]").textContent).toContain(`rank ${1 + 1 + 4}`);
    await view.key(".attrium-lens", "Enter");
    expect(view.went).toEqual([{ token: topOf(1, 4, 0), position: 4 }]);
  });

  test("offers the change only where there are interventions, and then asks for both runs", async () => {
    await open();
    expect(view.all("[data-value=change]")).toHaveLength(0);
    view.unmount();
    await open({ facts: { forward_ms: 1, bytes: 1, edited: true, checked: "" } });
    await view.click("[data-value=change]");
    await view.settle();
    expect(new Set(asked().map(({ which }) => which))).toEqual(new Set(["run", "base"]));
  });

  test("says why there is no lens", async () => {
    view = await openDetail(LensView, state(), {
      tensors: {},
      answers: { lens: () => "this model has no unembedding", logits: logitsAnswer },
    });
    await view.settle();
    await view.settle();
    expect(view.el.textContent).toContain("this model has no unembedding");
    expect(view.all(".attrium-lens-cells")).toHaveLength(0);
  });
});
