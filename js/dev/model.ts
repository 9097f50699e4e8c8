import type { Listener, Model } from "../src/lib";

/** A widget's model in memory: what a notebook would keep in step with Python stays in the page. */
export class MemoryModel<Traits extends object> implements Model<Traits> {
  readonly listeners = new Map<string, Set<Listener>>();
  readonly sent: unknown[] = [];
  saves = 0;
  #state: Traits;
  #answer: (content: unknown, model: MemoryModel<Traits>) => void;

  constructor(state: Traits, answer: (content: unknown, model: MemoryModel<Traits>) => void = () => undefined) {
    this.#state = { ...state };
    this.#answer = answer;
  }

  get<Name extends keyof Traits & string>(name: Name): Traits[Name] {
    return this.#state[name];
  }

  set<Name extends keyof Traits & string>(name: Name, value: Traits[Name]): void {
    if (this.#state[name] === value) return;
    this.#state[name] = value;
    this.emit(`change:${name}`, this, value);
    this.emit("change", this);
  }

  save_changes(): void {
    this.saves++;
  }

  on(event: string, listener: Listener): void {
    const there = this.listeners.get(event) ?? new Set();
    this.listeners.set(event, there.add(listener));
  }

  off(event: string, listener: Listener): void {
    this.listeners.get(event)?.delete(listener);
  }

  send(content: unknown): void {
    this.sent.push(content);
    this.#answer(content, this);
  }

  emit(event: string, ...args: unknown[]): void {
    for (const listener of [...(this.listeners.get(event) ?? [])]) listener(...args);
  }

  get listenerCount(): number {
    return [...this.listeners.values()].reduce((sum, set) => sum + set.size, 0);
  }
}
