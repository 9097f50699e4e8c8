/** What the pointer or the keyboard is on, and what is said of it. */
import { type Signal, useSignal } from "@preact/signals";
import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { formatSigned, spokenText } from "../../../lib";
import type { Scene } from "../../../lib/scene";
import { type Hit, hitTest } from "../../../lib/scene-hit";
import type { Explorer } from "../explorer";
import { headName, numberName, withName } from "../names";
import { hasTerm, openTerm } from "../tour";
import type { About } from "./about";
import { exactOf } from "./exact";
import { aboutFocus, focusBox, peakOf, strongest } from "./focus";
import { type Hint, hintOf, type Told } from "./hints";
import type { Layout } from "./layout";
import { exactWeight } from "./weight-text";

export interface Pointing {
  hit: Signal<Hit<About> | null>;
  hint: Signal<Hint | null>;
  /** The exact number behind a pooled one, once it is there. */
  exact: Signal<string | null>;
  /** What is said in place of the hint's own words, once a weight is known exactly. */
  better: Signal<Pick<Hint, "title" | "lines"> | null>;
  x: Signal<number>;
  y: Signal<number>;
  at(x: number, y: number): void;
  /** Sets what the keyboard is on, and says it where asked. */
  tell(focused: Focused, aloud: boolean): void;
  leave(): void;
  /** Does what a click here does. */
  act(): void;
}

export interface Focused {
  hint: Hint;
  x: number;
  y: number;
}

/** How long the pointer rests before the number behind a pooled one is asked for. */
const REST_MS = 110;

export function usePointing(
  explorer: Explorer,
  scene: Scene<About> | null,
  told: Told,
  box: RefObject<HTMLElement>,
): Pointing {
  const hit = useSignal<Hit<About> | null>(null);
  const hint = useSignal<Hint | null>(null);
  const exact = useSignal<string | null>(null);
  const better = useSignal<Pick<Hint, "title" | "lines"> | null>(null);
  const x = useSignal(0);
  const y = useSignal(0);
  const latest = useRef(told);
  latest.current = told;
  const show = (next: Hint | null) => {
    if (sameHint(hint.value, next)) return;
    hint.value = next;
    exact.value = null;
    better.value = null;
    explorer.pointed.value = next?.reference ?? null;
    explorer.lane.value = next?.lane ?? null;
  };
  const resting = hint.value;
  useEffect(() => {
    if (!resting?.range || !resting.reference) return undefined;
    const timer = setTimeout(async () => {
      const found = await exactOf(explorer.channel, resting).catch(() => null);
      if (!found || hint.value !== resting) return;
      const { index } = found.reference;
      const count = resting.range ? resting.range[1] - resting.range[0] : 1;
      const called = numberName(latest.current.model, found.reference);
      exact.value = `${withName(`entry ${index[index.length - 1]}`, called)}: ${formatSigned(found.value)}${count > 1 ? `, the largest of its ${count}` : ""}`;
      explorer.pointed.value = found.reference;
    }, REST_MS);
    return () => clearTimeout(timer);
  }, [resting]);
  useExactWeight(explorer, hint, better);
  useExplaining(explorer, resting, box);
  return {
    hit,
    hint,
    exact,
    better,
    x,
    y,
    at(left, top) {
      if (!scene) return;
      const found = hitTest(scene, left, top);
      x.value = left;
      y.value = top;
      if (found?.mark !== hit.value?.mark || found?.row !== hit.value?.row || found?.column !== hit.value?.column)
        hit.value = found;
      const said = found && hintOf(found, latest.current);
      show(said?.opensTerm && !hasTerm(explorer, said.term) ? null : said);
    },
    tell(focused, aloud) {
      hit.value = null;
      x.value = focused.x;
      y.value = focused.y;
      show(focused.hint);
      if (aloud) explorer.announce([focused.hint.title, ...focused.hint.lines, focused.hint.value ?? ""].join(". "));
    },
    leave() {
      hit.value = null;
      show(null);
    },
    act() {
      const now = hint.value;
      if (now?.click) explorer.go(now.click);
      else if (now?.opensTerm) openTerm(explorer, now.term);
    },
  };
}

/** Once the pointer rests on a weight that is only nearly known, says the exact one. */
function useExactWeight(
  { channel, pointed }: Explorer,
  hint: Signal<Hint | null>,
  better: Signal<Pick<Hint, "title" | "lines"> | null>,
): void {
  const resting = hint.value;
  useEffect(() => {
    const nearly = resting?.nearly;
    if (!nearly) return undefined;
    const timer = setTimeout(async () => {
      // A saved page may be without: what is said then stays "about" or "at most".
      const exact = await exactWeight(channel, nearly).catch(() => null);
      if (!exact || hint.value !== resting) return;
      better.value = nearly.told(exact);
      const { name, which, head, query } = nearly;
      pointed.value = { name, which, index: [head, query, exact.key] };
    }, REST_MS);
    return () => clearTimeout(timer);
  }, [resting]);
}

/** While something is said, T opens the tour on it, wherever the focus is but in a field. */
function useExplaining(explorer: Explorer, hint: Hint | null, box: RefObject<HTMLElement>): void {
  const term = hint?.term ?? "";
  useEffect(() => {
    const document = box.current?.ownerDocument;
    if (!document || term === "") return undefined;
    const open = (event: KeyboardEvent) => {
      const target = event.composedPath()[0];
      const typing = target instanceof HTMLElement && target.closest("input, textarea, select, [contenteditable]");
      if (typing || event.key !== "t" || event.ctrlKey || event.metaKey || event.altKey) return;
      if (!openTerm(explorer, term)) return;
      event.preventDefault();
      event.stopPropagation();
    };
    document.addEventListener("keydown", open, true);
    return () => document.removeEventListener("keydown", open, true);
  }, [term]);
}

function sameHint(one: Hint | null, other: Hint | null): boolean {
  if (one === null || other === null) return one === other;
  // Two tokens may read alike: then only the pair tells their weights apart.
  if (one.pair?.join() !== other.pair?.join()) return false;
  return one.title === other.title && one.value === other.value && one.lines.join("\n") === other.lines.join("\n");
}

/** What is said of the stage and lane that the keyboard is on. */
export function focusAbout(layout: Layout, stage: string, lane: number, told: Told): Focused {
  const about = aboutFocus(stage, lane);
  const box = focusBox(layout, stage, lane) ?? { x: 0, y: 0, width: 0, height: 0 };
  const peak = peakOf(told.data, stage, lane);
  // As if the pointer were on the largest number of the bar.
  const bins = told.data.stripes.get(stage)?.bins ?? 1;
  const mark = {
    kind: "bar",
    ...box,
    colors: Array.from({ length: bins }, () => [0, 0, 0] as const),
    radius: 0,
  } as const;
  const hint = hintOf({ about, mark, row: Math.floor(peak * bins), column: 0 }, told);
  const place = { x: box.x + box.width, y: box.y + box.height / 2 };
  if (stage !== "pattern") return { hint, ...place };
  const names = told.tokens.map((token) => spokenText(token.text));
  const called = withName(`Head ${told.head}`, headName(told.model, told.data.facts.block, told.head));
  const title = `${called}: \u201c${names[lane] ?? ""}\u201d attends`;
  return {
    hint: {
      ...hint,
      title,
      lines: strongest(told.pattern, lane, names),
      lane,
      click: { view: "attention", position: lane },
    },
    ...place,
  };
}
