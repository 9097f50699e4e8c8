import { afterEach, describe, expect, test } from "vitest";
import { keepKeys } from "../../src/lib";

const ATTRIBUTE = "data-lm-suppress-shortcuts";
let view: AbortController;
afterEach(() => view.abort());

/** Presses a key in a field inside a widget; whether hosts of either kind would take it. */
function press(key: string, init: KeyboardEventInit = {}) {
  view = new AbortController();
  const root = document.body.appendChild(document.createElement("div"));
  const field = root.appendChild(document.createElement("input"));
  keepKeys(root, view.signal);
  const heard = { bubbling: false, capturing: false };
  const listen = (name: keyof typeof heard, heardHere: () => boolean) =>
    document.addEventListener(
      "keydown",
      () => {
        heard[name] = heardHere();
      },
      { capture: name === "capturing", signal: view.signal },
    );
  listen("bubbling", () => true);
  listen("capturing", () => !field.hasAttribute(ATTRIBUTE));
  field.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, composed: true, ...init }));
  root.remove();
  return heard;
}

describe("keepKeys", () => {
  test.each(["x", "Enter", "ArrowUp", "ArrowLeft", "d", " "])("keeps %j from the notebook", (key) => {
    expect(press(key)).toEqual({ bubbling: false, capturing: false });
  });

  test.each([
    ["a", { ctrlKey: true }],
    ["Enter", { ctrlKey: true }],
    ["z", { metaKey: true }],
  ])("keeps editing with %j", (key, init) => {
    expect(press(key, init)).toEqual({ bubbling: false, capturing: false });
  });

  test.each([
    ["s", { ctrlKey: true }],
    ["s", { metaKey: true }],
    ["Enter", { shiftKey: true }],
    ["Escape", {}],
  ])("leaves %j to the notebook", (key, init) => {
    expect(press(key, init)).toEqual({ bubbling: true, capturing: true });
  });

  test("leaves keys outside the widget alone", () => {
    view = new AbortController();
    const root = document.createElement("div");
    keepKeys(root, view.signal);
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "x", bubbles: true, composed: true }));
    expect(document.body.hasAttribute(ATTRIBUTE)).toBe(false);
  });
});
