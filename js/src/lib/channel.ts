import { bytesOf, decodeFrame, type Frame, type FrameHeader } from "./frame";
import { type Emitter, listen, whenAborted } from "./lifecycle";

/** Half-open range along one axis. */
export type Range = [start: number, stop: number];

export interface View {
  tensor: string;
  /** One range per axis. */
  index: Range[];
  /** Most pixels worth sending. */
  pixels: [height: number, width: number];
}

export type Request = ({ kind: "view"; id: number } & View) | { kind: "cancel" } | { kind: "retry" };

/** The values of a view travel as the message's first buffer. */
export type Reply = { kind: "view"; id: number; frame: FrameHeader } | { kind: "error"; id: number; message: string };

export interface Link extends Emitter {
  send(content: unknown): void;
}

interface Asked {
  view: View;
  resolve(frame: Frame): void;
  reject(reason: unknown): void;
}

interface Lane {
  flying: { id: number; asked: Asked } | null;
  waiting: Asked | null;
}

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
    listen(link, "msg:custom", (content: Reply, buffers) => this.#receive(content, buffers), abort);
    whenAborted(abort, () => this.#close());
  }

  /** Asks for a view. `slot` names the place on screen that shows it. */
  view(view: View, slot = "main"): Promise<Frame> {
    if (this.#abort.aborted) return Promise.reject(gone());
    return new Promise((resolve, reject) => {
      const lane = this.#lane(`${view.tensor}\n${slot}`);
      lane.waiting?.reject(new DOMException("a newer request took its place", "AbortError"));
      lane.waiting = { view, resolve, reject };
      this.#send(lane);
    });
  }

  /** Asks Python to stop the job that runs. */
  cancel(): void {
    this.#post({ kind: "cancel" });
  }

  /** Asks Python to run the job that failed once more. */
  retry(): void {
    this.#post({ kind: "retry" });
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
    lane.flying = { id, asked };
    lane.waiting = null;
    this.#post({ kind: "view", id, ...asked.view });
  }

  #post(request: Request): void {
    if (!this.#abort.aborted) this.#link.send(request);
  }

  #receive(reply: Reply, buffers: readonly (ArrayBuffer | ArrayBufferView)[] | undefined): void {
    for (const lane of this.#lanes.values()) {
      const flying = lane.flying;
      if (flying === null || flying.id !== reply?.id) continue;
      lane.flying = null;
      settle(flying.asked, reply, buffers?.[0]);
      this.#send(lane);
      return;
    }
  }

  #close(): void {
    for (const { flying, waiting } of this.#lanes.values()) {
      flying?.asked.reject(gone());
      waiting?.reject(gone());
    }
    this.#lanes.clear();
  }
}

function settle(asked: Asked, reply: Reply, data: ArrayBuffer | ArrayBufferView | undefined): void {
  if (reply.kind === "error") {
    asked.reject(new Error(reply.message));
    return;
  }
  try {
    if (!data) throw new Error(`the view of "${asked.view.tensor}" came without values`);
    asked.resolve(decodeFrame({ ...reply.frame, data: bytesOf(data) }));
  } catch (error) {
    asked.reject(error);
  }
}

function gone(): DOMException {
  return new DOMException("the view was closed", "AbortError");
}
