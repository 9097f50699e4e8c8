/** Answers to questions of the channel, kept by what they answer. */
import { useEffect, useId, useState } from "preact/hooks";
import type { Answer, Channel } from "./channel";
import type { Frame } from "./frame";

const KEPT = 96;

/** The latest answers of one channel, the least used forgotten first. */
export class AnswerCache {
  readonly #kept = new Map<string, Answer>();

  get(key: string): Answer | undefined {
    const found = this.#kept.get(key);
    if (found) {
      this.#kept.delete(key);
      this.#kept.set(key, found);
    }
    return found;
  }

  set(key: string, answer: Answer): void {
    this.#kept.delete(key);
    this.#kept.set(key, answer);
    if (this.#kept.size <= KEPT) return;
    const [oldest] = this.#kept.keys();
    if (oldest !== undefined) this.#kept.delete(oldest);
  }
}

interface Known {
  answers: AnswerCache;
  /** Questions under way, which everyone who asks the same waits for. */
  asked: Map<string, Promise<Answer>>;
}

const channels = new WeakMap<Channel, Known>();

function knownOf(channel: Channel): Known {
  const known = channels.get(channel) ?? { answers: new AnswerCache(), asked: new Map() };
  channels.set(channel, known);
  return known;
}

/** Asks, or waits with whoever asked first. */
async function fetchAnswer(channel: Channel, key: string, ask: () => Promise<Answer>): Promise<Answer> {
  const { answers, asked } = knownOf(channel);
  const shared = asked.get(key);
  if (shared) {
    try {
      return await shared;
    } catch (reason) {
      if (!isOvertaken(reason)) throw reason; // who asked first has gone on to something else: ask anew
    }
  }
  const mine = ask();
  asked.set(key, mine);
  try {
    const answer = await mine;
    answers.set(key, answer);
    return answer;
  } finally {
    if (asked.get(key) === mine) asked.delete(key);
  }
}

function isOvertaken(reason: unknown): boolean {
  return reason instanceof DOMException && reason.name === "AbortError";
}

function keyOf(question: string, args: unknown, version: number): string {
  return `${version}\n${question}\n${JSON.stringify(args)}`;
}

/** Puts an answer that came unasked where `useAnswer` looks first. */
export function seedAnswer(channel: Channel, question: string, args: unknown, version: number, answer: Answer): void {
  knownOf(channel).answers.set(keyOf(question, args, version), answer);
}

export interface Answered<Facts> {
  /** Null until the first answer; the previous one while the next is under way. */
  facts: Facts | null;
  frames: Record<string, Frame>;
  /** Why the newest question has no answer. */
  error: string | null;
  waiting: boolean;
  /** Of the data that the answer belongs to; -1 before the first. */
  version: number;
}

const NOTHING: Answered<never> = { facts: null, frames: {}, error: null, waiting: false, version: -1 };

/**
 * The answer to a question, asked again when the arguments or the version of the data change.
 *
 * The answer before stays while the next one is under way, so that nothing flickers; of the questions of one component
 * the newest wins, and components that ask the same share one answer. Null arguments ask nothing.
 */
export function useAnswer<Facts>(channel: Channel, question: string, args: unknown, version: number): Answered<Facts> {
  const slot = useId();
  const key = args === null ? null : keyOf(question, args, version);
  const known = key === null ? undefined : knownOf(channel).answers.get(key);
  const [last, setLast] = useState<{ key: string | null; shown: Answered<Facts> }>({ key: null, shown: NOTHING });
  useEffect(() => {
    if (key === null) return undefined;
    let gone = false;
    const show = (shown: Answered<Facts>) => !gone && setLast({ key, shown });
    const answered = ({ facts, frames }: Answer) =>
      show({ facts: facts as Facts, frames, error: null, waiting: false, version });
    if (known) answered(known);
    else {
      fetchAnswer(channel, key, () => channel.ask(question, args, slot)).then(answered, (reason: unknown) => {
        if (isOvertaken(reason)) return;
        show({ ...NOTHING, error: reason instanceof Error ? reason.message : String(reason) });
      });
    }
    return () => {
      gone = true;
    };
  }, [channel, key]);
  if (key === null) return NOTHING;
  if (known) return { facts: known.facts as Facts, frames: known.frames, error: null, waiting: false, version };
  return last.key === key ? last.shown : { ...last.shown, error: null, waiting: true };
}
