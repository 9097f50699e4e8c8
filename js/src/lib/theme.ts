import { type ReadonlySignal, type Signal, computed, signal } from "@preact/signals";
import { whenAborted } from "./lifecycle";

export type Theme = "light" | "dark";

/**
 * The theme of the page around the widget: JupyterLab, VS Code, Colab, marimo and Sphinx say theirs on <body> or
 * <html>; otherwise what the reader's system prefers.
 */
export function hostTheme(document: Document, prefersDark: boolean): Theme {
  const { body, documentElement: root } = document;
  const lab = body.getAttribute("data-jp-theme-light");
  if (lab !== null) return lab === "false" ? "dark" : "light";
  const vscode =
    body.getAttribute("data-vscode-theme-kind") ?? [...body.classList].find((name) => name.startsWith("vscode-"));
  if (vscode) return vscode.includes("light") ? "light" : "dark";
  for (const element of [root, body]) {
    const named = element.getAttribute("data-theme") ?? element.getAttribute("theme");
    if (named === "dark" || named === "light") return named;
    if (element.classList.contains("dark") || element.classList.contains("dark-theme")) return "dark";
    if (element.classList.contains("light") || element.classList.contains("light-theme")) return "light";
  }
  return prefersDark ? "dark" : "light";
}

/** The theme to draw in: the trait's, or the host's while the trait says "auto"; follows both until aborted. */
export function watchTheme(
  document: Document,
  trait: Signal<"auto" | Theme>,
  abort: AbortSignal,
): ReadonlySignal<Theme> {
  const window = document.defaultView;
  const query = window?.matchMedia?.("(prefers-color-scheme: dark)");
  const host = signal(hostTheme(document, query?.matches ?? false));
  const update = () => {
    host.value = hostTheme(document, query?.matches ?? false);
  };
  query?.addEventListener("change", update, { signal: abort });
  if (window && "MutationObserver" in window) {
    const observer = new window.MutationObserver(update);
    const attributeFilter = ["class", "theme", "data-theme", "data-jp-theme-light", "data-vscode-theme-kind"];
    for (const element of [document.body, document.documentElement]) {
      observer.observe(element, { attributes: true, attributeFilter });
    }
    whenAborted(abort, () => observer.disconnect());
  }
  return computed(() => (trait.value === "light" || trait.value === "dark" ? trait.value : host.value));
}
