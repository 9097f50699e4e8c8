import { bytesOf, decodeFrame, type Frame, type FrameHeader } from "./frame";
import { type Emitter, listen, whenAborted } from "./lifecycle";

/** Half-open range along one axis. */
export type Range = [start: number, stop: number];

export interface View {
  tensor: string;
  /** One range per axis; null for all of the tensor. */
  index: Range[] | null;
  /** Most pixels worth sending. */
  pixels: [height: number, width: number];
}

/** A named question with JSON arguments, for what is more than a region of one tensor. */
export interface Question {
  question: string;
  args: unknown;
}

/** JSON facts, and any number of frames by name. */
export interface Answer {
  facts: unknown;
  frames: Record<string, Frame>;
}

export type Request =
  | ({ kind: "view"; id: number } & View)
  | ({ kind: "ask"; id: number } & Question)
  | { kind: "cancel" }
  | { kind: "retry" };

/** Values travel as the message's buffers: one for a view, one for each frame of an answer, in its order. */
export type Reply =
  | { kind: "view"; id: number; frame: FrameHeader }
  | { kind: "answer"; id: number; facts: unknown; frames: [name: string, header: FrameHeader][] }
  | { kind: "error"; id: number; message: string };

type Buffers = readonly (ArrayBuffer | ArrayBufferView)[];

export interface Link extends Emitter {
  send(content: unknown): void;
}

interface Asked {
  content: ({ kind: "view" } & View) | ({ kind: "ask" } & Question);
  /** What to make of the reply; throws if it does not hold what was asked for. */
  take(reply: Reply, buffers: Buffers): void;
  reject(reason: unknown): void;
}

interface Lane {
  flying: { id: number; asked: Asked; again: ReturnType<typeof setTimeout> } | null;
  waiting: Asked | null;
}

/**
 * After this long a request is sent once more, under the same id: JupyterLab may lose a message of a page that has just
 * opened (it hands comms to subshells of the kernel). Whoever answers late answers twice, and the second is not heard.
 */
const AGAIN_MS = 5000;

/**
 * The tensor channel, seen from the screen: ask for a view of a tensor, get one frame or one error.
 *
 * Newest wins: per tensor and slot one request is under way and one waits. A request that is overtaken before it was
 * sent rejects with an AbortError; an answer that was overtaken while under way still arrives, since it is the best
 * there is until the next one.
 */
export class Channel {
  readonly #link: Link;
  readonly #abort: AbortSignal;
  readonly #lanes = new Map<string, Lane>();
  // Several views may share one model and hear each other's replies: each counts from its own random start.
  #nextId = Math.floor(Math.random() * 2 ** 40) * 4096;

  constructor(link: Link, abort: AbortSignal) {
    this.#link = link;
    this.#abort = abort;
    listen(
      link,
      "msg:custom",
      (content: Reply, buffers: Buffers | undefined) => this.#receive(content, buffers),
      abort,
    );
    whenAborted(abort, () => this.#close());
  }

  /** Asks for a view. `slot` names the place on screen that shows it. */
  view(view: View, slot = "main"): Promise<Frame> {
    return this.#request(`view\n${view.tensor}\n${slot}`, { kind: "view", ...view }, frameOf);
  }

  /** Asks a question; newest wins per slot, which is by default the question's name. */
  ask(question: string, args: unknown, slot = question): Promise<Answer> {
    return this.#request(`ask\n${slot}`, { kind: "ask", question, args }, answerOf);
  }

  /** Tells Python something that has no answer: `{kind: "generate", count: 5}`. */
  tell(content: { kind: string }): void {
    if (!this.#abort.aborted) this.#link.send(content);
  }

  /** Asks Python to stop the job that runs. */
  cancel(): void {
    this.#post({ kind: "cancel" });
  }

  /** Asks Python to run the job that failed once more. */
  retry(): void {
    this.#post({ kind: "retry" });
  }

  #request<Value>(
    key: string,
    content: Asked["content"],
    read: (reply: Reply, buffers: Buffers) => Value,
  ): Promise<Value> {
    if (this.#abort.aborted) return Promise.reject(gone());
    return new Promise((resolve, reject) => {
      const lane = this.#lane(key);
      lane.waiting?.reject(new DOMException("a newer request took its place", "AbortError"));
      lane.waiting = { content, take: (reply, buffers) => resolve(read(reply, buffers)), reject };
      this.#send(lane);
    });
  }

  #lane(key: string): Lane {
    const lane = this.#lanes.get(key) ?? { flying: null, waiting: null };
    this.#lanes.set(key, lane);
    return lane;
  }

  #send(lane: Lane): void {
    if (lane.flying || !lane.waiting) return;
    const asked = lane.waiting;
    const id = this.#nextId++;
    const post = () => this.#post({ id, ...asked.content });
    lane.flying = { id, asked, again: setTimeout(post, AGAIN_MS) };
    lane.waiting = null;
    post();
  }

  #post(request: Request): void {
    if (!this.#abort.aborted) this.#link.send(request);
  }

  #receive(reply: Reply, buffers: Buffers | undefined): void {
    for (const lane of this.#lanes.values()) {
      const flying = lane.flying;
      if (flying === null || flying.id !== reply?.id) continue;
      clearTimeout(flying.again);
      lane.flying = null;
      settle(flying.asked, reply, buffers ?? []);
      this.#send(lane);
      return;
    }
  }

  #close(): void {
    for (const { flying, waiting } of this.#lanes.values()) {
      clearTimeout(flying?.again);
      flying?.asked.reject(gone());
      waiting?.reject(gone());
    }
    this.#lanes.clear();
  }
}

function settle(asked: Asked, reply: Reply, buffers: Buffers): void {
  if (reply.kind === "error") {
    asked.reject(new Error(reply.message));
    return;
  }
  try {
    asked.take(reply, buffers);
  } catch (error) {
    asked.reject(error);
  }
}

function frameOf(reply: Reply, [data]: Buffers): Frame {
  if (reply.kind !== "view") throw new Error(`asked for a view, and got "${reply.kind}"`);
  if (!data) throw new Error(`the view of "${reply.frame.name}" came without values`);
  return decodeFrame({ ...reply.frame, data: bytesOf(data) });
}

function answerOf(reply: Reply, buffers: Buffers): Answer {
  if (reply.kind !== "answer") throw new Error(`asked a question, and got "${reply.kind}"`);
  const frames: Record<string, Frame> = {};
  reply.frames.forEach(([name, header], at) => {
    const data = buffers[at];
    if (!data) throw new Error(`the frame "${name}" came without values`);
    frames[name] = decodeFrame({ ...header, data: bytesOf(data) });
  });
  return { facts: reply.facts, frames };
}

function gone(): DOMException {
  return new DOMException("the view was closed", "AbortError");
}
