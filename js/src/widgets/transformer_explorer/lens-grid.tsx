import { type Signal, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { useWidth } from "../../lib";
import type { Here } from "./details/reading";
import type { Explorer } from "./explorer";
import { type LensMode, pointLabel } from "./lens-cells";
import { LensLanes, NAMES_PX } from "./lens-chunk";
import { chunksInSight, type LensPlace, ROW_PX } from "./lens-data";
import type { LensFacts } from "./protocol";

const MOST_HEIGHT_PX = 432;
const NARROWEST_PX = 46;
const WIDEST_PX = 148;

interface GridProps {
  explorer: Explorer;
  here: Here;
  mode: LensMode;
  /** Of the first chunk: the points. */
  points: LensFacts["points"];
  cursor: Signal<LensPlace | null>;
  token: number | null | undefined;
}

/** All points of the stream, left to right, for each lane: chunks of lanes are fetched as they come in sight. */
export function LensGrid({ explorer, here, mode, points, cursor, token }: GridProps) {
  const box = useRef<HTMLDivElement>(null);
  const scroll = useSignal(0);
  const width = useWidth(box);
  const count = here.tokens.length;
  const cell_px = Math.max(NARROWEST_PX, Math.min(WIDEST_PX, (width - NAMES_PX - 12) / Math.max(1, points.length)));
  const height_px = Math.min(MOST_HEIGHT_PX, count * ROW_PX);
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const top = here.position * ROW_PX;
    if (top < element.scrollTop || top > element.scrollTop + height_px - ROW_PX) {
      element.scrollTop = Math.max(0, top - height_px / 2);
    }
  }, [here.position, here.run]);
  return (
    <div
      ref={box}
      class="attrium-lens-scroll"
      style={{ maxHeight: `${height_px + ROW_PX + 14}px` }}
      onScroll={(event) => {
        scroll.value = event.currentTarget.scrollTop;
      }}
    >
      <div
        class="attrium-lens-head"
        data-words={mode === "top"}
        style={{ width: `${NAMES_PX + cell_px * points.length}px` }}
      >
        <span style={{ width: `${NAMES_PX}px` }}>after block</span>
        {points.map((point) => (
          <span key={point.name} class="attrium-number" style={{ width: `${cell_px}px` }} title={point.name}>
            {pointLabel(point)}
          </span>
        ))}
      </div>
      <div
        class="attrium-lens-body"
        style={{ height: `${count * ROW_PX}px`, width: `${NAMES_PX + cell_px * points.length}px` }}
      >
        {width > 0 &&
          chunksInSight(scroll.value, height_px, count).map((start) => (
            <LensLanes key={start} {...{ explorer, here, mode, points, cursor, start, cell_px, token }} />
          ))}
      </div>
    </div>
  );
}
