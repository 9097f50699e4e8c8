import type { RefObject } from "preact";
import { useEffect, useState } from "preact/hooks";

/** Set on the root while it fills the window because the page may not fill the screen, as in most notebook frames. */
const FILLS_WINDOW = "data-fills-window";

export interface Fullscreen {
  on: boolean;
  toggle(): void;
  /** Back to its place, if it was not there. */
  leave(): void;
}

/** An element that fills the screen where the host allows it, and otherwise the window. */
export function useFullscreen(element: RefObject<HTMLElement>): Fullscreen {
  const [on, setOn] = useState(false);
  useEffect(() => {
    const document = element.current?.ownerDocument;
    if (!document) return undefined;
    const follow = () => setOn(isOn(element.current));
    const controller = new AbortController();
    document.addEventListener("fullscreenchange", follow, { signal: controller.signal });
    return () => controller.abort();
  }, []);
  const enter = async () => {
    const target = element.current;
    if (!target) return;
    try {
      await target.requestFullscreen();
    } catch {
      target.setAttribute(FILLS_WINDOW, "");
    }
    setOn(true);
  };
  const leave = () => {
    const target = element.current;
    if (!target) return;
    target.removeAttribute(FILLS_WINDOW);
    if (target.ownerDocument.fullscreenElement) void target.ownerDocument.exitFullscreen().catch(() => undefined);
    setOn(false);
  };
  return { on, toggle: () => (on ? leave() : void enter()), leave };
}

function isOn(target: HTMLElement | null): boolean {
  if (!target) return false;
  return target.ownerDocument.fullscreenElement === target || target.hasAttribute(FILLS_WINDOW);
}
