import { Channel, type Frame, type Link, type View, valuesOf } from "../../../lib";

const NOBODY: Link = { on: () => undefined, off: () => undefined, send: () => undefined };

/** A channel whose views are another's, every number multiplied by a factor. */
export class ScaledChannel extends Channel {
  readonly #inner: Channel;
  readonly #factor: number;

  constructor(inner: Channel, factor: number, abort: AbortSignal) {
    super(NOBODY, abort);
    this.#inner = inner;
    this.#factor = factor;
  }

  override async view(view: View, slot = "main"): Promise<Frame> {
    return multiplied(await this.#inner.view(view, `${slot} scaled`), this.#factor);
  }
}

/** The same frame with every number multiplied; it is exact to float32. */
export function multiplied(frame: Frame, factor: number): Frame {
  const stored = valuesOf(frame).map((value) => value * factor);
  const [low, high] = frame.range ?? [];
  const ends = low === undefined || high === undefined ? null : [low * factor, high * factor].sort((a, b) => a - b);
  return {
    ...frame,
    stored,
    dtype: "float32",
    range: ends && [ends[0] ?? 0, ends[1] ?? 0],
    quantised: frame.quantised && { scale: 1, offset: 0 },
  };
}
