import { Button } from "../../../lib";

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
    <section class="attrium-te-help" aria-label="Keys">
      <header>
        <h3>Keys</h3>
        <Button kind="quiet" icon="cross" label="Close (Escape)" onClick={onClose} />
      </header>
      <dl>
        {KEYS.map(([keys, does]) => (
          <div key={keys}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <p class="attrium-faint">
        Click a vector, a ribbon or a weight to open what it is part of; click a token to follow it.
      </p>
    </section>
  );
}
