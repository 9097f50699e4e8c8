import { type Signal, signal } from "@preact/signals";
import { listen, whenAborted } from "./lifecycle";
import type { Model } from "./model";

interface Saved {
  /** Whether the view is on a saved page, with no kernel behind it. */
  saved: boolean;
  /** Traits that it therefore cannot change. */
  unanswered: readonly string[];
}

/**
 * A view's window on its model: each trait read as a signal, written at once here and once per frame to Python.
 *
 * Writing redraws the view in the same tick. Python hears of the last value of each frame, so that a drag sends at most
 * one update per frame however many events it makes.
 */
export class Store<Traits extends object> {
  readonly saved: boolean;
  readonly unanswered: readonly string[];
  readonly #model: Model<Traits>;
  readonly #abort: AbortSignal;
  readonly #signals = new Map<string, Signal<unknown>>();
  readonly #unsaved = new Map<string, unknown>();
  #frame = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(model: Model<Traits>, abort: AbortSignal, { saved = false, unanswered = [] }: Partial<Saved> = {}) {
    this.#model = model;
    this.#abort = abort;
    this.saved = saved;
    this.unanswered = unanswered;
    whenAborted(abort, () => this.flush());
  }

  /** The trait as a signal; reading `.value` in a component subscribes it. */
  trait<Name extends keyof Traits & string>(name: Name): Signal<Traits[Name]> {
    const known = this.#signals.get(name);
    if (known) return known as Signal<Traits[Name]>;
    const made = signal<unknown>(this.#model.get(name));
    this.#signals.set(name, made);
    listen(
      this.#model,
      `change:${name}`,
      () => {
        // While a write of ours waits for its frame, it is newer than what the model says.
        if (!this.#unsaved.has(name)) made.value = this.#model.get(name);
      },
      this.#abort,
    );
    return made as Signal<Traits[Name]>;
  }

  /** The trait's present value; subscribes when called while a component renders. */
  get<Name extends keyof Traits & string>(name: Name): Traits[Name] {
    return this.trait(name).value;
  }

  /** Sets a trait: here now, in Python with the next frame. */
  set<Name extends keyof Traits & string>(name: Name, value: Traits[Name]): void {
    this.#unsaved.set(name, value);
    this.trait(name).value = value;
    if (this.#timer !== undefined) return;
    // A hidden tab has no frames: a timer stands by.
    this.#timer = setTimeout(() => this.flush(), 120);
    if (typeof requestAnimationFrame === "function") this.#frame = requestAnimationFrame(() => this.flush());
  }

  /** Sends what was set and not yet sent. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (typeof cancelAnimationFrame === "function") cancelAnimationFrame(this.#frame);
    if (this.#unsaved.size === 0) return;
    const unsaved = [...this.#unsaved];
    this.#unsaved.clear();
    for (const [name, value] of unsaved) {
      this.#model.set(name as keyof Traits & string, value as Traits[keyof Traits & string]);
    }
    this.#model.save_changes();
  }
}
