import { describe, expect, test } from "vitest";
import { windowWords } from "../../src/lib/matrix-legend";
import { shiftInside } from "../../src/lib/matrix-note";

describe("the legend", () => {
  test("names whole windows, and where they differ the largest", () => {
    expect(windowWords([4, 4])).toBe("4 \u00d7 4");
    expect(windowWords([49 / 48, 49 / 48])).toBe("up to 2 \u00d7 2");
    expect(windowWords([1, 2.5])).toBe("up to 1 \u00d7 3");
  });
});

describe("the note at a cell", () => {
  const card = { left: 0, right: 500, top: 0, bottom: 400 };
  const note = (left: number, top: number) => ({ left, right: left + 120, top, bottom: top + 60 });

  test("stays where it is as long as it is inside", () => {
    expect(shiftInside(note(100, 100), card)).toEqual([0, 0]);
  });

  test("comes back from the sides, its first letter before its last", () => {
    expect(shiftInside(note(450, 100), card)).toEqual([-74, 0]);
    expect(shiftInside(note(-30, 100), card)).toEqual([34, 0]);
    expect(shiftInside({ left: -30, right: 530, top: 100, bottom: 160 }, card)).toEqual([34, 0]);
  });

  test("goes above its cell where it would stand out below", () => {
    const [, down] = shiftInside(note(100, 350), card);
    expect(350 + 60 + down).toBeLessThan(350);
  });
});
