import { afterEach, describe, expect, test } from "vitest";
import type { Explorer } from "../../../src/widgets/transformer_explorer/explorer";
import { Probabilities } from "../../../src/widgets/transformer_explorer/probabilities";
import { nearestStop, topKStops } from "../../../src/widgets/transformer_explorer/probabilities-controls";
import { percentText } from "../../../src/widgets/transformer_explorer/probabilities-data";
import type { SamplerSettings, Traits } from "../../../src/widgets/transformer_explorer/protocol";
import { type Answers, explorerState, type Host, LOGITS, open, TEXTS } from "./panels-host";

let view: Host;
afterEach(() => view.unmount());

const OFF: SamplerSettings = { temperature: 1, top_k: null, top_p: null, min_p: null, greedy: false };
const List = ({ explorer }: { explorer: Explorer }) => <Probabilities explorer={explorer} compact />;

async function list(change: Partial<Traits> = {}, answers: Answers = {}) {
  view = await open(List, explorerState(change), answers);
}

async function table(sampler: Partial<SamplerSettings> = {}, change: Partial<Traits> = {}, answers: Answers = {}) {
  view = await open(Probabilities, explorerState({ sampler: { ...OFF, ...sampler }, ...change }), answers);
}

/** Shares of the whole vocabulary, by a naive softmax. */
function softmax(logits: readonly number[], temperature = 1): number[] {
  const weights = logits.map((logit) => Math.exp(logit / temperature));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

const texts = (selector: string) => view.all(selector).map((one) => one.textContent);
const row = (id: number) => `[data-id="${id}"]`;
const asked = () => view.model.sent.filter((one) => (one as { kind: string }).kind === "ask").length;

describe("the short list", () => {
  test("holds the likeliest first, with the model's probability of each, as text", async () => {
    await list();
    expect(view.all("[role=option]").map((one) => one.dataset.id)).toEqual(["3", "4", "1", "7", "6", "0", "5", "2"]);
    const shares = softmax(LOGITS);
    expect(view.text(`${row(3)} .attrium-odds-percent`)).toBe(`${(100 * (shares[3] ?? 0)).toFixed(1)}%`);
    expect(view.text(`${row(2)} .attrium-odds-token`)).toBe(TEXTS[2]);
    expect(view.all(".attrium-odds-list b")).toHaveLength(0);
  });

  test("adds the sampler's probability where that is another", async () => {
    await list();
    expect(view.all("[data-kind=sampler]")).toHaveLength(0);
    view.model.set("sampler", { ...OFF, temperature: 2, top_k: 2 });
    await view.settle();
    const two = softmax([6, 5], 2);
    expect(view.text(`${row(3)} [data-kind=sampler]`)).toBe(`${(100 * (two[0] ?? 0)).toFixed(1)}%`);
    expect(view.text(`${row(1)} [data-kind=sampler]`)).toBe("0%");
    expect(view.find(row(1)).dataset.out).toBe("true");
  });

  test("says less than, never zero, of what is merely unlikely", async () => {
    await list({}, { run: [20, 0, 0, 0, 0, 0, 0, 0] });
    expect(view.text(`${row(1)} .attrium-odds-percent`)).toBe("<0.01%");
    expect(view.text(`${row(0)} .attrium-odds-percent`)).toBe(">99.99%");
  });

  test("marks the token that stands next, and shows it wherever it ranks", async () => {
    const many = Array.from({ length: 150 }, (_, id) => (id === 2 ? -9 : id / 100));
    await list({ position: 1 }, { run: many });
    expect(texts("[data-next=true] .attrium-odds-token")).toEqual([TEXTS[2]]);
    expect(view.find(row(2)).dataset.apart).toBe("true");
    expect(view.all("[role=option]")).toHaveLength(15);
  });

  test("follows the token that is clicked, and lets go of it", async () => {
    await list();
    await view.click(row(4));
    expect([view.model.get("token"), view.find(row(4)).getAttribute("aria-selected")]).toEqual([4, "true"]);
    await view.click(row(4));
    expect(view.went).toEqual([{ token: 4 }, { token: null }]);
  });

  test("writes a token on at the end, and branches before it", async () => {
    await list();
    await view.click(`${row(4)} .attrium-odds-take`);
    expect(view.told()).toEqual([{ kind: "generate", count: 1, token: 4 }]);
    view.model.set("position", 1);
    await view.settle();
    await view.fire(row(7), new MouseEvent("dblclick", { bubbles: true }));
    expect(view.went).toEqual([{ ids: [0, 1, 7], position: 2 }]);
  });

  test("is walked by keys", async () => {
    await list();
    await view.key(row(3), "ArrowDown");
    await view.key(row(4), "Enter");
    await view.key(row(4), "Enter", { ctrlKey: true });
    expect([view.went, view.told()]).toEqual([[{ token: 4 }], [{ kind: "generate", count: 1, token: 4 }]]);
  });

  test("shows all numbers of the token under the pointer", async () => {
    await list();
    view.find(row(4)).dispatchEvent(new Event("pointerenter"));
    await view.settle();
    expect(view.text("[role=tooltip]")).toContain("is id 4");
    expect(view.text("[role=tooltip]")).toContain("5.000");
  });

  test("says in place why there is no answer", async () => {
    await list({}, { error: "this page needs a kernel" });
    expect(view.text(".attrium-odds-problem")).toBe("this page needs a kernel");
  });

  test("refuses to draw from logits that are not finite", async () => {
    await list({}, { run: [1, Number.NaN, 2] });
    expect(view.text(".attrium-odds-problem")).toContain("1 of 3 logits are NaN or infinite");
  });
});

describe("the table", () => {
  const cells = (id: number) => texts(`${row(id)} td`);

  test("has a column for each step that acts", async () => {
    await table();
    expect(texts("th")).toEqual(["Token", "id", "Logit", "Modelsoftmax of the logits"]);
    view.unmount();
    await table({ temperature: 0.5, top_p: 0.9, min_p: 0.1 });
    const names = view.all("th").map((head) => head.firstChild?.textContent);
    expect(names).toEqual(["Token", "id", "Logit", "Scaled", "Top-p", "Min-p", "Model", "Sampler"]);
  });

  test("shows what each filter looks at, struck through where it drops, and the sum where it cuts", async () => {
    await table({ top_p: 0.8 });
    const shares = softmax(LOGITS);
    const sum = (shares[3] ?? 0) + (shares[4] ?? 0);
    const percent = (share: number) => `${(100 * share).toFixed(1)}%`;
    expect(cells(4)).toEqual([
      "\u00b7is",
      "4",
      "5.000",
      percent(sum),
      percent(shares[4] ?? 0),
      percent((shares[4] ?? 0) / sum),
    ]);
    expect(view.all(`${row(4)} s`)).toHaveLength(0);
    expect(view.all(`${row(1)} s`)).toHaveLength(1);
    expect(view.text(".attrium-odds-cut")).toBe(`Top-p cuts here at ${percent(sum)}: 2 left`);
  });

  test("works the hovered token out in its own numbers", async () => {
    await table({ temperature: 2, top_k: 3 });
    view.find(row(4)).dispatchEvent(new Event("pointerenter"));
    await view.settle();
    const steps = texts(".attrium-formula dd");
    expect(steps[1]).toBe("exp(5.000 \u2212 6.000) =0.3679");
    expect(steps[3]).toBe("5.000 / 2.00 =2.500");
    expect(steps[5]).toBe("place 2 of 3kept");
    const [one, two, three] = [1, Math.exp(-0.5), Math.exp(-1)];
    expect(steps[6]).toContain(`0.6065 / (1.00 + 0.607 + 0.368 = ${(one + two + three).toFixed(3)})`);
    expect(steps[6]).toContain(`${((100 * two) / (one + two + three)).toFixed(1)}%`);
  });

  test("says why the likeliest stays where top-p is 0", async () => {
    await table({ top_p: 0 });
    view.find(row(3)).dispatchEvent(new Event("pointerenter"));
    await view.settle();
    expect(texts(".attrium-formula dd")).toContain("the likeliest always stays:kept");
  });

  test("follows its sliders without asking Python for anything", async () => {
    await table();
    const before = asked();
    await view.type("[aria-label=Top-k]", "1");
    expect(view.model.get("sampler")).toEqual({ ...OFF, top_k: 2 });
    await view.type("input[type=range]", "0.5");
    expect(view.model.get("sampler").temperature).toBe(0.5);
    const two = softmax([6, 5], 0.5);
    expect(view.text(`${row(3)} [data-kind=sampler]`)).toBe(`${(100 * (two[0] ?? 0)).toFixed(1)}%`);
    expect(asked()).toBe(before);
  });

  test("switches a filter on where it last stood", async () => {
    await table({ top_p: 0.37 });
    const top_p = view.all("[role=switch]").find((one) => one.textContent === "Top-p");
    top_p?.setAttribute("data-wanted", "top-p");
    await view.click("[data-wanted=top-p]");
    expect(view.model.get("sampler").top_p).toBeNull();
    await view.click("[data-wanted=top-p]");
    expect(view.model.get("sampler").top_p).toBe(0.37);
  });

  test("draws only the rows in sight, and says what the list leaves out", async () => {
    const many = Array.from({ length: 1000 }, (_, id) => -id / 500);
    await table({ top_p: 0.9 }, {}, { run: many });
    expect(view.all("tr[data-id]").length).toBeLessThan(40);
    const listed = softmax(many)
      .slice(0, 200)
      .reduce((sum, share) => sum + share, 0);
    expect(view.text(".attrium-odds-totals")).toContain(`they hold ${(100 * listed).toFixed(1)}% of the model`);
    const box = view.find(".attrium-odds-table");
    box.scrollTop = 100 * 28;
    await view.fire(".attrium-odds-table", new Event("scroll"));
    expect(view.all(row(104))).toHaveLength(1);
    expect(view.all(row(0))).toHaveLength(0);
  });

  test("is read, followed and taken from by keys", async () => {
    await table();
    await view.key(row(3), "ArrowDown");
    await view.key(row(4), "Enter");
    expect(view.went).toEqual([{ token: 4 }]);
    await view.key(row(4), "Enter", { ctrlKey: true });
    expect(view.told()).toEqual([{ kind: "generate", count: 1, token: 4 }]);
  });

  const model = explorerState().model as Exclude<Traits["model"], Record<string, never>>;

  test("of a classifier has classes and no sampler", async () => {
    const state = { model: { ...model, positions_have_logits: false } };
    await table({ top_k: 2 }, state, { run: [1, 3], kind: "class" });
    expect(texts("th")).toEqual(["Class", "id", "Logit", "Modelsoftmax of the logits"]);
    expect(view.all(".attrium-sampler, .attrium-odds-take")).toHaveLength(0);
    expect(view.text(`${row(1)} [data-kind=model]`)).toBe(`${(100 * (softmax([1, 3])[1] ?? 0)).toFixed(1)}%`);
  });

  test("of a masked model is about the token here, and nothing is drawn", async () => {
    await table({ top_k: 2 }, { model: { ...model, causal: false }, position: 1 });
    expect(view.text(".attrium-odds-title")).toBe("What the model says at keys");
    expect(view.all(".attrium-sampler, [data-kind=sampler], .attrium-odds-next")).toHaveLength(0);
    await view.key(row(3), "Enter", { ctrlKey: true });
    expect([view.told(), view.went]).toEqual([[], []]);
  });
});

test("percentText keeps three digits of small shares", () => {
  expect([0, 1, 0.5, 0.00042, 0.000001].map(percentText)).toEqual(["0%", "100%", "50.0%", "0.0420%", "1.00e\u22124%"]);
});

test("the stops of top-k reach every small number and the whole vocabulary", () => {
  const stops = topKStops(50257);
  expect(stops.slice(0, 21)).toEqual([...Array.from({ length: 20 }, (_, at) => at + 1), 25]);
  expect(stops.at(-1)).toBe(50257);
  expect(stops.every((stop, at) => stop > (stops[at - 1] ?? 0))).toBe(true);
  expect(stops[nearestStop(stops, 52)]).toBe(50);
  expect(topKStops(3)).toEqual([1, 2, 3]);
});
