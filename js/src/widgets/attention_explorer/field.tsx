import { useMemo } from "preact/hooks";
import {
  type Answered,
  clippedDomain,
  type Domain,
  formatNumber,
  formatPercent,
  type Frame,
  HeadsField,
  type HeadScores,
  type Option,
  orderByScore,
  Select,
  useAnswer,
  valuesOf,
} from "../../lib";
import { windowWords } from "../../lib/matrix-legend";
import { type Explorer, isJoint } from "./explorer";
import type { FieldFacts, Measure, ScoresFacts } from "./protocol";
import { MEASURES } from "./words";

/** The answer to `field` for what is on show. */
export function useField({ store, channel, shown }: Explorer): Answered<FieldFacts> {
  const args = {
    shown: store.get("shown"),
    minus: shown.isDifference ? store.get("minus") : -1,
    kind: shown.kind.name,
    measure: shown.measure,
    scale: shown.scale,
  };
  return useAnswer<FieldFacts>(channel, "field", args, shown.version);
}

/** The scores of all heads of a kind. */
export function useScores({ store, channel, shown }: Explorer): Answered<ScoresFacts> {
  const args = isJoint(shown.measure) ? null : { shown: store.get("shown"), kind: shown.kind.name };
  return useAnswer<ScoresFacts>(channel, "scores", args, shown.version);
}

interface FieldPanelProps {
  explorer: Explorer;
  field: Answered<FieldFacts>;
  height_px: number;
  largest_px: number;
}

/** All heads to choose from, as the model has them or sorted by what they do. */
export function FieldPanel({ explorer, field, height_px, largest_px }: FieldPanelProps) {
  const { store, shown } = explorer;
  const scores = useScores(explorer);
  const by = scores.facts?.scores.find(({ name }) => name === store.get("order")) ?? null;
  const values = useScoreValues(by && (scores.frames[`score:${by.name}`] ?? null));
  const order = useMemo(
    () =>
      by && values
        ? orderByScore({ layers: shown.kind.layers, heads: shown.heads }, values.values, values.width, by.high_first)
        : null,
    [by, values, shown.kind, shown.heads],
  );
  const headScores = useMemo(
    (): HeadScores | null => by && values && { title: by.title, values: values.values },
    [by, values],
  );
  const frame = field.frames.field ?? null;
  const ends = useMemo(() => frame && clippedDomain(frame, shown.colors), [frame, shown.colors]);
  const options: Option<string>[] = [
    { value: "", label: "Layer and head" },
    ...(scores.facts?.scores ?? []).map(({ name, title, doc }) => ({ value: name, label: title, doc })),
  ];
  const heads = field.facts && !field.waiting ? field.facts.heads : shown.heads;
  return (
    <section class="attrium-attention-field" aria-label="All heads">
      {options.length > 1 && (
        <Select
          label="Heads by"
          options={options}
          value={by?.name ?? ""}
          onChange={(name) => store.set("order", name)}
        />
      )}
      {by && <p class="attrium-attention-note">{by.doc}</p>}
      <HeadsField
        field={frame}
        scores={headScores}
        layers={shown.kind.layers}
        heads={heads}
        order={order}
        block={shown.layer}
        head={shown.head}
        onChoose={explorer.choose}
        together={store.get("heads_on")}
        onTogether={isJoint(shown.measure) ? undefined : explorer.toggleHead}
        colors={shown.colors}
        theme={explorer.theme}
        nameOf={shown.nameOf}
        label={`All heads of ${shown.kind.title}`}
        height_px={height_px}
        largest_px={largest_px}
      />
      {store.saved && field.facts?.saved && <p class="attrium-attention-note">{field.facts.saved}</p>}
      {field.error !== null && <p class="attrium-attention-note">{field.error}</p>}
      {field.facts && (
        <p class="attrium-attention-note attrium-number">
          {fieldNotes(field.facts, shown.measure, ends).join(" \u00b7 ")}
        </p>
      )}
    </section>
  );
}

/** What was done to the values of the thumbnails. */
export function fieldNotes({ pooled, every, measure }: FieldFacts, wanted: Measure, ends: Domain | null): string[] {
  const end = ends?.beyond
    ? `, which ends at ${formatNumber(ends.high, 2)} (${formatPercent(ends.beyond)} beyond)`
    : "";
  const notes = [`all thumbnails share one scale${end}`];
  const [rows, columns] = pooled;
  if (rows > 1 || columns > 1) {
    notes.unshift(`each dot the strongest of ${windowWords(pooled)}`);
  }
  if (every > 1) notes.push(`of every ${formatNumber(every, 2)} queries one was read`);
  if (measure !== wanted) notes.push(`thumbnails show ${MEASURES[measure].label.toLowerCase()}`);
  return notes;
}

interface ScoreValues {
  values: Float32Array;
  width: number;
}

function useScoreValues(frame: Frame | null): ScoreValues | null {
  return useMemo(() => frame && { values: valuesOf(frame), width: frame.shape[1] ?? 0 }, [frame]);
}
