import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, describe, expect, test } from "vitest";
import { numberProblem, parseNumbers, type Setting, SettingsForm, type SettingValue } from "../../src/lib";

let host: HTMLElement;
let redraw: (values: Record<string, SettingValue>) => void;
afterEach(() => render(null, host));

function setting(change: Partial<Setting>): Setting {
  return { name: "n_steps", kind: "int", default: 50, low: 1, high: 100, choices: null, doc: "Points", ...change };
}

/** Draws the form and collects what it would change. */
function draw(settings: Setting[], values: Record<string, SettingValue> = {}) {
  const changes: [string, SettingValue][] = [];
  host = document.body.appendChild(document.createElement("div"));
  const methods = [
    { value: "Saliency", label: "Saliency map" },
    { value: "Occlusion", label: "Occlusion" },
  ];
  const onChange = (name: string, value: SettingValue) => changes.push([name, value]);
  redraw = (shown) =>
    render(<SettingsForm settings={settings} values={shown} methods={methods} onChange={onChange} />, host);
  redraw(values);
  return changes;
}

async function type(text: string): Promise<void> {
  const field = host.querySelector("input") as HTMLInputElement;
  await act(() => {
    field.value = text;
    field.dispatchEvent(new Event("change", { bubbles: true }));
  });
}

function problem(): string | undefined {
  return host.querySelector("[role=alert]")?.textContent;
}

describe("SettingsForm", () => {
  test("draws a control per setting, with a label and the value that it has", () => {
    draw([setting({}), setting({ name: "stdevs", kind: "float", default: 0.1, low: 0, high: null })], { n_steps: 20 });
    expect([...host.querySelectorAll("label")].map((label) => label.textContent)).toEqual(["N steps", "Stdevs"]);
    expect([...host.querySelectorAll("input")].map((field) => field.valueAsNumber)).toEqual([20, 0.1]);
  });

  test("takes a number within its bounds", async () => {
    const changes = draw([setting({})]);
    await type("101");
    await type("2.5");
    expect(changes).toEqual([]);
    await type("99");
    expect(changes).toEqual([["n_steps", 99]]);
  });

  test.each([
    ["a number", setting({}), "2.5", "Type a whole number."],
    ["numbers", setting({ kind: "ints" }), "two", "Type a whole number of at least 1."],
  ])("keeps refused text in a field for %s, with the reason, until the value changes", async (_, field, text, why) => {
    draw([field]);
    await type(text);
    expect(problem()).toBe(why);
    const input = host.querySelector("input") as HTMLInputElement;
    expect([input.value, input.getAttribute("aria-invalid")]).toEqual([text, "true"]);
    expect(input.getAttribute("aria-describedby")).toBe(host.querySelector("[role=alert]")?.id);
    await act(() => redraw({ [field.name]: 7 }));
    expect([input.value, problem()]).toEqual(["7", undefined]);
  });

  test("takes what was typed by Enter, once", async () => {
    const changes = draw([setting({})]);
    const field = host.querySelector("input") as HTMLInputElement;
    field.value = "20";
    await act(() => {
      field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
    });
    expect(changes).toEqual([["n_steps", 20]]);
  });

  test("draws few choices side by side and many as a list", () => {
    draw([setting({ name: "kind", kind: "choice", default: "a", choices: ["a", "b"] })]);
    expect(host.querySelectorAll("[role=radio]")).toHaveLength(2);
    render(null, host);
    draw([setting({ name: "rule", kind: "choice", default: "a", choices: ["a", "b", "c", "d"] })]);
    expect(host.querySelectorAll("option")).toHaveLength(4);
  });

  test("offers the other methods for a setting that is a method", () => {
    const changes = draw([setting({ name: "method", kind: "method", default: "Saliency" })]);
    const list = host.querySelector("select") as HTMLSelectElement;
    expect([...list.options].map((option) => option.textContent)).toEqual(["Saliency map", "Occlusion"]);
    list.value = "Occlusion";
    list.dispatchEvent(new Event("change", { bubbles: true }));
    expect(changes).toEqual([["method", "Occlusion"]]);
  });

  test("switches a bool", () => {
    const changes = draw([setting({ name: "relu", kind: "bool", default: true })]);
    (host.querySelector("[role=switch]") as HTMLElement).click();
    expect(changes).toEqual([["relu", false]]);
  });

  test("shows nothing for a null that was set, not the default", () => {
    draw([setting({ name: "stride", kind: "ints", default: 8 })], { stride: null });
    expect(host.querySelector("input")?.value).toBe("");
  });

  test("takes one whole number, several, or none", async () => {
    const changes = draw([setting({ name: "window", kind: "ints", default: 8 })]);
    for (const text of ["3, 8, 8", "4", "", "4.5"]) await type(text);
    expect(changes).toEqual([
      ["window", [3, 8, 8]],
      ["window", 4],
      ["window", null],
    ]);
  });
});

test("parseNumbers says what it takes", () => {
  expect(parseNumbers("0", 1).problem).toBe("Type a whole number of at least 1.");
  expect(parseNumbers("3, 0", 1).problem).toBe("Type whole numbers of at least 1.");
  expect(parseNumbers(" 8 ", 1).value).toBe(8);
});

test("numberProblem names the bound that was passed", () => {
  expect(numberProblem(-1, 0, null, false)).toBe("Type a number of at least 0.");
  expect(numberProblem(2, null, 1, false)).toBe("Type a number of at most 1.");
  expect(numberProblem(Number.NaN, null, null, false)).toBe("Type a number.");
  expect(numberProblem(0.5, 0, 1, false)).toBeNull();
});
