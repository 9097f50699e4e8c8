import { describe, expect, it } from "vitest";
import { noHistory, recorded, redone, undone } from "../../src/lib/history";

interface State {
  block: number;
  head: number;
  ids: number[];
}

describe("history", () => {
  const one = recorded<State>(noHistory(), { block: 0 }, { block: 3 }, 0);
  const two = recorded<State>(one, { head: 1 }, { head: 2 }, 10_000);

  it("goes back and forth over changes of different names", () => {
    const back = undone(two);
    expect(back?.set).toEqual({ head: 1 });
    const further = back && undone(back.history);
    expect(further?.set).toEqual({ block: 0 });
    expect(further && undone(further.history)).toBeNull();
    const again = further && redone(further.history);
    expect(again?.set).toEqual({ block: 3 });
    const last = again && redone(again.history);
    expect(last?.set).toEqual({ head: 2 });
    expect(last && redone(last.history)).toBeNull();
  });
  it("takes changes that follow each other fast as one", () => {
    let held = recorded<State>(noHistory(), { head: 0 }, { head: 1 }, 0);
    held = recorded(held, { head: 1 }, { head: 2 }, 200);
    held = recorded(held, { head: 2 }, { head: 3 }, 400);
    expect(held.past).toHaveLength(1);
    expect(undone(held)?.set).toEqual({ head: 0 });
    const slow = recorded(held, { head: 3 }, { head: 4 }, 5000);
    expect(slow.past).toHaveLength(2);
  });
  it("does not join changes of different names", () => {
    const both = recorded<State>(
      recorded<State>(noHistory(), { head: 0 }, { head: 1 }, 0),
      { block: 0 },
      { block: 1 },
      10,
    );
    expect(both.past).toHaveLength(2);
  });
  it("takes a change of nothing for none, lists too", () => {
    expect(recorded<State>(one, { block: 3, ids: [1, 2] }, { block: 3, ids: [1, 2] }, 20_000)).toBe(one);
  });
  it("keeps only the names that changed", () => {
    const step = recorded<State>(noHistory(), { block: 1, head: 1 }, { block: 1, head: 2 }, 0);
    expect(undone(step)?.set).toEqual({ head: 1 });
  });
  it("forgets what could be redone when something else is done", () => {
    const back = undone(two);
    if (!back) throw new Error("nothing to undo");
    const other = recorded<State>(back.history, { block: 3 }, { block: 1 }, 20_000);
    expect(redone(other)).toBeNull();
  });
});
