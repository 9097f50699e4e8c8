import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type ViewProps, widget } from "../../../src/lib";
import type { Explorer } from "../../../src/widgets/transformer_explorer/explorer";
import type { Traits } from "../../../src/widgets/transformer_explorer/protocol";
import { hasTerm, openTerm, Tour, TourButton } from "../../../src/widgets/transformer_explorer/tour";
import type { Step } from "../../../src/widgets/transformer_explorer/tour-steps";
import { type Mounted, mount } from "../mount";

const WORDS = {
  next: "Next",
  back: "Back",
  close: "Close the tour",
  finish: "Finish",
  steps: "All steps",
  turn: "Your turn",
  done: "Done",
  language: "Language",
  move: "Move this card",
};
const STEPS: Step[] = [
  { title: "Start", text: ["It **reads** a `W_U` <b>row</b>."], show: {}, light: [], turn: null },
  {
    title: "Heads",
    text: ["Look."],
    show: { view: "attention", head: -1 },
    light: ["attention"],
    turn: null,
    terms: ["head", "softmax"],
  },
  {
    title: "Yours",
    text: ["Now you."],
    show: { view: "attention" },
    light: [],
    turn: { ask: "Choose another head.", done: { head: { changed: true } } },
  },
];
const TOUR = {
  title: "Basics",
  languages: {
    en: { name: "English", words: WORDS, steps: STEPS },
    ja: {
      name: "日本語",
      words: { ...WORDS, next: "次へ" },
      steps: STEPS.map((step) => ({ ...step, title: `${step.title}・` })),
    },
  },
};

let explorer: Explorer;

function View(props: ViewProps<Traits>) {
  explorer = {
    ...props,
    go: (change: object) => Object.entries(change).map(([k, v]) => props.store.set(k as "view", v)),
  } as unknown as Explorer;
  return (
    <div class="attrium-te">
      <button type="button" class="probe">
        a control
      </button>
      <TourButton explorer={explorer} />
      <span data-tour="attention" />
      <Tour explorer={explorer} />
    </div>
  );
}

const STATE = {
  tour: TOUR,
  step: -1,
  language: "en",
  view: "",
  block: 0,
  head: 0,
  position: 1,
  model: { blocks: 2, heads: 4 },
  tokens: [{}, {}, {}],
  theme: "light",
  height_px: 0,
  status: { state: "idle", label: "", message: "" },
} as unknown as Traits;

let m: Mounted<Traits>;
beforeEach(async () => {
  m = await mount(widget<Traits>("attrium-transformer-explorer", View), { ...STATE });
});
afterEach(() => {
  m.unmount();
  document.body.textContent = "";
});

const title = () => m.find(".attrium-tour-body h3").textContent;
const to = async (step: number) => {
  m.model.set("step", step);
  await m.settle();
};

describe("the card", () => {
  test("is there while a step is open, and draws texts as text", async () => {
    expect(m.all(".attrium-tour-card")).toHaveLength(0);
    await to(0);
    expect(title()).toBe("Start");
    expect(m.find(".attrium-tour-body p").innerHTML).toBe(
      "It <strong>reads</strong> a <code>W_U</code> &lt;b&gt;row&lt;/b&gt;.",
    );
    expect(m.find(".attrium-tour-pill").textContent).toBe("1 / 3");
    await to(-1);
    expect(m.all(".attrium-tour-card")).toHaveLength(0);
  });

  test("goes on and back by buttons and arrows, and is closed by Escape", async () => {
    await to(0);
    await m.click(".attrium-tour-next");
    expect(m.model.get("step")).toBe(1);
    await m.key(".attrium-tour-card", "ArrowRight");
    expect(title()).toBe("Yours");
    await m.key(".attrium-tour-card", "ArrowRight");
    expect(m.model.get("step")).toBe(2);
    await m.key(".attrium-tour-card", "ArrowLeft");
    expect(title()).toBe("Heads");
    expect((await m.key(".attrium-tour-card", "Escape")).defaultPrevented).toBe(true);
    expect(m.model.get("step")).toBe(-1);
  });

  test("ends with the last step", async () => {
    await to(2);
    expect(m.find(".attrium-tour-next").textContent).toBe("Finish");
    await m.click(".attrium-tour-next");
    expect(m.model.get("step")).toBe(-1);
  });

  test("lists all steps, and Escape closes the list before the tour", async () => {
    await to(0);
    await m.click(".attrium-tour-pill");
    expect(m.all(".attrium-tour-list button").map((b) => b.textContent)).toEqual(["1Start", "2Heads", "3Yours"]);
    expect(m.find(".attrium-tour-list [aria-current=step]").textContent).toBe("1Start");
    await m.key(".attrium-tour-list button", "Escape");
    expect(m.all(".attrium-tour-list")).toHaveLength(0);
    expect(m.model.get("step")).toBe(0);
    await m.click(".attrium-tour-pill");
    await m.click(".attrium-tour-list li:last-child button");
    expect(title()).toBe("Yours");
  });

  test("speaks another language at once, and one like the one asked for", async () => {
    await to(1);
    const select = m.find(".attrium-tour-language") as HTMLSelectElement;
    select.value = "ja";
    select.dispatchEvent(new Event("change", { bubbles: true }));
    await m.settle();
    expect(m.model.get("language")).toBe("ja");
    expect(title()).toBe("Heads・");
    expect(m.find(".attrium-tour-card").getAttribute("lang")).toBe("ja");
    m.model.set("language", "ja-JP");
    await m.settle();
    expect(title()).toBe("Heads・");
    m.model.set("language", "fr");
    await m.settle();
    expect(title()).toBe("Heads");
  });

  test("takes the focus from a reader in the view, gives it back, and leaves others alone", async () => {
    await to(0);
    expect(document.activeElement?.className).not.toBe("attrium-tour-card");
    await to(-1);
    m.find(".probe").focus();
    await to(0);
    expect(document.activeElement?.className).toBe("attrium-tour-card");
    await m.key(".attrium-tour-card", "Escape");
    expect(document.activeElement?.className).toBe("probe");
  });

  test("is said, step by step", async () => {
    await to(0);
    expect(m.find(".attrium-spoken").textContent).toBe("Start It reads a W_U <b>row</b>. ");
    await to(2);
    expect(m.find(".attrium-spoken").textContent).toBe("Yours Now you. Choose another head.");
  });
});

