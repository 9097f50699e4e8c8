import type { Signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { onKeys } from "../../lib";
import type { Here } from "./details/reading";
import type { Explorer } from "./explorer";
import { lensCell, spokenCell } from "./lens-cells";
import { CHUNK, type LensPlace, useLens } from "./lens-data";
import type { LensFacts } from "./protocol";

interface KeysProps {
  explorer: Explorer;
  here: Here;
  points: LensFacts["points"];
  cursor: Signal<LensPlace | null>;
  token: number | null | undefined;
  children: ComponentChildren;
}

/** Arrows through the cells, said aloud; Enter follows the token of a cell. */
export function LensKeys({ explorer, here, points, cursor, token, children }: KeysProps) {
  const place = cursor.value ?? { position: here.position, point: points.length - 1 };
  const start = Math.floor(place.position / CHUNK) * CHUNK;
  const { chunk } = useLens(explorer, here, { start, token, which: here.which });
  const within = (at: number, count: number) => Math.min(count - 1, Math.max(0, at));
  const move = (down: number, right: number) => () => {
    const next = {
      position: within(place.position + down, here.tokens.length),
      point: within(place.point + right, points.length),
    };
    cursor.value = next;
    const cell = chunk && lensCell(chunk, next.point, next.position);
    if (cell) explorer.announce(spokenCell(cell, chunk.facts.token?.text ?? ""));
  };
  const keys = onKeys({
    ArrowUp: move(-1, 0),
    ArrowDown: move(1, 0),
    ArrowLeft: move(0, -1),
    ArrowRight: move(0, 1),
    Home: move(0, -points.length),
    End: move(0, points.length),
    Enter: () => {
      const id = chunk && lensCell(chunk, place.point, place.position)?.top[0]?.id;
      if (id !== undefined && id !== null) explorer.go({ token: id, position: place.position });
    },
  });
  return (
    <div
      class="attrium-lens"
      role="application"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: arrows move its cursor
      tabIndex={0}
      aria-label="Logit lens: tokens down, blocks across"
      onKeyDown={keys}
    >
      {children}
    </div>
  );
}
