/** What of the view can be seen, and where the lit parts lie in it. */
import { useEffect, useState } from "preact/hooks";
import { type Box, intersection } from "./tour-place";

export interface Seen {
  /** What can be seen of the view, in the coordinates of the layer's parent. */
  frame: Box;
  /** Lit parts, from the frame's upper left corner. */
  lit: Box[];
}

/** The view whose panel shows a part, where it is called otherwise. */
const PANELS: Record<string, string> = { probabilities: "logits" };

/** Elements that belong to a part: those that say so, and the panel that shows it at length. */
export function elementsOf(root: Element, part: string): Element[] {
  const view = PANELS[part] ?? part;
  return [...root.querySelectorAll(`[data-tour~="${part}"], .attrium-te-panel[data-view="${view}"]`)];
}

/**
 * Follows the view as it scrolls, grows and changes.
 *
 * @param root - what the tour is about; null follows nothing.
 * @param layer - laid over what can be seen; changes inside it are its own.
 * @param light - names of parts.
 */
export function useSeen(root: HTMLElement | null, layer: HTMLElement | null, light: readonly string[]): Seen | null {
  const [seen, setSeen] = useState<Seen | null>(null);
  const key = light.join(" ");
  useEffect(() => {
    if (!root || !layer) return undefined;
    let frame = 0;
    const measure = () => {
      frame = 0;
      const next = measured(root, layer, light);
      setSeen((before) => (JSON.stringify(before) === JSON.stringify(next) ? before : next));
    };
    const later = () => {
      frame ||= requestAnimationFrame(measure);
    };
    const stop = watch(root, layer, later);
    measure();
    return () => {
      stop();
      cancelAnimationFrame(frame);
    };
  }, [root, layer, key]);
  return seen;
}

function watch(root: HTMLElement, layer: HTMLElement, later: () => void): () => void {
  const document = root.ownerDocument;
  const controller = new AbortController();
  document.addEventListener("scroll", later, { capture: true, passive: true, signal: controller.signal });
  document.defaultView?.addEventListener("resize", later, { signal: controller.signal });
  const sizes = new ResizeObserver(later);
  sizes.observe(root);
  const changes = new MutationObserver((records) => {
    if (records.some(({ target }) => !layer.contains(target))) later();
  });
  changes.observe(root, { subtree: true, childList: true, attributeFilter: ["style", "data-view", "data-tour"] });
  return () => {
    controller.abort();
    sizes.disconnect();
    changes.disconnect();
  };
}

function measured(root: HTMLElement, layer: HTMLElement, light: readonly string[]): Seen {
  const visible = visibleBox(root);
  const holder = layer.offsetParent ?? root;
  const origin = holder.getBoundingClientRect();
  const lit = light
    .flatMap((part) => elementsOf(root, part))
    .map((element) => intersection(element.getBoundingClientRect(), visible))
    .filter(({ width, height }) => width > 0 && height > 0)
    .map((box) => ({ ...box, left: box.left - visible.left, top: box.top - visible.top }));
  const frame = {
    ...visible,
    left: visible.left - origin.left - holder.clientLeft + holder.scrollLeft,
    top: visible.top - origin.top - holder.clientTop + holder.scrollTop,
  };
  return { frame: rounded(frame), lit: lit.map(rounded) };
}

/** What of an element no ancestor and no window hides. */
function visibleBox(element: HTMLElement): Box {
  const view = element.ownerDocument.defaultView;
  let box = boxOf(element);
  for (let up = element.parentElement; up; up = up.parentElement) {
    if (view && up !== element.ownerDocument.body && view.getComputedStyle(up).overflowY !== "visible") {
      box = intersection(box, boxOf(up));
    }
  }
  const window = { left: 0, top: 0, width: view?.innerWidth ?? 0, height: view?.innerHeight ?? 0 };
  return intersection(box, window);
}

function boxOf(element: Element): Box {
  const { left, top, width, height } = element.getBoundingClientRect();
  return { left, top, width, height };
}

function rounded({ left, top, width, height }: Box): Box {
  return { left: Math.round(left), top: Math.round(top), width: Math.round(width), height: Math.round(height) };
}
