/** The frames a matrix view is drawn from: the whole, coarse; what is in the window, sharp; and single cells, exact. */
import { type Signal, useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { Channel, Range } from "./channel";
import type { Frame } from "./frame";
import type { MatrixWindow, Plot } from "./matrix-window";
import {
  isEnough,
  pixelsFor,
  type Reading,
  readTile,
  type Region,
  regionFor,
  type Tile,
  tilesOf,
  wholeRegion,
} from "./tiles";

/** The two drawn axes as a region of the whole tensor. */
export type IndexOf = (rows: Range, columns: Range) => Range[];

export interface MatrixSource {
  channel: Channel;
  tensor: string;
  index: IndexOf;
  /** Names what `index` adds to the region, the head say: with tensor and version it names the data. */
  part: string;
  version: number;
}

export interface MatrixFrames {
  /** All of the matrix; of the data before while the present one is under way. */
  whole: Signal<{ tile: Tile; key: string } | null>;
  /** What is in the window and around it; null while the whole is sharp enough. */
  near: Signal<{ tile: Tile; key: string } | null>;
  /** Names the data; frames with another key are of something else. */
  key: string;
  waiting: Signal<boolean>;
  error: Signal<string | null>;
  /** What is known of a cell without asking. */
  read(row: number, column: number): Reading | null;
  /** The exact value of a cell; asks where it must. Rejects when overtaken or refused. */
  exact(row: number, column: number): Promise<number>;
}

const SETTLE_MS = 70;

/** Asks for what the plot and its window need; newest wins, and nothing is asked for twice. */
export function useMatrixFrames(
  source: MatrixSource,
  plot: Plot,
  view: Signal<MatrixWindow>,
  pixelRatio: number,
): MatrixFrames {
  const { channel, tensor, part, version } = source;
  const key = `${version}\n${tensor}\n${part}`;
  const slot = useMemo(() => `matrix-${Math.random().toString(36).slice(2)}`, []);
  const whole = useSignal<{ tile: Tile; key: string } | null>(null);
  const near = useSignal<{ tile: Tile; key: string } | null>(null);
  const waiting = useSignal(false);
  const error = useSignal<string | null>(null);
  const latest = useRef({ key, plot });
  latest.current = { key, plot };

  const ask = (region: Region, pixels: [number, number], place: string): Promise<Frame> | Frame => {
    const index = source.index(region.rows, region.columns);
    const name = `${key}\n${JSON.stringify([index, pixels])}`;
    const known = tilesOf(channel).get(name);
    if (known) return known;
    return channel.view({ tensor, index, pixels }, `${slot}-${place}`).then((frame) => {
      tilesOf(channel).set(name, frame);
      return frame;
    });
  };

  const { rows, columns, width_px, height_px } = plot;
  useEffect(() => {
    if (rows === 0 || columns === 0 || width_px === 0) return undefined;
    let gone = false;
    const region = wholeRegion(rows, columns);
    const show = (frame: Frame) => {
      if (gone) return;
      whole.value = { key, tile: { ...region, frame } };
      waiting.value = false;
    };
    near.value = null;
    error.value = null;
    const answer = ask(region, pixelsFor(plot, { zoom: 1, row: 0, column: 0 }, region, pixelRatio), "whole");
    if (!(answer instanceof Promise)) show(answer);
    else {
      waiting.value = true;
      answer.then(show, (reason: unknown) => {
        if (gone || isOvertaken(reason)) return;
        waiting.value = false;
        error.value = reason instanceof Error ? reason.message : String(reason);
      });
    }
    return () => {
      gone = true;
    };
  }, [channel, key, rows, columns, width_px, height_px, pixelRatio]);

  useNear({ channel, key, plot, view, pixelRatio, whole, near, ask });

  const read = (row: number, column: number): Reading | null => {
    const { key: now } = latest.current;
    for (const held of [near.value, whole.value]) {
      const reading = held?.key === now ? readTile(held.tile, row, column) : null;
      if (reading) return reading;
    }
    return null;
  };
  const exact = async (row: number, column: number): Promise<number> => {
    const known = read(row, column);
    if (known?.exact) return known.value;
    const region: Region = { rows: [row, row + 1], columns: [column, column + 1] };
    const frame = await ask(region, [1, 1], "cell");
    return readTile({ ...region, frame }, row, column)?.value ?? Number.NaN;
  };
  return { whole, near, key, waiting, error, read, exact };
}

interface Near {
  channel: Channel;
  key: string;
  plot: Plot;
  view: Signal<MatrixWindow>;
  pixelRatio: number;
  whole: MatrixFrames["whole"];
  near: MatrixFrames["near"];
  ask(region: Region, pixels: [number, number], place: string): Promise<Frame> | Frame;
}

/** Once the window has come to rest, what it shows, as sharp as the screen; the coarse frame stays beneath. */
function useNear({ channel, key, plot, view, pixelRatio, whole, near, ask }: Near): void {
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let gone = false;
    const look = () => {
      const held = [near.peek(), whole.peek()].filter((at) => at?.key === key);
      const window = view.peek();
      if (gone || held.some((at) => at && isEnough(at.tile, plot, window, pixelRatio))) return;
      // Before the whole is there a window on it would only hold it up.
      if (held.length === 0) return;
      const region = regionFor(plot, window);
      const show = (frame: Frame) => {
        if (!gone) near.value = { key, tile: { ...region, frame } };
      };
      Promise.resolve(ask(region, pixelsFor(plot, window, region, pixelRatio), "near")).then(show, () => undefined);
    };
    const later = () => {
      clearTimeout(timer);
      timer = setTimeout(look, SETTLE_MS);
    };
    const ends = [view.subscribe(later), whole.subscribe(later)];
    return () => {
      gone = true;
      clearTimeout(timer);
      for (const end of ends) end();
    };
  }, [channel, key, plot, pixelRatio]);
}

function isOvertaken(reason: unknown): boolean {
  return reason instanceof DOMException && reason.name === "AbortError";
}
