import { formatPercent, Icon, NeedsKernel, type Store } from "../../lib";
import { setTarget } from "./explained";
import type { Card, Traits } from "./protocol";

/** Whether the prediction is right, by mark and by words. */
export function OutcomeMark({ card, classes }: { card: Card; classes: readonly string[] }) {
  const name = (cls: number) => classes[cls] ?? `class ${cls}`;
  if (card.label === null)
    return (
      <span class="attrium-outcome-mark" title={name(card.predicted)}>
        {name(card.predicted)}
      </span>
    );
  const right = card.label === card.predicted;
  return (
    <span class="attrium-outcome-mark" data-outcome={right ? "correct" : "wrong"} title={name(card.label)}>
      <Icon name={right ? "check" : "cross"} size={12} />
      <span>{right ? name(card.label) : `true: ${name(card.label)}`}</span>
    </span>
  );
}

interface BarsProps {
  store: Store<Traits>;
  card: Card;
  target: number;
}

/** The most probable classes as bars; choosing one explains it. */
export function ProbabilityBars({ store, card, target }: BarsProps) {
  const classes = store.get("classes");
  return (
    <NeedsKernel store={store} trait="targets">
      {/* biome-ignore lint/a11y/useSemanticElements: a fieldset cannot be laid out as a grid in all browsers */}
      <div class="attrium-bars" role="group" aria-label="Class to explain">
        {card.top.map(([cls, probability]) => (
          <button
            key={cls}
            type="button"
            aria-pressed={cls === target}
            data-class={cls}
            title={`Explain ${classes[cls] ?? cls}`}
            onClick={() => setTarget(store, card, cls)}
          >
            <span class="attrium-bars-name">{classes[cls] ?? `class ${cls}`}</span>
            <span class="attrium-bars-track">
              <span style={{ width: `${100 * probability}%` }} />
            </span>
            <span class="attrium-number">{formatPercent(probability)}</span>
          </button>
        ))}
      </div>
    </NeedsKernel>
  );
}
