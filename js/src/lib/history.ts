/** What was changed and can be changed back: pure, so that it can be kept in one signal. */

/** One change: the values before and after, of the same names. */
export interface Step<State extends object> {
  before: Partial<State>;
  after: Partial<State>;
  /** When, in milliseconds. */
  at: number;
}

export interface History<State extends object> {
  /** The latest last. */
  past: readonly Step<State>[];
  /** The next to redo last. */
  future: readonly Step<State>[];
}

const MOST = 200;
/** Changes of the same names that follow each other this fast, as by a held key, are one step. */
const TOGETHER_MS = 600;

export function noHistory<State extends object>(): History<State> {
  return { past: [], future: [] };
}

/** The history with a change on top; a change of nothing is none. What could be redone is forgotten. */
export function recorded<State extends object>(
  history: History<State>,
  now: Partial<State>,
  change: Partial<State>,
  at: number,
): History<State> {
  const names = (Object.keys(change) as (keyof State)[]).filter((name) => !same(now[name], change[name]));
  if (names.length === 0) return history;
  const pick = (from: Partial<State>) => Object.fromEntries(names.map((name) => [name, from[name]])) as Partial<State>;
  const step = { before: pick(now), after: pick(change), at };
  const last = history.past[history.past.length - 1];
  if (last && at - last.at < TOGETHER_MS && sameNames(last.after, step.after)) {
    const joined = { before: last.before, after: step.after, at };
    return { past: [...history.past.slice(0, -1), joined], future: [] };
  }
  return { past: [...history.past, step].slice(-MOST), future: [] };
}

/** The history one step back, and what to set; null if there is nothing before. */
export function undone<State extends object>(
  history: History<State>,
): { history: History<State>; set: Partial<State> } | null {
  const step = history.past[history.past.length - 1];
  if (!step) return null;
  return { history: { past: history.past.slice(0, -1), future: [...history.future, step] }, set: step.before };
}

/** The history one step on again, and what to set; null if nothing was undone. */
export function redone<State extends object>(
  history: History<State>,
): { history: History<State>; set: Partial<State> } | null {
  const step = history.future[history.future.length - 1];
  if (!step) return null;
  return { history: { past: [...history.past, step], future: history.future.slice(0, -1) }, set: step.after };
}

function sameNames(one: object, other: object): boolean {
  return Object.keys(one).sort().join() === Object.keys(other).sort().join();
}

function same(one: unknown, other: unknown): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}