describe("what a step shows", () => {
  test("is set when it opens, counted from the end, and put back when it goes", async () => {
    await to(1);
    expect([m.model.get("view"), m.model.get("head")]).toEqual(["attention", 3]);
    await to(2);
    expect([m.model.get("view"), m.model.get("head")]).toEqual(["attention", 0]);
    await to(-1);
    expect([m.model.get("view"), m.model.get("head")]).toEqual(["", 0]);
  });

  test("stays where the reader changed it", async () => {
    await to(1);
    m.model.set("head", 2);
    await m.settle();
    await to(-1);
    expect([m.model.get("view"), m.model.get("head")]).toEqual(["", 2]);
  });

  test("is lit by name on the view", async () => {
    await to(1);
    expect(m.find(".attrium-te").getAttribute("data-tour-lit")).toBe("attention");
    await to(2);
    expect(m.find(".attrium-te").hasAttribute("data-tour-lit")).toBe(false);
  });
});

describe("the reader's turn", () => {
  test("is done when the traits say so, is said, and stays done", async () => {
    await to(2);
    expect(m.find(".attrium-tour-turn").dataset.done).toBe("false");
    m.model.set("head", 1);
    await m.settle();
    expect(m.find(".attrium-tour-turn").dataset.done).toBe("true");
    expect(m.find(".attrium-spoken").textContent).toBe("Done");
    m.model.set("head", 0);
    await m.settle();
    expect(m.find(".attrium-tour-turn").dataset.done).toBe("true");
    await to(0);
    await to(2);
    expect(m.find(".attrium-tour-turn").dataset.done).toBe("false");
  });

  test("is not done by what the step before leaves behind", async () => {
    await to(1);
    await to(2);
    expect(m.model.get("head")).toBe(0);
    expect(m.find(".attrium-tour-turn").dataset.done).toBe("false");
  });
});

describe("words elsewhere", () => {
  test("open the step that explains them", async () => {
    expect(hasTerm(explorer, "Softmax")).toBe(true);
    expect(openTerm(explorer, " Head ")).toBe(true);
    await m.settle();
    expect(title()).toBe("Heads");
    expect(openTerm(explorer, "nothing of the kind")).toBe(false);
    expect(m.model.get("step")).toBe(1);
  });

  test("the button opens and closes the tour", async () => {
    const button = '[aria-label="Tour: Basics"].attrium-button';
    await m.click(button);
    expect(m.model.get("step")).toBe(0);
    await m.click(button);
    expect(m.model.get("step")).toBe(-1);
  });
});

test("nothing listens after the view has gone", async () => {
  const observe = vi.spyOn(ResizeObserver.prototype, "disconnect");
  await to(1);
  m.unmount();
  expect(observe).toHaveBeenCalled();
  expect(m.el.innerHTML).toBe("");
});
