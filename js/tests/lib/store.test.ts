import { describe, expect, test, vi } from "vitest";
import { MemoryModel } from "../../dev/model";
import { Store } from "../../src/lib";

interface Traits {
  opacity: number;
  mode: string;
}

function setUp() {
  const model = new MemoryModel<Traits>({ opacity: 0.5, mode: "blend" });
  const controller = new AbortController();
  return { model, controller, store: new Store<Traits>(model, controller.signal) };
}

const nextFrame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));

describe("Store", () => {
  test("shows a write at once and sends the last of a frame's writes, once", async () => {
    const { model, store } = setUp();
    for (const opacity of [0.6, 0.7, 0.8]) store.set("opacity", opacity);
    store.set("mode", "mask");
    expect(store.get("opacity")).toBe(0.8);
    expect(model.get("opacity")).toBe(0.5);
    await nextFrame();
    expect([model.get("opacity"), model.get("mode"), model.saves]).toEqual([0.8, "mask", 1]);
  });

  test("follows changes from Python", () => {
    const { model, store } = setUp();
    expect(store.get("mode")).toBe("blend");
    model.set("mode", "contour");
    expect(store.get("mode")).toBe("contour");
  });

  test("does not let an older value from Python undo a drag that is under way", async () => {
    const { model, store } = setUp();
    store.set("opacity", 0.9);
    model.set("opacity", 0.6);
    expect(store.get("opacity")).toBe(0.9);
    await nextFrame();
    expect(model.get("opacity")).toBe(0.9);
  });

  test("sends in a hidden tab too, which has no frames", () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    vi.stubGlobal("requestAnimationFrame", () => 0);
    const { model, store } = setUp();
    store.set("opacity", 0.1);
    vi.advanceTimersByTime(200);
    vi.useRealTimers();
    vi.unstubAllGlobals();
    expect([model.get("opacity"), model.saves]).toEqual([0.1, 1]);
  });

  test("sends what is left when the view closes, and listens no more", () => {
    const { model, store, controller } = setUp();
    store.get("mode");
    store.set("opacity", 0.2);
    controller.abort();
    expect([model.get("opacity"), model.saves, model.listenerCount]).toEqual([0.2, 1, 0]);
  });
});
