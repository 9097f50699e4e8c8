/** How much room the picture has when the view fills the screen: what is left beside everything else. */
import type { RefObject } from "preact";
import { useLayoutEffect, useState } from "preact/hooks";

/** Heights in pixels, from the top of what fills the screen. */
export interface Measured {
  /** Inner height of what fills the screen. */
  screen: number;
  /** Where the picture begins and ends, and where what must be seen with it ends. */
  top: number;
  bottom: number;
  end: number;
  /** What stands below that: the padding. */
  below: number;
}

/** The height that the picture may have, so that everything fits. */
export function roomFor({ screen, top, bottom, end, below }: Measured): number {
  return Math.max(0, Math.floor(screen - top - (end - bottom) - below));
}

/**
 * Follows the room for the picture.
 *
 * @param root - the view; an element `.attrium-flow-scroll` in it is the picture, `.attrium-te-tabs` the last part
 *   that must be seen. Panels below that are scrolled to.
 * @returns null while the view does not fill the screen.
 */
export function useScreenRoom(root: RefObject<HTMLElement>, on: boolean, ready: boolean): number | null {
  const [room, setRoom] = useState<number | null>(null);
  useLayoutEffect(() => {
    const view = root.current;
    const frame = view?.closest<HTMLElement>(".attrium");
    if (!on || !view || !frame) {
      setRoom(null);
      return undefined;
    }
    const measure = () => {
      const measured = measuredIn(frame, view);
      if (measured) setRoom(roomFor(measured));
    };
    measure();
    if (typeof ResizeObserver === "undefined") return undefined;
    const observer = new ResizeObserver(measure);
    // The prompt grows with its text, and the header wraps: any of the parts may change the room.
    for (const element of [frame, ...view.children]) observer.observe(element);
    return () => observer.disconnect();
  }, [on, ready]);
  return on ? room : null;
}

function measuredIn(frame: HTMLElement, view: HTMLElement): Measured | null {
  const picture = view.querySelector(".attrium-flow-scroll")?.getBoundingClientRect();
  const tabs = view.querySelector(".attrium-te-tabs")?.getBoundingClientRect();
  const style = frame.ownerDocument.defaultView?.getComputedStyle(frame);
  if (!picture || !tabs || !style) return null;
  const zero = frame.getBoundingClientRect().top + frame.clientTop - frame.scrollTop;
  return {
    screen: frame.clientHeight,
    top: picture.top - zero,
    bottom: picture.bottom - zero,
    end: tabs.bottom - zero,
    below: Number.parseFloat(style.paddingBottom) || 0,
  };
}
