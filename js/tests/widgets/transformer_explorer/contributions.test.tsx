import { afterEach, describe, expect, test } from "vitest";
import { Contributions } from "../../../src/widgets/transformer_explorer/contributions";
import { groupsOf, layoutOf } from "../../../src/widgets/transformer_explorer/details/contribution-bars";
import { bySize, itemWords, placeOf } from "../../../src/widgets/transformer_explorer/details/contribution-list";
import type { ContributionFacts } from "../../../src/widgets/transformer_explorer/protocol";
import { type DetailsHost, openDetail } from "./details-host";
import { explorerState, TEXTS } from "./panels-host";

const item = (label: string, kind: string, block: number | null, head: number | null, value: number) => ({
  label,
  kind,
  block,
  head,
  value,
});
const ITEMS = [
  item("embed", "embed", null, null, 0.5),
  item("pos_embed", "pos_embed", null, null, -0.25),
  item("blocks.0.head.0", "head", 0, 0, 1),
  item("blocks.0.head.1", "head", 0, 1, -2),
  item("blocks.0.mlp_out", "mlp", 0, null, 4),
  item("blocks.1.head.0", "head", 1, 0, 0.125),
  item("ln_final.bias", "norm", null, null, 0.0625),
];
const TOTAL = ITEMS.reduce((sum, { value }) => sum + value, 0);
const FACTS: ContributionFacts = {
  position: 3,
  token: { id: 3, text: " are" },
  versus: null,
  items: ITEMS,
  total: TOTAL,
  gap: 0,
  is_logits: true,
};

let view: DetailsHost;
afterEach(() => view?.unmount());
const open = async (facts: Partial<ContributionFacts> | string = {}, state = {}) => {
  view = await openDetail(Contributions, explorerState({ view: "contributions", token: 3, ...state }), {
    tensors: {},
    answers: { contributions: () => (typeof facts === "string" ? facts : { facts: { ...FACTS, ...facts } }) },
  });
  await view.settle();
  return view;
};

describe("bars", () => {
  test("stand in groups of blocks, in the order of the forward, each item once", () => {
    const groups = groupsOf(ITEMS);
    expect(groups.map(({ label }) => label)).toEqual(["in", "0", "1", "out"]);
    expect(groups.flatMap(({ items }) => items)).toEqual(ITEMS);
  });

  test("do not overlap, and become no thinner than can be seen", () => {
    const many = Array.from({ length: 2000 }, (_, i) => item(`h${i}`, "head", Math.floor(i / 32), i % 32, 1));
    const { bars, bar_px, width_px } = layoutOf(groupsOf(many), 600);
    expect(bar_px).toBe(3);
    const gaps = bars.slice(1).map((bar, i) => bar.left - (bars[i]?.left ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(bar_px - 1e-6);
    expect(width_px).toBeGreaterThan(2000 * 3);
  });

  test("by size, a large negative one comes before a small positive one", () => {
    expect(bySize(ITEMS).map(({ value }) => value)).toEqual([4, -2, 1, 0.5, -0.25, 0.125, 0.0625]);
  });

  test("lead to their head or MLP, and others nowhere", () => {
    expect(placeOf(ITEMS[3] as (typeof ITEMS)[number])).toEqual({ block: 0, head: 1, view: "attention" });
    expect(placeOf(ITEMS[4] as (typeof ITEMS)[number])).toEqual({ block: 0, view: "mlp" });
    expect(placeOf(ITEMS[0] as (typeof ITEMS)[number])).toBeNull();
    expect(ITEMS.map(itemWords)).toEqual([
      "token embedding",
      "position embedding",
      "head 0.0",
      "head 0.1",
      "MLP 0",
      "head 1.0",
      "norm's bias",
    ]);
  });
});

describe("Contributions", () => {
  test("asks for the followed token and states what the bars add up to, and by how much they miss it", async () => {
    await open({ gap: -0.003 }, { versus: 1 });
    expect(view.asked.find(({ question }) => question === "contributions")?.args).toEqual({
      position: 3,
      token: 3,
      versus: 1,
      which: "run",
    });
    expect(view.el.textContent).toContain("+3.438");
    expect(view.el.textContent).toContain("miss it by 0.0030");
    expect(view.el.textContent).not.toContain("scales or caps");
  });

  test("says so where the bars do not explain the logit itself", async () => {
    await open({ is_logits: false });
    expect(view.el.textContent).toContain("scales or caps its logits");
  });

  test("arrows say each bar, Enter goes to the head", async () => {
    await open();
    const stage = ".attrium-contribution-stage";
    for (let i = 0; i < 4; i++) await view.key(stage, "ArrowRight");
    expect(view.find(".attrium-spoken[aria-live]").textContent).toBe("head 0.1: \u22122.000");
    await view.key(stage, "Enter");
    expect(view.went).toEqual([{ block: 0, head: 1, view: "attention" }]);
  });

  test("sorted by size, every bar has its number and its button", async () => {
    await open();
    await view.click("[data-value=size]");
    const rows = view.all(".attrium-contribution-list li").map((row) => row.textContent);
    expect(rows[0]).toContain("MLP 0");
    expect(rows[1]).toContain("\u22122.000");
    await view.click(".attrium-contribution-list .attrium-follow");
    expect(view.went).toEqual([{ block: 0, view: "mlp" }]);
  });

  test("shows in place why there are none", async () => {
    await open("post-norm blocks have no direct contributions");
    expect(view.find(".attrium-missing").textContent).toBe("post-norm blocks have no direct contributions");
  });

  test("draws a token that looks like markup as text", async () => {
    await open({ token: { id: 2, text: TEXTS[2] ?? "" } });
    expect(view.all("b").every((bold) => bold.children.length === 0)).toBe(true);
    expect(view.el.textContent).toContain("<b>");
  });
});
