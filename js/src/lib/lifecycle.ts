import type { Listener } from "./model";

/** Anything with `on` and `off`, as a widget's model. */
export interface Emitter {
  on(event: string, listener: Listener): void;
  off(event: string, listener: Listener): void;
}

/** Listens to a model until the signal aborts. */
export function listen(emitter: Emitter, event: string, listener: Listener, signal: AbortSignal): void {
  if (signal.aborted) return;
  emitter.on(event, listener);
  signal.addEventListener("abort", () => emitter.off(event, listener), { once: true });
}

/** Runs `end` when the signal aborts, or at once if it has. */
export function whenAborted(signal: AbortSignal, end: () => void): void {
  if (signal.aborted) end();
  else signal.addEventListener("abort", end, { once: true });
}
