import { describe, expect, test, vi } from "vitest";
import { MemoryModel } from "../../dev/model";
import { Channel, type Request } from "../../src/lib";

const HEADER = {
  name: "logits",
  shape: [2],
  dtype: "float32" as const,
  range: null,
  pooled: { kind: "none" as const, factor: [1] },
  quantised: null,
};

function setUp() {
  const model = new MemoryModel<object>({});
  const channel = new Channel(model, new AbortController().signal);
  const sent = () => model.sent as Extract<Request, { kind: "ask" }>[];
  const reply = (content: object, ...numbers: number[][]) => {
    const buffers = numbers.map((list) => new DataView(Float32Array.from(list).buffer));
    model.emit("msg:custom", content, buffers);
  };
  return { channel, sent, reply };
}

describe("Channel.ask", () => {
  test("sends the question and reads facts and frames in the order of the buffers", async () => {
    const { channel, sent, reply } = setUp();
    const asked = channel.ask("logits", { position: 3 });
    expect(sent()[0]).toMatchObject({ kind: "ask", question: "logits", args: { position: 3 } });
    const frames = [
      ["logits", HEADER],
      ["order", { ...HEADER, name: "order" }],
    ];
    reply({ kind: "answer", id: sent()[0]?.id, facts: { kind: "token" }, frames }, [1, 2], [3, 4]);
    const answer = await asked;
    expect(answer.facts).toEqual({ kind: "token" });
    expect([...(answer.frames.logits?.stored ?? [])]).toEqual([1, 2]);
    expect([...(answer.frames.order?.stored ?? [])]).toEqual([3, 4]);
  });

  test("of questions in one slot that wait only the newest goes out; other slots are apart", async () => {
    const { channel, sent, reply } = setUp();
    const first = channel.ask("lens", { start: 0 });
    const overtaken = channel.ask("lens", { start: 8 });
    const last = channel.ask("lens", { start: 16 });
    void channel.ask("lens", { start: 24 }, "lens of the last lane");
    await expect(overtaken).rejects.toMatchObject({ name: "AbortError" });
    reply({ kind: "answer", id: sent()[0]?.id, facts: "first", frames: [] });
    expect((await first).facts).toBe("first");
    expect(sent().map((request) => (request.args as { start: number }).start)).toEqual([0, 24, 16]);
    reply({ kind: "answer", id: sent()[2]?.id, facts: "last", frames: [] });
    expect((await last).facts).toBe("last");
  });

  test("a request that got lost is sent once more, and a second answer is not heard", async () => {
    vi.useFakeTimers();
    try {
      const { channel, sent, reply } = setUp();
      const asked = channel.ask("heads", {});
      vi.advanceTimersByTime(60_000);
      expect(sent()).toHaveLength(2);
      expect(sent()[1]).toEqual(sent()[0]);
      reply({ kind: "answer", id: sent()[0]?.id, facts: "first", frames: [] });
      reply({ kind: "answer", id: sent()[0]?.id, facts: "second", frames: [] });
      expect((await asked).facts).toBe("first");
      void channel.ask("heads", { which: "base" });
      reply({ kind: "answer", id: sent()[2]?.id, facts: "base", frames: [] });
      vi.advanceTimersByTime(60_000);
      expect(sent()).toHaveLength(3);
    } finally {
      vi.useRealTimers();
    }
  });

  test("rejects with Python's words, and when a frame came without its values", async () => {
    const { channel, sent, reply } = setUp();
    const refused = channel.ask("origin", {});
    reply({ kind: "error", id: sent()[0]?.id, message: "nothing has run yet" });
    await expect(refused).rejects.toThrow("nothing has run yet");
    const broken = channel.ask("origin", {});
    reply({ kind: "answer", id: sent()[1]?.id, facts: {}, frames: [["logits", HEADER]] });
    await expect(broken).rejects.toThrow('the frame "logits" came without values');
  });
});
