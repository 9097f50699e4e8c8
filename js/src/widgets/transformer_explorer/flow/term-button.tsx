import type { Explorer } from "../explorer";
import { hasTerm, openTerm } from "../tour";

interface Props {
  explorer: Explorer;
  term: string;
  /** What is explained, in words. */
  what: string;
}

/** A small question mark beside a title, which opens the tour where it explains the word; nothing where it does not. */
export function TermButton({ explorer, term, what }: Props) {
  if (!hasTerm(explorer, term)) return null;
  const label = `What is this? The tour on ${what}`;
  return (
    <button
      type="button"
      class="attrium-flow-term"
      aria-label={label}
      title={label}
      onClick={() => openTerm(explorer, term)}
    >
      ?
    </button>
  );
}
