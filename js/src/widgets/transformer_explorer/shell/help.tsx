import { KeySheet } from "../../../lib/key-sheet";

const KEYS: readonly [keys: string, does: string][] = [
  ["\u2191 \u2193", "token before, next token (in the picture)"],
  ["\u2190 \u2192", "stage before, next stage (in the picture)"],
  ["Enter", "opens what is focused"],
  ["Escape", "closes, or goes back to the whole picture"],
  ["T", "opens the tour on what is pointed at"],
  ["[ ]", "head before, next head"],
  ["{ }", "block before, next block"],
  ["/", "to the prompt"],
  ["Ctrl+Z", "back"],
  ["Ctrl+Shift+Z", "forward again"],
  ["?", "this list"],
];

/** All keys. */
export function Help({ onClose }: { onClose(): void }) {
  return (
    <KeySheet class="attrium-te-help" label="Keys" keys={KEYS} onClose={onClose}>
      Click a vector, a ribbon or a weight to open what it is part of; click a token to follow it.
    </KeySheet>
  );
}
