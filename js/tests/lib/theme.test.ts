import { signal } from "@preact/signals";
import { afterEach, describe, expect, test } from "vitest";
import { hostTheme, type Theme, watchTheme } from "../../src/lib";

afterEach(() => {
  for (const element of [document.body, document.documentElement]) {
    for (const name of [...element.getAttributeNames()]) element.removeAttribute(name);
  }
});

describe("hostTheme", () => {
  test.each([
    ["data-jp-theme-light", "false", "dark"],
    ["data-jp-theme-light", "true", "light"],
    ["data-vscode-theme-kind", "vscode-dark", "dark"],
    ["data-vscode-theme-kind", "vscode-high-contrast", "dark"],
    ["data-vscode-theme-kind", "vscode-high-contrast-light", "light"],
    ["class", "vscode-dark", "dark"],
    ["class", "dark-theme", "dark"],
    ["data-theme", "dark", "dark"],
  ])("reads %s=%s on the body as %s", (name, value, theme) => {
    document.body.setAttribute(name, value);
    expect(hostTheme(document, theme === "light")).toBe(theme);
  });

  test("reads Colab's theme on the root", () => {
    document.documentElement.setAttribute("theme", "dark");
    expect(hostTheme(document, false)).toBe("dark");
  });

  test("is what the system prefers where the page says nothing", () => {
    expect([hostTheme(document, true), hostTheme(document, false)]).toEqual(["dark", "light"]);
  });
});

test("watchTheme follows the host, and the trait before the host", async () => {
  const trait = signal<"auto" | Theme>("auto");
  const controller = new AbortController();
  document.body.setAttribute("data-jp-theme-light", "true");
  const theme = watchTheme(document, trait, controller.signal);
  expect(theme.value).toBe("light");
  document.body.setAttribute("data-jp-theme-light", "false");
  await expect.poll(() => theme.value).toBe("dark");
  trait.value = "light";
  expect(theme.value).toBe("light");
  controller.abort();
});
