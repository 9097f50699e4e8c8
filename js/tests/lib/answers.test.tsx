import { h, render } from "preact";
import { act } from "preact/test-utils";
import { beforeEach, describe, expect, test } from "vitest";
import type { Answer } from "../../src/lib";
import { type Answered, Channel, seedAnswer, useAnswer } from "../../src/lib";

/** A channel whose answers the test gives by hand. */
class Hand extends Channel {
  readonly asked: { args: unknown; resolve(answer: Answer): void; reject(reason: unknown): void }[] = [];

  override ask(_question: string, args: unknown): Promise<Answer> {
    return new Promise((resolve, reject) => this.asked.push({ args, resolve, reject }));
  }
}

const LINK = { on: () => undefined, off: () => undefined, send: () => undefined };
let hand: Hand;
let shown: Answered<string>;
let root: HTMLElement;

function Asking({ args, version }: { args: unknown; version: number }) {
  shown = useAnswer<string>(hand, "flow", args, version);
  return null;
}

const ask = (args: unknown, version = 1) => act(() => render(h(Asking, { args, version }), root));
const settled = () => new Promise<void>((done) => setTimeout(done));
const answer = (at: number, facts: string) =>
  act(async () => {
    hand.asked[at]?.resolve({ facts, frames: {} });
    await settled();
  });

beforeEach(() => {
  hand = new Hand(LINK, new AbortController().signal);
  root = document.createElement("div");
});

describe("useAnswer", () => {
  test("asks once, and keeps the answer before while the next is under way", async () => {
    await ask({ block: 0 });
    expect(shown).toMatchObject({ facts: null, error: null, waiting: true });
    await answer(0, "block 0");
    expect(shown).toMatchObject({ facts: "block 0", waiting: false, version: 1 });
    await ask({ block: 1 });
    expect(shown).toMatchObject({ facts: "block 0", waiting: true });
    await answer(1, "block 1");
    expect(shown).toMatchObject({ facts: "block 1", waiting: false });
    await ask({ block: 0 });
    expect(shown).toMatchObject({ facts: "block 0", waiting: false });
    expect(hand.asked).toHaveLength(2);
  });

  test("asks again when the data has another version", async () => {
    await ask({ block: 0 }, 1);
    await answer(0, "old");
    await ask({ block: 0 }, 2);
    expect(shown).toMatchObject({ facts: "old", waiting: true, version: 1 });
    await answer(1, "new");
    expect(shown).toMatchObject({ facts: "new", version: 2 });
  });

  test("does not ask for what was pushed, and null asks nothing", async () => {
    seedAnswer(hand, "flow", { block: 3 }, 5, { facts: "pushed", frames: {} });
    await ask({ block: 3 }, 5);
    expect(shown).toMatchObject({ facts: "pushed", waiting: false, version: 5 });
    await ask(null);
    expect(shown).toMatchObject({ facts: null, waiting: false });
    expect(hand.asked).toHaveLength(0);
  });

  test("components that ask the same share one question, also when the first goes on to another", async () => {
    const other = document.createElement("div");
    const seen: Answered<string>[] = [];
    const Second = () => {
      seen.push(useAnswer<string>(hand, "flow", { block: 0 }, 1));
      return null;
    };
    await ask({ block: 0 });
    await act(() => render(h(Second, {}), other));
    expect(hand.asked).toHaveLength(1);
    await act(async () => {
      hand.asked[0]?.reject(new DOMException("a newer request took its place", "AbortError"));
      await settled();
    });
    expect(hand.asked).toHaveLength(2);
    await answer(1, "block 0");
    expect(seen.at(-1)).toMatchObject({ facts: "block 0", waiting: false });
  });

  test("an error is told, and the next answer takes it away", async () => {
    await ask({ block: 0 });
    await act(async () => {
      hand.asked[0]?.reject(new Error("block=0; there are none"));
      await settled();
    });
    expect(shown).toMatchObject({ error: "block=0; there are none", facts: null });
    await ask({ block: 1 });
    expect(shown.error).toBeNull();
    await answer(1, "block 1");
    expect(shown).toMatchObject({ facts: "block 1", error: null });
  });
});
