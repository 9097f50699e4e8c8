/** Tokens as a reader sees them: pieces of words, or words with the scores of their pieces summed. */
import { type Field, makeField } from "./field";

export interface Tokens {
  texts: readonly string[];
  /** Number of the word that each token belongs to; -1 for none. */
  words: readonly number[];
  special: readonly boolean[];
}

/** What is drawn as one chip: a token, or the tokens of one word. */
export interface Unit {
  text: string;
  /** Indices of its tokens, ascending. */
  tokens: readonly number[];
  special: boolean;
  /** Whether it goes on with the word of the unit before it. */
  continues?: boolean;
}

/** One unit per token, or per word: neighbours with the same word number, special tokens always alone. */
export function unitsOf({ texts, words, special }: Tokens, merge: boolean): Unit[] {
  const units: { text: string; tokens: number[]; special: boolean; continues?: boolean }[] = [];
  texts.forEach((raw, index) => {
    const text = plainText(raw);
    const last = units[units.length - 1];
    const before = last?.tokens[last.tokens.length - 1];
    const word = words[index] ?? -1;
    const continues =
      last && before !== undefined && word >= 0 && word === words[before] && !special[index] && !last.special;
    if (continues && merge) {
      last.text += text.replace(/^##/, "");
      last.tokens.push(index);
    } else {
      units.push({ text, tokens: [index], special: special[index] ?? false, ...(continues && { continues }) });
    }
  });
  return units;
}

/** Whether a text begins with punctuation that belongs close to what is before it. */
export function closesUp(text: string): boolean {
  return /^[.,;:!?%)\]}\u2019\u201d\u2026]/.test(text);
}

/** Byte-level and sentence-piece markers as the characters they stand for. */
export function plainText(token: string): string {
  return token
    .replace(/[\u0120\u2581]/g, " ")
    .replace(/\u010a/g, "\n")
    .replace(/\u0109/g, "\t");
}

/** Scores per unit: each the sum over its tokens, row by row. */
export function scoresPerUnit(scores: Field, units: readonly Unit[]): Field {
  const merged = new Float32Array(scores.height * units.length);
  for (let row = 0; row < scores.height; row++) {
    units.forEach((unit, column) => {
      let sum = 0;
      for (const token of unit.tokens) sum += scores.values[row * scores.width + token] ?? Number.NaN;
      merged[row * units.length + column] = sum;
    });
  }
  // Sums over words have another range than the scores that were sent; nothing else was done to them.
  const header = scores.header && { ...scores.header, range: null };
  return makeField(merged, scores.height, units.length, units.length === scores.width ? scores.header : header);
}

export interface TextPart {
  text: string;
  /** Whether it stands for white space, and so is drawn faintly. */
  mark: boolean;
}

const MARKS: Record<string, string> = {
  "\n": "\u21b5",
  "\t": "\u21e5",
  "\r": "\u240d",
  " ": "\u00b7",
  "\u00a0": "\u237d",
};

/**
 * A token's text with its white space made visible.
 *
 * With `outer` false a single space before or after the text, as most word-initial tokens have, is left out: chips
 * already stand apart.
 */
export function visibleText(text: string, outer = true): TextPart[] {
  if (text === "") return [{ text: "\u2205", mark: true }];
  const trimmed = outer || text.trim() === "" ? text : text.replace(/^ | $/g, "");
  const parts: TextPart[] = [];
  const pieces = trimmed.match(/^[\s]+|[\s]+$|[\n\t\r]+|[^\n\t\r]+?(?=[\s]+$|[\n\t\r]|$)/g) ?? [];
  for (const piece of pieces) {
    if (/^\s+$/.test(piece))
      parts.push({ text: [...piece].map((space) => MARKS[space] ?? space).join(""), mark: true });
    else parts.push(...lettersAndControls(piece));
  }
  return parts;
}

/** Characters that no font shows, as the number of their byte: \u27e80B\u27e9. */
function lettersAndControls(text: string): TextPart[] {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for
  return (text.match(/[\x00-\x1f\x7f-\x9f]|[^\x00-\x1f\x7f-\x9f]+/g) ?? []).map((part) => {
    const code = part.charCodeAt(0);
    const control = part.length === 1 && (code < 32 || (code >= 127 && code < 160));
    const text = control ? `\u27e8${code.toString(16).toUpperCase().padStart(2, "0")}\u27e9` : part;
    return { text, mark: control };
  });
}

/** A token's text on one line, for labels and speech. */
export function spokenText(text: string): string {
  return visibleText(text, false)
    .map((part) => part.text)
    .join("");
}

/** "token 7" or "tokens 7\u20139". */
export function unitPlace({ tokens }: Unit): string {
  const [first = 0] = tokens;
  const last = tokens[tokens.length - 1] ?? first;
  return first === last ? `token ${first}` : `tokens ${first}\u2013${last}`;
}
