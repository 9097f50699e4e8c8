/** What a front end may ask of its model: anywidget's contract, typed by the widget's traits. */
export interface Model<Traits> {
  get<Name extends keyof Traits & string>(name: Name): Traits[Name];
  set<Name extends keyof Traits & string>(name: Name, value: Traits[Name]): void;
  save_changes(): void;
  on(event: string, listener: Listener): void;
  off(event: string, listener: Listener): void;
  send(content: unknown, callbacks?: unknown, buffers?: ArrayBuffer[]): void;
}

// biome-ignore lint/suspicious/noExplicitAny: hosts call listeners with arguments that depend on the event's name
export type Listener = (...args: any[]) => void;

export interface RenderContext<Traits> {
  model: Model<Traits>;
  el: HTMLElement;
  /** Aborted by newer hosts when the view goes. */
  signal?: AbortSignal;
}

/** What the running job says of itself. */
export interface Status {
  state: "idle" | "running" | "error";
  label: string;
  done: number;
  total: number;
  message: string;
}

/** Traits that every widget has. */
export interface BaseTraits {
  status: Status;
  theme: "auto" | "light" | "dark";
  height_px: number;
  /** Names of the traits that only Python answers to. */
  _needs_kernel?: readonly string[];
}
