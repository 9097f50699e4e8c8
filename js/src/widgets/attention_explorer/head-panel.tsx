import { type Signal, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { type Answered, Button, type Option, Segmented, valueText } from "../../lib";
import { Arcs } from "./arcs";
import { type Explorer, headWords, isJoint, neighbourHead } from "./explorer";
import { Export } from "./export";
import { sceneOf } from "./export-now";
import { MatrixPanel } from "./matrix";
import { patchGrid, Picture } from "./picture";
import type { FieldFacts, Show } from "./protocol";
import { rowOf, useRows } from "./rows";
import { Strongest } from "./strongest";
import type { Drawn } from "./view";

interface HeadPanelProps {
  explorer: Explorer;
  field: Answered<FieldFacts>;
  /** The query under the pointer, in the arcs. */
  pointed: Signal<number | null>;
  drawn: Drawn;
  /** Of the matrix, the lines or the picture. */
  height_px: number;
}

/** One head closely: as matrix, lines or over the picture; and what one of its queries looks at. */
export function HeadPanel({ explorer, field, pointed, drawn, height_px }: HeadPanelProps) {
  const { store, shown } = explorer;
  const exporting = useSignal(false);
  const show = showOf(explorer);
  // What was pointed at last stays listed, or the page would jump.
  const last = useSignal<number | null>(null);
  if (pointed.value !== null) last.value = pointed.value;
  const query = focusOf(explorer, show === "arcs" ? last.value : null, show === "picture");
  const { rows, error } = useRows(
    explorer,
    [shown.layer, shown.head],
    query === null ? null : [query, query + 1],
    "focus",
  );
  return (
    <section class="attrium-attention-main" aria-label="One head">
      <div class="attrium-attention-bar">
        <HeadName explorer={explorer} />
        <Segmented<Show>
          label="View"
          options={viewsOf(explorer)}
          value={show}
          onChange={(to) => store.set("show", to)}
        />
        <Button
          kind="quiet"
          expanded={exporting.value}
          onClick={() => {
            exporting.value = !exporting.value;
          }}
        >
          Export
        </Button>
      </div>
      {exporting.value && (
        <Export explorer={explorer} saved={field.facts?.saved ?? ""} scene={() => sceneOf(explorer, show, drawn)} />
      )}
      <div class="attrium-attention-stage" data-show={show}>
        {show === "matrix" && (
          <MatrixPanel explorer={explorer} field={field} painter={drawn.matrix} height_px={height_px} />
        )}
        {show === "arcs" && (
          <Arcs explorer={explorer} height_px={height_px - 40} pointed={pointed} picture={drawn.arcs} />
        )}
        {show === "picture" && (
          <Picture
            explorer={explorer}
            query={query ?? 0}
            rows={rows}
            height_px={height_px - 40}
            drawn={drawn.picture}
          />
        )}
        {query !== null && <Strongest explorer={explorer} query={query} rows={rows} failed={error !== null} />}
      </div>
      <Chosen explorer={explorer} value={pinnedValue(explorer, rows)} />
    </section>
  );
}

/** Layer and head in words, with the way to their neighbours. */
function HeadName({ explorer }: { explorer: Explorer }) {
  const { shown } = explorer;
  const joint = isJoint(shown.measure);
  const step = (by: number) => () => explorer.choose(...neighbourHead(shown, by));
  return (
    <div class="attrium-attention-name">
      <Button kind="quiet" icon="left" label={joint ? "Layer before ({)" : "Head before ([)"} onClick={step(-1)} />
      <h3 class="attrium-number">
        Layer {shown.layer}
        {joint ? ", heads together" : `, ${headWords(shown, shown.layer, shown.head)}`}
      </h3>
      <Button kind="quiet" icon="right" label={joint ? "Next layer (})" : "Next head (])"} onClick={step(1)} />
    </div>
  );
}

function viewsOf(explorer: Explorer): Option<Show>[] {
  const options: Option<Show>[] = [
    { value: "matrix", label: "Matrix", doc: "Every query against every key" },
    {
      value: "arcs",
      label: "Lines",
      doc: "Lines from queries to keys; of several heads with Ctrl+click on their thumbnails",
    },
  ];
  if (patchGrid(explorer))
    options.push({ value: "picture", label: "Picture", doc: "One query\u2019s attention over the picture" });
  return options;
}

/** The view on show: the matrix where there is no picture to show. */
function showOf(explorer: Explorer): Show {
  const show = explorer.store.get("show");
  return viewsOf(explorer).some(({ value }) => value === show) ? show : "matrix";
}

/** The query whose row is looked at closely: the pointed one, that of the pinned cell, the last selected one. */
function focusOf({ store, shown }: Explorer, pointed: number | null, always: boolean): number | null {
  const found = pointed ?? store.get("cell")?.[0] ?? store.get("selection").at(-1) ?? (always ? 0 : null);
  return found === null || found >= shown.rows.length ? null : found;
}

function pinnedValue({ store }: Explorer, rows: Parameters<typeof rowOf>[0]): number | null {
  const cell = store.get("cell");
  return cell === null ? null : (rowOf(rows, cell[0])?.[cell[1]] ?? null);
}

/** The pinned cell and the selected queries, with ways to drop them. */
function Chosen({ explorer, value }: { explorer: Explorer; value: number | null }) {
  const { store, shown } = explorer;
  const cell = store.get("cell");
  const selection = store.get("selection");
  if (cell === null && selection.length === 0) return null;
  return (
    <div class="attrium-attention-chosen">
      {cell && (
        <Kept label="Unpin (Escape)" onDrop={() => store.set("cell", null)}>
          <span class="attrium-faint">pinned</span> {shown.rows[cell[0]]} <span class="attrium-faint">{cell[0]}</span>
          {" \u2192 "}
          {shown.columns[cell[1]]} <span class="attrium-faint">{cell[1]}</span>{" "}
          {value !== null && <strong>{valueText(value, shown.colors, shown.absent)}</strong>}
        </Kept>
      )}
      {selection.length > 0 && (
        <Kept label="Clear the selection (Escape)" onDrop={() => store.set("selection", [])}>
          <span class="attrium-faint">selected</span>{" "}
          {selection
            .slice(0, LISTED)
            .map((at) => shown.rows[at] ?? "")
            .join(" ")}
          {selection.length > LISTED && ` and ${selection.length - LISTED} more`}
        </Kept>
      )}
    </div>
  );
}

const LISTED = 12;

function Kept({ label, onDrop, children }: { label: string; onDrop(): void; children: ComponentChildren }) {
  return (
    <div class="attrium-attention-kept attrium-number" data-kept>
      <span>{children}</span>
      <Button kind="quiet" icon="cross" label={label} onClick={onDrop} />
    </div>
  );
}
