import { formatCount, formatPercent, Progress, type Store } from "../../lib";
import type { Traits } from "./protocol";

/** How well the model does on the data set, and how far the predictions have come. */
export function SummaryLine({ store }: { store: Store<Traits> }) {
  const { accuracy, correct, wrong, done } = store.get("summary");
  const count = store.get("count");
  const known = correct + wrong;
  return (
    <header class="attrium-summary">
      {accuracy !== null && known > 0 ? (
        <>
          <strong class="attrium-summary-figure attrium-number">{formatPercent(accuracy)}</strong>
          <span class="attrium-summary-words attrium-number">
            <span>
              correct, <b>{formatCount(correct)}</b> of {formatCount(known)}
            </span>
            <OutcomeBar correct={correct} wrong={wrong} />
          </span>
        </>
      ) : (
        <strong class="attrium-summary-figure attrium-number">{formatCount(count)} examples</strong>
      )}
      {done < count && (
        <span class="attrium-summary-pass attrium-number">
          <span>
            predicted {formatCount(done)} of {formatCount(count)}
          </span>
          <Progress done={done} total={count} label="Predictions" />
        </span>
      )}
    </header>
  );
}

/** Correct and wrong as parts of one bar. */
function OutcomeBar({ correct, wrong }: { correct: number; wrong: number }) {
  return (
    <span class="attrium-outcome" role="img" aria-label={`${correct} correct, ${wrong} wrong`}>
      {correct > 0 && <span class="attrium-outcome-correct" style={{ flexGrow: correct }} />}
      {wrong > 0 && <span class="attrium-outcome-wrong" style={{ flexGrow: wrong }} />}
    </span>
  );
}
