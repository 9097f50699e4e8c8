import { describe, expect, test } from "vitest";
import {
  advanced,
  allShown,
  back,
  forward,
  type Play,
  STEP_S,
  shownShare,
  toEnd,
  toggled,
} from "../../../src/widgets/transformer_explorer/details/steps";

const START: Play = { count: 4, at: 0, playing: true };

describe("steps", () => {
  test("play through all of them in their time, each after the one before, and stop", () => {
    let play = START;
    play = advanced(play, STEP_S * 1.5);
    expect([0, 1, 2, 3].map((step) => shownShare(play, step))).toEqual([1, 0.5, 0, 0]);
    play = advanced(play, STEP_S * 100);
    expect(play).toEqual(allShown(4));
  });

  test("nothing moves while they are paused", () => {
    const paused = toggled(advanced(START, 1));
    expect(paused.playing).toBe(false);
    expect(advanced(paused, 10)).toBe(paused);
    expect(toggled(paused)).toEqual({ ...paused, playing: true });
  });

  test("at the end, play starts over", () => {
    expect(toggled(allShown(4))).toEqual(START);
  });

  test("forward completes the step under way, then shows one more each time, and holds", () => {
    expect(forward({ ...START, at: 1.4 })).toEqual({ count: 4, at: 2, playing: false });
    expect(forward({ ...START, at: 2 }).at).toBe(3);
    expect(forward(allShown(4)).at).toBe(4);
  });

  test("back takes the step under way away, then one more each time", () => {
    expect(back({ ...START, at: 2.4 })).toEqual({ count: 4, at: 2, playing: false });
    expect(back({ ...START, at: 2 }).at).toBe(1);
    expect(back({ ...START, at: 0 }).at).toBe(0);
  });

  test("skipping shows all", () => {
    expect(toEnd(START)).toEqual(allShown(4));
  });
});
