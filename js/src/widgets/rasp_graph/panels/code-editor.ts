/** A CodeMirror editor of the program's text; it lives as long as the element it stands in. */
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { python } from "@codemirror/lang-python";
import { bracketMatching, indentOnInput, indentUnit } from "@codemirror/language";
import { type Diagnostic, lintGutter, setDiagnostics } from "@codemirror/lint";
import { Compartment, EditorState, type Extension, type Text } from "@codemirror/state";
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import type { Theme } from "../../../lib";
import type { Language, Traits } from "../protocol";
import { rasp } from "./code-rasp";
import { editorTheme } from "./code-theme";

export interface EditorSettings {
  text: string;
  language: Language;
  theme: Theme;
  readOnly: boolean;
  /** The reader typed. */
  onChange(text: string): void;
  /** Ctrl-Enter. */
  onRun(): void;
}

export interface Editor {
  text(): string;
  /** Puts another text in place; the reader's cursor stays where it can. */
  setText(text: string): void;
  setLanguage(language: Language): void;
  setTheme(theme: Theme): void;
  setReadOnly(readOnly: boolean): void;
  setProblem(problem: Traits["problem"]): void;
  /** Moves the cursor to a line and column, both from 1, and shows it. */
  goTo(line: number, column: number): void;
  destroy(): void;
}

export function createEditor(parent: HTMLElement, settings: EditorSettings): Editor {
  const [language, theme, readOnly] = [new Compartment(), new Compartment(), new Compartment()];
  let own = false;
  const root = parent.getRootNode();
  const view = new EditorView({
    parent,
    ...(root instanceof ShadowRoot || root instanceof Document ? { root } : {}),
    state: EditorState.create({
      doc: settings.text,
      extensions: [
        runKeys(settings.onRun),
        basics(),
        language.of(languageOf(settings.language)),
        theme.of(editorTheme(settings.theme)),
        readOnly.of(EditorState.readOnly.of(settings.readOnly)),
        EditorView.updateListener.of((update) => {
          if (update.docChanged && !own) settings.onChange(update.state.doc.toString());
        }),
      ],
    }),
  });
  const change = (extension: Compartment, to: Extension) => view.dispatch({ effects: extension.reconfigure(to) });
  return {
    text: () => view.state.doc.toString(),
    setText: (text) => {
      own = true;
      const anchor = Math.min(view.state.selection.main.anchor, text.length);
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text }, selection: { anchor } });
      own = false;
    },
    setLanguage: (to) => change(language, languageOf(to)),
    setTheme: (to) => change(theme, editorTheme(to)),
    setReadOnly: (to) => change(readOnly, EditorState.readOnly.of(to)),
    setProblem: (problem) => view.dispatch(setDiagnostics(view.state, diagnosticsOf(view.state.doc, problem))),
    goTo: (line, column) => {
      const anchor = offsetOf(view.state.doc, line, column);
      view.dispatch({ selection: { anchor }, scrollIntoView: true });
      view.focus();
    },
    destroy: () => view.destroy(),
  };
}

function languageOf(language: Language): Extension {
  return language === "python" ? [python(), indentUnit.of("    ")] : [rasp(), indentUnit.of("    ")];
}

/** Ctrl-Enter runs; Shift-Enter is a new line here, though notebooks run the cell by it. */
function runKeys(onRun: () => void): Extension {
  const run = () => {
    onRun();
    return true;
  };
  return keymap.of([
    { key: "Mod-Enter", run, preventDefault: true, stopPropagation: true },
    { key: "Ctrl-Enter", run, preventDefault: true, stopPropagation: true },
  ]);
}

function basics(): Extension {
  return [
    lineNumbers(),
    lintGutter(),
    highlightActiveLine(),
    highlightActiveLineGutter(),
    history(),
    drawSelection(),
    indentOnInput(),
    bracketMatching(),
    closeBrackets(),
    autocompletion({ activateOnTyping: true, icons: false }),
    keymap.of([...closeBracketsKeymap, ...completionKeymap, ...defaultKeymap, ...historyKeymap, indentWithTab]),
    EditorView.contentAttributes.of({ "aria-label": "Program text", spellcheck: "false" }),
  ];
}

/** The offset of a line and column that count from 1; columns beyond the line are its end. */
export function offsetOf(text: Text, line: number, column: number): number {
  const there = text.line(Math.max(1, Math.min(text.lines, line)));
  return Math.min(there.to, there.from + Math.max(0, column - 1));
}

/** The problem at its place: from its column to the end of the word there, or its line where no column is known. */
export function diagnosticsOf(text: Text, problem: Traits["problem"]): Diagnostic[] {
  if (!problem || !(problem.line >= 1)) return [];
  const line = text.line(Math.max(1, Math.min(text.lines, problem.line)));
  if (problem.column < 1) {
    const indent = line.text.length - line.text.trimStart().length;
    return [{ from: line.from + indent, to: line.to, severity: "error", message: problem.message }];
  }
  const from = offsetOf(text, problem.line, problem.column);
  const word = /^[\p{L}\p{N}_]+/u.exec(text.sliceString(from, line.to))?.[0].length ?? 1;
  return [{ from, to: Math.min(line.to, from + word), severity: "error", message: problem.message }];
}
