/** Answers to questions of the channel, kept by what they answer. */
import { useEffect, useState } from "preact/hooks";
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

const caches = new WeakMap<Channel, AnswerCache>();

function cacheOf(channel: Channel): AnswerCache {
  const known = caches.get(channel) ?? new AnswerCache();
  caches.set(channel, known);
  return known;
}

function keyOf(question: string, args: unknown, version: number): string {
  return `${version}\n${question}\n${JSON.stringify(args)}`;
}

/** Puts an answer that came unasked where `useAnswer` looks first. */
export function seedAnswer(channel: Channel, question: string, args: unknown, version: number, answer: Answer): void {
  cacheOf(channel).set(keyOf(question, args, version), answer);
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
 * The answer before stays while the next one is under way, so that nothing flickers. Null arguments ask nothing.
 */
export function useAnswer<Facts>(
  channel: Channel,
  question: string,
  args: unknown,
  version: number,
  slot: string = question,
): Answered<Facts> {
  const key = args === null ? null : keyOf(question, args, version);
  const known = key === null ? undefined : cacheOf(channel).get(key);
  const [last, setLast] = useState<{ key: string | null; shown: Answered<Facts> }>({ key: null, shown: NOTHING });
  useEffect(() => {
    if (key === null) return undefined;
    let gone = false;
    const show = (shown: Answered<Facts>) => !gone && setLast({ key, shown });
    const answered = ({ facts, frames }: Answer) =>
      show({ facts: facts as Facts, frames, error: null, waiting: false, version });
    if (known) answered(known);
    else {
      channel.ask(question, args, slot).then(
        (answer) => {
          cacheOf(channel).set(key, answer);
          answered(answer);
        },
        (reason: unknown) => {
          if (reason instanceof DOMException && reason.name === "AbortError") return;
          show({ ...NOTHING, error: reason instanceof Error ? reason.message : String(reason) });
        },
      );
    }
    return () => {
      gone = true;
    };
  }, [channel, key]);
  if (key === null) return NOTHING;
  if (known) return { facts: known.facts as Facts, frames: known.frames, error: null, waiting: false, version };
  return last.key === key ? last.shown : { ...last.shown, error: null, waiting: true };
}
