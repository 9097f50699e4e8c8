import "./tour.css";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Button } from "../../lib";
import type { Explorer } from "./explorer";
import type { Traits } from "./protocol";
import { TourCard } from "./tour-card";
import { isDone } from "./tour-done";
import { useDragged } from "./tour-drag";
import { elementsOf, type Seen, useSeen } from "./tour-frame";
import { DOCKED_BELOW, dimPath, type Size } from "./tour-place";
import { type Kept, NOTHING_KEPT, resolved, show } from "./tour-show";
import { languagesOf, openTour, type Step, type Telling, tellingOf } from "./tour-steps";
import { unmarked } from "./tour-text";

export { hasTerm, openTerm, openTour } from "./tour-steps";

/** The guided tour: a card that says a step, and a veil over all that the step is not about. */
export function Tour({ explorer }: { explorer: Explorer }) {
  const { store } = explorer;
  const telling = tellingOf(store.get("tour"), store.get("language"));
  const at = Math.min(store.get("step"), (telling?.steps.length ?? 0) - 1);
  const step = telling?.steps[at];
  useShown(explorer, telling === null ? undefined : step, at);
  return telling && step ? <OpenTour explorer={explorer} telling={telling} step={step} at={at} /> : null;
}

/** Opens the tour; nothing where there is none. */
export function TourButton({ explorer }: { explorer: Explorer }) {
  const { store } = explorer;
  const telling = tellingOf(store.get("tour"), store.get("language"));
  if (!telling) return null;
  const open = store.get("step") >= 0;
  return (
    <Button
      kind="quiet"
      label={`Tour: ${telling.title}`}
      expanded={open}
      onClick={() => openTour(explorer, open ? -1 : 0)}
    >
      Tour
    </Button>
  );
}

/** Sets what the step shows while it is open. */
function useShown(explorer: Explorer, step: Step | undefined, at: number): void {
  const kept = useRef<Kept>(NOTHING_KEPT);
  const { store } = explorer;
  const known = store.get("tokens").length > 0; // counting from the end needs an end
  useLayoutEffect(() => {
    const wanted = step ? resolved(step.show, store.trait("model").peek(), store.trait("tokens").peek().length) : {};
    kept.current = show(store, kept.current, wanted);
  }, [at, step === undefined, known]);
}

interface OpenProps {
  explorer: Explorer;
  telling: Telling;
  step: Step;
  at: number;
}

function OpenTour({ explorer, telling, step, at }: OpenProps) {
  const { store } = explorer;
  const [layer, setLayer] = useState<HTMLElement | null>(null);
  const card = useRef<HTMLElement>(null);
  const root = layer?.closest<HTMLElement>(".attrium-te") ?? layer?.parentElement ?? null;
  const seen = useSeen(root, layer, step.light);
  const done = useDone(explorer, step, at, telling.words.done ?? "");
  const leave = useFocus(root, card);
  const first = useRef(true);
  useLit(root, step.light);
  useEffect(() => {
    explorer.announce([step.title, ...step.text, step.turn?.ask ?? ""].map(unmarked).join(" "));
    if (!first.current && root) bringIntoView(root, step.light);
    first.current = false;
  }, [at, telling.language]);
  const close = () => {
    openTour(explorer, -1);
    leave();
  };
  const tour = store.get("tour");
  return (
    <Layer hold={setLayer} card={card} seen={seen} lit={step.light.length > 0}>
      {(grip) => (
        <TourCard
          hold={card}
          telling={telling}
          languages={tour ? languagesOf(tour) : []}
          at={at}
          done={done}
          grip={grip}
          onStep={(to) => openTour(explorer, to)}
          onLanguage={(language) => store.set("language", language)}
          onClose={close}
        />
      )}
    </Layer>
  );
}

type Grip = { onPointerDown(event: PointerEvent): void; onKey(key: string): void } | undefined;

interface LayerProps {
  hold(element: HTMLElement | null): void;
  card: { current: HTMLElement | null };
  seen: Seen | null;
  lit: boolean;
  children(grip: Grip): preact.ComponentChildren;
}

