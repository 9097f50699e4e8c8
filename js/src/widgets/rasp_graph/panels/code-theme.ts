/** The editor in the widget's own colours, which follow the theme through their properties. */
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import type { Extension } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import type { Theme } from "../../../lib";

const chrome = {
  "&": {
    borderRadius: "9px",
    fontSize: "12.5px",
    backgroundColor: "var(--attrium-paper)",
    color: "var(--attrium-ink)",
  },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--attrium-mono)", lineHeight: "1.55", maxHeight: "420px", overflow: "auto" },
  ".cm-content, .cm-gutter": { minHeight: "104px" },
  ".cm-content": { padding: "8px 0", caretColor: "var(--attrium-ink)" },
  ".cm-cursor, .cm-dropCursor": { borderLeftColor: "var(--attrium-ink)" },
  ".cm-gutters": {
    borderRadius: "9px 0 0 9px",
    backgroundColor: "var(--attrium-wash)",
    color: "var(--attrium-ink-soft)",
    border: "0",
    fontVariantNumeric: "tabular-nums",
  },
  ".cm-activeLine": { backgroundColor: "color-mix(in srgb, var(--attrium-wash) 55%, transparent)" },
  ".cm-activeLineGutter": { backgroundColor: "var(--attrium-line)", color: "var(--attrium-ink)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "var(--attrium-accent-wash)",
  },
  ".cm-matchingBracket, &.cm-focused .cm-matchingBracket": {
    backgroundColor: "var(--attrium-accent-wash)",
    outline: "1px solid var(--attrium-accent-soft)",
  },
  ".cm-problem-line": { backgroundColor: "var(--attrium-bad-wash)" },
  ".cm-tooltip": {
    backgroundColor: "var(--attrium-paper)",
    color: "var(--attrium-ink)",
    border: "1px solid var(--attrium-line-strong)",
    borderRadius: "8px",
    overflow: "hidden",
  },
  ".cm-tooltip-autocomplete > ul > li[aria-selected]": {
    backgroundColor: "var(--attrium-accent-wash)",
    color: "var(--attrium-accent)",
  },
  ".cm-diagnostic": { padding: "6px 10px", fontFamily: "var(--attrium-sans)", fontSize: "12px", maxWidth: "440px" },
  ".cm-diagnostic-error": { borderLeft: "3px solid var(--attrium-bad)" },
  ".cm-gutter-lint": { width: "14px" },
  ".cm-gutter-lint .cm-gutterElement": { padding: "3px 0 0 2px" },
} as const;

const words = HighlightStyle.define([
  { tag: tags.comment, color: "var(--attrium-ink-soft)", fontStyle: "italic" },
  { tag: [tags.keyword, tags.controlKeyword, tags.definitionKeyword], color: "var(--attrium-attention-ink)" },
  { tag: [tags.operatorKeyword, tags.moduleKeyword], color: "var(--attrium-attention-ink)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--attrium-value-ink)" },
  { tag: [tags.number, tags.bool, tags.atom, tags.null], color: "var(--attrium-change-ink)" },
  { tag: [tags.standard(tags.variableName), tags.standard(tags.name)], color: "var(--attrium-query-ink)" },
  { tag: tags.function(tags.variableName), color: "var(--attrium-query-ink)" },
  { tag: tags.function(tags.definition(tags.variableName)), color: "var(--attrium-query-ink)", fontWeight: "600" },
  { tag: [tags.className, tags.definition(tags.variableName)], color: "var(--attrium-ink)", fontWeight: "600" },
]);

export function editorTheme(theme: Theme): Extension {
  return [EditorView.theme(chrome, { dark: theme === "dark" }), syntaxHighlighting(words)];
}
