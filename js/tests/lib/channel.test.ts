import { describe, expect, test } from "vitest";
import { MemoryModel } from "../../dev/model";
import { Channel, type Request, type View } from "../../src/lib";

const HEADER = {
  name: "heat",
  shape: [1, 2],
  dtype: "float32" as const,
  range: null,
  pooled: { kind: "none" as const, factor: [1, 1] },
  quantised: null,
};

function setUp() {
  const model = new MemoryModel<object>({});
  const controller = new AbortController();
  const channel = new Channel(model, controller.signal);
  const sent = () => model.sent as Extract<Request, { kind: "view" }>[];
  const answer = (at: number, numbers: [number, number]) => {
    const frame = { ...HEADER };
    const data = new DataView(Float32Array.from(numbers).buffer);
    model.emit("msg:custom", { kind: "view", id: sent()[at]?.id, frame }, [data]);
  };
  const fail = (at: number, message: string) =>
    model.emit("msg:custom", { kind: "error", id: sent()[at]?.id, message }, []);
  return { model, controller, channel, sent, answer, fail };
}

function view(start: number, tensor = "heat"): View {
  return { tensor, index: [[start, start + 1]], pixels: [1, 2] };
}

describe("Channel.view", () => {
  test("sends the view with an id and resolves with the frame of that id", async () => {
    const { channel, sent, answer } = setUp();
    const asked = channel.view(view(3));
    expect(sent()[0]).toMatchObject({ kind: "view", tensor: "heat", index: [[3, 4]], pixels: [1, 2] });
    answer(0, [1, 2]);
    expect([...(await asked).stored]).toEqual([1, 2]);
  });

  test("has one request under way, and of those that wait only the newest goes out", async () => {
    const { channel, sent, answer } = setUp();
    const first = channel.view(view(0));
    const overtaken = [1, 2, 3].map((start) => channel.view(view(start)));
    const last = channel.view(view(9));
    expect(sent()).toHaveLength(1);
    for (const one of overtaken) await expect(one).rejects.toMatchObject({ name: "AbortError" });
    answer(0, [0, 0]);
    await first;
    expect(sent().map((request) => request.index?.[0]?.[0])).toEqual([0, 9]);
    answer(1, [9, 9]);
    expect((await last).stored[0]).toBe(9);
  });

  test("keeps tensors and slots apart", () => {
    const { channel, sent } = setUp();
    void channel.view(view(0), "left");
    void channel.view(view(0), "right");
    void channel.view(view(0, "image"), "left");
    expect(sent()).toHaveLength(3);
    expect(new Set(sent().map((request) => request.id)).size).toBe(3);
  });

  test("rejects with Python's words and goes on with the next", async () => {
    const { channel, sent, fail, answer } = setUp();
    const first = channel.view(view(0));
    const second = channel.view(view(1));
    fail(0, "there is no tensor 'heat' here");
    await expect(first).rejects.toThrow("there is no tensor 'heat' here");
    expect(sent()).toHaveLength(2);
    answer(1, [5, 6]);
    expect((await second).stored[1]).toBe(6);
  });

  test("rejects an answer without values, or with too few", async () => {
    const { channel, model, sent } = setUp();
    const bare = channel.view(view(0));
    model.emit("msg:custom", { kind: "view", id: sent()[0]?.id, frame: HEADER }, []);
    await expect(bare).rejects.toThrow("without values");
    const short = channel.view(view(0));
    model.emit("msg:custom", { kind: "view", id: sent()[1]?.id, frame: HEADER }, [new ArrayBuffer(4)]);
    await expect(short).rejects.toThrow("needs 8");
  });

  test("does not take the answer to another view of the same model", async () => {
    const one = setUp();
    const other = new Channel(one.model, one.controller.signal);
    const first = one.channel.view(view(0));
    const second = other.view(view(1));
    one.answer(1, [2, 2]);
    one.answer(0, [1, 1]);
    expect((await first).stored[0]).toBe(1);
    expect((await second).stored[0]).toBe(2);
  });

  test("is not disturbed by messages that are not for it", async () => {
    const { channel, model, answer } = setUp();
    const asked = channel.view(view(0));
    model.emit("msg:custom", null, undefined);
    model.emit("msg:custom", { kind: "view", id: -1, frame: HEADER }, []);
    answer(0, [1, 1]);
    expect((await asked).stored[0]).toBe(1);
  });
});

test("closing rejects all that is open, sends nothing more and leaves no listener", async () => {
  const { channel, controller, model, sent } = setUp();
  const open = [channel.view(view(0)), channel.view(view(1))];
  controller.abort();
  for (const one of open) await expect(one).rejects.toMatchObject({ name: "AbortError" });
  await expect(channel.view(view(2))).rejects.toMatchObject({ name: "AbortError" });
  channel.cancel();
  expect(sent()).toHaveLength(1);
  expect(model.listenerCount).toBe(0);
});

test("cancel and retry are messages of their own", () => {
  const { channel, model } = setUp();
  channel.cancel();
  channel.retry();
  expect(model.sent).toEqual([{ kind: "cancel" }, { kind: "retry" }]);
});