/** Lies over what can be seen of the view, with the veil and the card in it. */
function Layer({ hold, card, seen, lit, children }: LayerProps) {
  const frame = seen?.frame ?? { left: 0, top: 0, width: 0, height: 0 };
  const size = useSize(card);
  const docked = frame.width < DOCKED_BELOW;
  const boxes = seen?.lit ?? [];
  const { spot, onPointerDown, onKey } = useDragged(frame, size, boxes);
  const place = docked ? undefined : { transform: `translate(${spot.x}px, ${spot.y}px)` };
  return (
    <>
      <div
        ref={hold}
        class="attrium-tour-layer"
        data-docked={docked}
        style={{
          left: `${frame.left}px`,
          top: `${frame.top}px`,
          width: `${frame.width}px`,
          height: `${frame.height}px`,
        }}
      >
        {lit && boxes.length > 0 && (
          <svg class="attrium-tour-veil" width={frame.width} height={frame.height} aria-hidden="true">
            <path d={dimPath(frame, boxes)} fill-rule="evenodd" />
          </svg>
        )}
        <div class="attrium-tour-place" style={{ ...place, visibility: seen ? undefined : "hidden" }}>
          {children(docked ? undefined : { onPointerDown, onKey })}
        </div>
      </div>
      {docked && <div style={{ height: `${size.height}px` }} />}
    </>
  );
}

/** Size of the card as it is drawn. */
function useSize(card: { current: HTMLElement | null }): Size {
  const [size, setSize] = useState<Size>({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const element = card.current;
    if (!element) return undefined;
    const read = () => setSize({ width: element.offsetWidth, height: element.offsetHeight });
    read();
    const observer = new ResizeObserver(read);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return size;
}

/** Whether the reader has done what the step asks; once done it stays so while the step is open. */
function useDone(explorer: Explorer, step: Step, at: number, word: string): boolean {
  const opening = useRef<Record<string, unknown>>({});
  const [done, setDone] = useState<number | null>(null);
  const wanted = step.turn?.done ?? {};
  const names = Object.keys(wanted) as (keyof Traits & string)[];
  const { store } = explorer;
  const now = () => Object.fromEntries(names.map((name) => [name, store.trait(name).peek()]));
  const key = JSON.stringify(names.map((name) => store.get(name)));
  // after the step's own traits are set, which is not the reader's doing
  useEffect(() => {
    opening.current = structuredClone(now());
    setDone(null);
  }, [at]);
  useEffect(() => {
    if (names.length === 0 || done === at || !isDone(wanted, opening.current, now())) return;
    setDone(at);
    explorer.announce(word);
  }, [key]);
  return done === at;
}

/** Names what is lit on the view, so that parts can draw themselves accordingly. */
function useLit(root: HTMLElement | null, light: readonly string[]): void {
  useEffect(() => {
    if (!root || light.length === 0) return undefined;
    root.setAttribute("data-tour-lit", light.join(" "));
    return () => root.removeAttribute("data-tour-lit");
  }, [root, light.join(" ")]);
}

/** Gives the card the focus when a reader opened it, and returns it afterwards. */
function useFocus(root: HTMLElement | null, card: { current: HTMLElement | null }): () => void {
  const opener = useRef<HTMLElement | null>(null);
  useEffect(() => {
    const active = root?.ownerDocument.activeElement;
    if (!root || !(active instanceof HTMLElement) || !root.contains(active)) return;
    opener.current = active;
    card.current?.focus({ preventScroll: true });
  }, [root]);
  return () => opener.current?.focus({ preventScroll: true });
}

/** Scrolls to what a step is about, once its panel is there. */
function bringIntoView(root: HTMLElement, light: readonly string[]): void {
  const view = root.ownerDocument.defaultView;
  const behavior = view?.matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
  view?.setTimeout(() => {
    const found = light.flatMap((part) => elementsOf(root, part));
    const target = found.find((element) => element.matches(".attrium-te-panel")) ?? found[0];
    target?.scrollIntoView({ block: "nearest", inline: "nearest", behavior });
  }, 300);
}
