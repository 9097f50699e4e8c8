import { useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import {
  Button,
  CaptionList,
  decodeFrame,
  type Field,
  fieldOf,
  formatSigned,
  Legend,
  ScaleTraitControls,
  Selected,
  type Shading,
  scaleOf,
  scoresPerUnit,
  shadingOf,
  spokenText,
  type Store,
  Toggle,
  TokenMatrix,
  TokenStrip,
  type Unit,
  unitsOf,
  type ViewProps,
} from "../../lib";
import type { Traits } from "./protocol";

/** Text coloured by score; with several outputs, the matrix that chooses which one. */
export function TextAttributionView({ store, theme }: ViewProps<Traits>) {
  const open = useSignal(false);
  const pointed = useSignal<number | null>(null);
  const { units, hasPieces, field, shading } = useScores(store, theme);
  const outputs = store.get("outputs");
  const row = Math.min(Math.max(0, store.get("row")), (field?.height ?? 1) - 1);
  const values = field === null ? null : field.values.subarray(row * field.width, (row + 1) * field.width);
  const selection = store.get("selection");
  return (
    <>
      <header class="attrium-head">
        <h2 class="attrium-title">{store.get("title")}</h2>
        {hasPieces && (
          <Toggle
            label="Words"
            doc="Join the pieces of a word and add up their scores"
            value={store.get("merge_words")}
            onChange={(on) => store.set("merge_words", on)}
          />
        )}
        <Toggle
          label="Values"
          doc="Write each score under its token"
          value={store.get("show_values")}
          onChange={(on) => store.set("show_values", on)}
        />
        <Button
          kind="quiet"
          icon="sliders"
          label="Sign, colours and clip"
          expanded={open.value}
          onClick={() => {
            open.value = !open.value;
          }}
        />
      </header>
      {open.value && (
        <section class="attrium-panel" aria-label="Colour settings">
          <ScaleTraitControls store={store} />
        </section>
      )}
      {units.length === 0 && <p class="attrium-empty">Nothing to show yet: no text.</p>}
      <TokenStrip
        units={units}
        values={values}
        shading={shading}
        showValues={store.get("show_values")}
        showSpaces={!store.get("merge_words")}
        pointed={pointed}
        selection={selection}
        onSelection={(tokens) => store.set("selection", tokens)}
        label={store.get("title") || "Text with attribution"}
      />
      {field && shading && outputs.length > 0 && (
        <section class="attrium-text-matrix">
          <h3>
            Each row explains one output; the text above shows{" "}
            <strong>{`\u201c${spokenText(outputs[row] ?? "")}\u201d`}</strong>
          </h3>
          <TokenMatrix
            field={field}
            shading={shading}
            outputs={outputs}
            units={units}
            row={row}
            onRow={(chosen) => store.set("row", chosen)}
            pointed={pointed}
          />
        </section>
      )}
      <footer class="attrium-text-foot">
        {field && shading && (
          <Legend
            field={field}
            shading={shading}
            clipPercentile={store.get("clip_percentile")}
            marked={pointed.value === null ? null : (values?.[pointed.value] ?? null)}
            notes={hasPieces && store.get("merge_words") ? ["scores of a word's pieces are added up"] : []}
          />
        )}
        <div class="attrium-text-facts">
          <CaptionList caption={store.get("caption")} />
          {selection.length > 0 && (
            <Selected text={selectionText(selection, units, values)} onClear={() => store.set("selection", [])} />
          )}
        </div>
      </footer>
    </>
  );
}

interface Scores {
  units: Unit[];
  /** Whether any word has more than one token. */
  hasPieces: boolean;
  field: Field | null;
  shading: Shading | null;
}

/** Units, their scores and their colours, from the traits. */
function useScores(store: Store<Traits>, theme: "light" | "dark"): Scores {
  const [texts, words, special] = [store.get("tokens"), store.get("words"), store.get("special")];
  const merge = store.get("merge_words");
  const wire = store.get("scores");
  const pieces = useMemo(() => unitsOf({ texts, words, special }, false), [texts, words, special]);
  const whole = useMemo(() => unitsOf({ texts, words, special }, true), [texts, words, special]);
  const units = merge ? whole : pieces;
  const scores = useMemo(() => wire && fieldOf(decodeFrame(wire)), [wire]);
  const field = useMemo(() => scores && scoresPerUnit(scores, units), [scores, units]);
  const settings = scaleOf(store);
  const shading = useMemo(
    () => field && shadingOf(field, settings, theme),
    [field, settings.sign, settings.clipPercentile, settings.colors, theme],
  );
  return { units, hasPieces: whole.length < pieces.length, field, shading };
}

/** The selected tokens in numbers: a word counts when any of its pieces is selected, as it is drawn. */
function selectionText(tokens: readonly number[], units: readonly Unit[], values: Float32Array | null): string {
  const count = `${tokens.length} ${tokens.length === 1 ? "token" : "tokens"}`;
  if (!values) return count;
  const chosen = new Set(tokens);
  const sum = units.reduce(
    (total, unit, at) => (unit.tokens.some((token) => chosen.has(token)) ? total + (values[at] ?? 0) : total),
    0,
  );
  return `${count}, sum ${formatSigned(sum)}`;
}
