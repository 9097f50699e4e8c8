/** The RASP language for the editor: colours of words, and completions. */
import type { CompletionContext, CompletionResult } from "@codemirror/autocomplete";
import { LanguageSupport, StreamLanguage, type StringStream } from "@codemirror/language";

const KEYWORDS = new Set(["and", "def", "draw", "else", "for", "if", "in", "load", "not", "or", "return"]);
const CONSTANTS = new Set(["True", "False"]);
const SEQUENCES = [
  ...["tokens", "tokens_asis", "tokens_str", "tokens_int", "tokens_float", "tokens_bool"],
  ...["indices", "length", "full_s"],
];
const FUNCTIONS = ["select", "aggregate", "selector_width", "round", "indicator", "range", "len", "zip"];
const KNOWN = new Set([...SEQUENCES, ...FUNCTIONS]);

/** The name of the style of the next word; null for plain. */
function readWord(stream: StringStream): string | null {
  if (stream.eatSpace()) return null;
  if (stream.match(/^#.*/)) return "comment";
  if (stream.match(/^"(?:[^"\\]|\\.)*"?/) || stream.match(/^'(?:[^'\\]|\\.)*'?/)) return "string";
  if (stream.match(/^(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?/)) return "number";
  const word = stream.match(/^[\p{L}_][\p{L}\p{N}_]*/u);
  if (word && word !== true) return wordStyle(word[0] ?? "");
  if (stream.match(/^(?:==|!=|<=|>=|[-+*/%^<>=])/)) return "operator";
  stream.next();
  return null;
}

function wordStyle(word: string): string | null {
  if (KEYWORDS.has(word)) return "keyword";
  if (CONSTANTS.has(word)) return "atom";
  return KNOWN.has(word) ? "builtin" : "variableName";
}

const raspLanguage = StreamLanguage.define({
  name: "rasp",
  token: readWord,
  languageData: { commentTokens: { line: "#" }, closeBrackets: { brackets: ["(", "[", "{", '"', "'"] } },
});

/** Words of the language, and names that the text itself gives. */
export function raspCompletions(context: CompletionContext): CompletionResult | null {
  const word = context.matchBefore(/[\p{L}_][\p{L}\p{N}_]*/u);
  if (!word || (word.from === word.to && !context.explicit)) return null;
  const own = new Set(
    [...context.state.doc.toString().matchAll(/(?:def\s+)?([\p{L}_][\p{L}\p{N}_]*)\s*(?:=(?!=)|\()/gu)].map(
      (found) => found[1] ?? "",
    ),
  );
  for (const known of [...KNOWN, ...KEYWORDS]) own.delete(known);
  return {
    from: word.from,
    options: [
      ...SEQUENCES.map((label) => ({ label, type: "variable" })),
      ...FUNCTIONS.map((label) => ({ label, type: "function" })),
      ...[...KEYWORDS, ...CONSTANTS].map((label) => ({ label, type: "keyword" })),
      ...[...own].map((label) => ({ label, type: "variable", boost: 1 })),
    ],
    validFor: /^[\p{L}_][\p{L}\p{N}_]*$/u,
  };
}

export function rasp(): LanguageSupport {
  return new LanguageSupport(raspLanguage, raspLanguage.data.of({ autocomplete: raspCompletions }));
}
