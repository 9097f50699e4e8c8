import { useMemo } from "preact/hooks";
import {
  decodeFrame,
  type Field,
  fieldOf,
  type Frame,
  type OverlayStyle,
  overlayStyle,
  type Shading,
  scaleOf,
  scoresPerUnit,
  shadingOf,
  type Store,
  type Theme,
  type Unit,
  unitsOf,
} from "../../lib";
import type { Card, Explanation, Heat, Traits } from "./protocol";

/** A card with its explanation, ready to be drawn small or large. */
export interface Explained {
  card: Card;
  /** The class that is explained: the one chosen here, else the card's. */
  target: number;
  image: Frame | null;
  units: Unit[];
  explanation: Explanation | null;
  /** Why there is no explanation; null while it may still come. */
  error: string | null;
  field: Field | null;
  shading: Shading | null;
  overlay: OverlayStyle;
}

const NO_TEXT: never[] = [];

/** Decodes a card and its explanation; an explanation of another target than the one chosen is not shown. */
export function useExplained(store: Store<Traits>, theme: Theme, card: Card, heat: Heat): Explained {
  const isText = store.get("kind") === "text";
  const target = store.get("targets")[String(card.index)] ?? card.target;
  const image = useMemo(() => (card.image ? decodeFrame(card.image) : null), [card.image]);
  const { tokens = NO_TEXT, words = NO_TEXT, special = NO_TEXT } = card;
  const units = useMemo(() => unitsOf({ texts: tokens, words, special }, true), [tokens, words, special]);
  const error = heat && "error" in heat ? heat.error : null;
  const explanation = heat && !("error" in heat) && heat.target === target ? heat : null;
  const frame = explanation?.frame;
  const field = useMemo(() => {
    if (!frame) return null;
    const scores = fieldOf(decodeFrame(frame));
    return isText ? scoresPerUnit(scores, units) : scores;
  }, [frame, units, isText]);
  const settings = scaleOf(store);
  const shading = useMemo(
    () => field && shadingOf(field, settings, isText ? theme : "picture"),
    [field, settings.sign, settings.clipPercentile, settings.colors, isText, theme],
  );
  const overlay = overlayStyle(store.get("mode"), store.get("opacity"), theme, image !== null);
  return { card, target, image, units, explanation, error, field, shading, overlay };
}

/** What every explanation of the page so far failed with; null where one did not, or they differ. */
export function sharedError(heats: readonly Heat[]): string | null {
  const [first, ...others] = heats.filter((heat) => heat !== null);
  if (!first || !("error" in first) || others.length === 0) return null;
  return others.every((heat) => "error" in heat && heat.error === first.error) ? first.error : null;
}

/** Explains another class of an example. */
export function setTarget(store: Store<Traits>, card: Card, target: number): void {
  store.set("targets", { ...store.get("targets"), [String(card.index)]: target });
}
