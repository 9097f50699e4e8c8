import { render } from "preact";
import { afterEach, describe, expect, test } from "vitest";
import { numberProblem, parseNumbers, type Setting, SettingsForm, type SettingValue } from "../../src/lib";

let host: HTMLElement;
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
  render(<SettingsForm settings={settings} values={values} methods={methods} onChange={onChange} />, host);
  return changes;
}

function type(text: string): void {
  const field = host.querySelector("input") as HTMLInputElement;
  field.value = text;
  field.dispatchEvent(new Event("change", { bubbles: true }));
}

describe("SettingsForm", () => {
  test("draws a control per setting, with a label and the value that it has", () => {
    draw([setting({}), setting({ name: "stdevs", kind: "float", default: 0.1, low: 0, high: null })], { n_steps: 20 });
    expect([...host.querySelectorAll("label")].map((label) => label.textContent)).toEqual(["n steps", "stdevs"]);
    expect([...host.querySelectorAll("input")].map((field) => field.valueAsNumber)).toEqual([20, 0.1]);
  });

  test("takes a number within its bounds and refuses others with the reason", () => {
    const changes = draw([setting({})]);
    type("101");
    type("2.5");
    expect(changes).toEqual([]);
    expect(host.querySelector("input")?.validationMessage).toBe("Type a whole number.");
    type("99");
    expect(changes).toEqual([["n_steps", 99]]);
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

  test("takes one whole number, several, or none", () => {
    const changes = draw([setting({ name: "window", kind: "ints", default: 8 })]);
    for (const text of ["3, 8, 8", "4", "", "4.5"]) type(text);
    expect(changes).toEqual([
      ["window", [3, 8, 8]],
      ["window", 4],
      ["window", null],
    ]);
  });
});

test("parseNumbers says what it takes", () => {
  expect(parseNumbers("0", 1).problem).toBe("Type whole numbers of at least 1, with commas between them.");
  expect(parseNumbers(" 8 ", 1).value).toBe(8);
});

test("numberProblem names the bound that was passed", () => {
  expect(numberProblem(-1, 0, null, false)).toBe("Type a number of at least 0.");
  expect(numberProblem(2, null, 1, false)).toBe("Type a number of at most 1.");
  expect(numberProblem(Number.NaN, null, null, false)).toBe("Type a number.");
  expect(numberProblem(0.5, 0, 1, false)).toBeNull();
});
