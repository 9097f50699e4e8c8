import { formatCount, Segmented, type Store } from "../../lib";
import type { Filter, Outcome, Traits } from "./protocol";

/** Changes the filter and goes back to the first page: the old one may no longer be there. */
function setFilter(store: Store<Traits>, change: Partial<Filter>): void {
  store.set("filter", { ...store.get("filter"), ...change });
  store.set("page", 0);
  store.set("selection", null);
}

/** All, correct or wrong predictions, with their numbers. */
export function OutcomeFilter({ store }: { store: Store<Traits> }) {
  const { correct, wrong } = store.get("summary");
  const options: { value: Outcome; label: string; count: string }[] = [
    { value: "all", label: "All", count: formatCount(store.get("count")) },
    { value: "correct", label: "Correct", count: formatCount(correct) },
    { value: "wrong", label: "Wrong", count: formatCount(wrong) },
  ];
  return (
    <Segmented
      label="Predictions shown"
      options={options}
      value={store.get("filter").outcome}
      onChange={(outcome) => setFilter(store, { outcome })}
    />
  );
}

/** Chips for the true label and for the predicted class. */
export function ClassFilters({ store }: { store: Store<Traits> }) {
  const { classes, predicted } = store.get("filter");
  const names = store.get("classes");
  return (
    <section class="attrium-panel attrium-class-filters" aria-label="Classes shown">
      <Chips
        label="True label"
        names={names}
        chosen={classes}
        onChange={(chosen) => setFilter(store, { classes: chosen })}
      />
      <Chips
        label="Predicted"
        names={names}
        chosen={predicted}
        onChange={(chosen) => setFilter(store, { predicted: chosen })}
      />
    </section>
  );
}

interface ChipsProps {
  label: string;
  names: readonly string[];
  chosen: readonly number[];
  onChange(chosen: number[]): void;
}

/** One switch per class; none chosen means all. */
function Chips({ label, names, chosen, onChange }: ChipsProps) {
  const flip = (cls: number) =>
    chosen.includes(cls) ? chosen.filter((other) => other !== cls) : [...chosen, cls].sort((a, b) => a - b);
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset cannot be laid out as a row in all browsers
    <div class="attrium-chips" role="group" aria-label={label}>
      <span class="attrium-label">{label}</span>
      <div>
        <button type="button" class="attrium-chip" aria-pressed={chosen.length === 0} onClick={() => onChange([])}>
          any
        </button>
        {names.map((name, cls) => (
          <button
            key={cls}
            type="button"
            class="attrium-chip"
            aria-pressed={chosen.includes(cls)}
            data-class={cls}
            onClick={() => onChange(flip(cls))}
          >
            {name}
          </button>
        ))}
      </div>
    </div>
  );
}
