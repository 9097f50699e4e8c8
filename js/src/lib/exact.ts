import { useEffect, useRef, useState } from "preact/hooks";
import type { Channel, Range } from "./channel";
import { type Frame, type FrameHeader, isPooled, sourceShape } from "./frame";
import { type ViewBox, visibleRange } from "./view-box";

/** A piece of a picture, as shares of its height and width. */
export interface Place {
  top: number;
  left: number;
  bottom: number;
  right: number;
}

export interface Exact {
  frame: Frame;
  place: Place;
}

const SETTLE_MS = 120;

/**
 * What is in the window, finer than the pooled tensor at hand, once the view is zoomed in and has come to rest.
 *
 * The first two axes are the picture's. The piece before stays until the next one arrives; null while the tensor at
 * hand is exact or the whole of it is shown.
 */
export function useExact(
  channel: Channel,
  header: FrameHeader | null,
  view: ViewBox,
  size_px: readonly [height: number, width: number],
): Exact | null {
  const [exact, setExact] = useState<{ of: FrameHeader; exact: Exact } | null>(null);
  const newest = useRef(0);
  const wanted = header && isPooled(header) && view.zoom > 1 ? header : null;
  const [height_px, width_px] = size_px;
  useEffect(() => {
    if (!wanted) return undefined;
    const { index, place } = windowOf(wanted, view);
    const mine = ++newest.current;
    const timer = setTimeout(() => {
      channel.view({ tensor: wanted.name, index, pixels: screenPixels(height_px, width_px) }, "stage").then(
        (frame) => {
          if (mine === newest.current) setExact({ of: wanted, exact: { frame, place } });
        },
        () => undefined, // Overtaken or refused: the pooled cells stay, and the legend says that they are pooled.
      );
    }, SETTLE_MS);
    return () => clearTimeout(timer);
  }, [wanted, view, height_px, width_px]);
  return wanted && exact?.of === wanted ? exact.exact : null;
}

function screenPixels(height_px: number, width_px: number): [height: number, width: number] {
  const ratio = globalThis.devicePixelRatio || 1;
  return [Math.ceil(height_px * ratio), Math.ceil(width_px * ratio)];
}

/** The source cells in the window, with all of any further axes, and where they lie on the picture. */
export function windowOf(header: FrameHeader, view: ViewBox): { index: Range[]; place: Place } {
  const [height = 1, width = 1, ...rest] = sourceShape(header);
  const rows = visibleRange(view.y, view.zoom, height);
  const columns = visibleRange(view.x, view.zoom, width);
  const place = {
    top: rows[0] / height,
    bottom: rows[1] / height,
    left: columns[0] / width,
    right: columns[1] / width,
  };
  return { index: [rows, columns, ...rest.map((length): Range => [0, length])], place };
}
