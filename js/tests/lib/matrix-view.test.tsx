import { signal } from "@preact/signals";
import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Channel, Frame } from "../../src/lib";
import { type MatrixCell, MatrixView } from "../../src/lib/matrix-view";

const WORDS = ["a", "b"];
const FRAME = {
  name: "m",
  shape: [1, 2, 2],
  dtype: "float32",
  range: [0, 1],
  pooled: { kind: "none", factor: [1, 1, 1] },
  quantised: null,
  data: Float32Array.of(0, 1, 0.5, 0.25),
} as unknown as Frame;

let el: HTMLElement;
beforeEach(() => {
  vi.spyOn(HTMLElement.prototype, "clientWidth", "get").mockReturnValue(400);
  el = document.body.appendChild(document.createElement("div"));
});
afterEach(() => {
  render(null, el);
  el.remove();
});

test("another channel is asked, though tensor, head and version are the same", async () => {
  const view = [vi.fn(async () => FRAME), vi.fn(async () => FRAME)] as const;
  const cell = signal<MatrixCell | null>(null);
  const show = (ask: (typeof view)[number]) =>
    act(async () => {
      const channel = { view: ask } as unknown as Channel;
      render(
        <MatrixView
          {...{ channel, cell, head: 0, version: 1, rows: WORDS, columns: WORDS }}
          tensor="m"
          colors="attention"
          theme="light"
          label="m"
        />,
        el,
      );
      await new Promise((done) => setTimeout(done, 30));
    });
  await show(view[0]);
  expect(view[0]).toHaveBeenCalled();
  await show(view[1]);
  expect(view[1]).toHaveBeenCalled();
});
