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

/** A widget that fills the screen where the host allows it, and otherwise the window; `inside` is any part of it. */
export function useFullscreen(inside: RefObject<HTMLElement>): Fullscreen {
  const [on, setOn] = useState(false);
  useEffect(() => {
    const document = inside.current?.ownerDocument;
    if (!document) return undefined;
    const follow = () => setOn(isOn(rootOf(inside)));
    const controller = new AbortController();
    document.addEventListener("fullscreenchange", follow, { signal: controller.signal });
    return () => controller.abort();
  }, []);
  const enter = async () => {
    const target = rootOf(inside);
    if (!target) return;
    try {
      await target.requestFullscreen();
    } catch {
      target.setAttribute(FILLS_WINDOW, "");
    }
    setOn(true);
  };
  const leave = () => {
    const target = rootOf(inside);
    if (!target) return;
    target.removeAttribute(FILLS_WINDOW);
    if (target.ownerDocument.fullscreenElement) void target.ownerDocument.exitFullscreen().catch(() => undefined);
    setOn(false);
  };
  return { on, toggle: () => (on ? leave() : void enter()), leave };
}

function rootOf(inside: RefObject<HTMLElement>): HTMLElement | null {
  return inside.current?.closest<HTMLElement>(".attrium") ?? null;
}

function isOn(target: HTMLElement | null): boolean {
  if (!target) return false;
  return target.ownerDocument.fullscreenElement === target || target.hasAttribute(FILLS_WINDOW);
}
