import "./panels.css";
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { Button } from "../../lib";
import { AddEdit } from "./edits-add";
import { EditsChange } from "./edits-change";
import { isSame, type Kind, newEdit, type Part } from "./edits-draft";
import { EditRow } from "./edits-row";
import type { Explorer } from "./explorer";
import type { Edit, ModelFacts } from "./protocol";

/** The interventions: what is changed in the run, switched on and off, and what it does to the next token. */
export function Edits({ explorer }: { explorer: Explorer }) {
  const { store } = explorer;
  const model = store.get("model");
  if (!isKnown(model)) return null;
  const edits = store.get("edits");
  const write = (next: Edit[]) => explorer.go({ edits: next });
  return (
    <section class="attrium-edits" aria-label="Interventions" data-tour="edits">
      <NeedsPython saved={store.saved}>
        {!store.saved && <QuickEdits explorer={explorer} model={model} edits={edits} onWrite={write} />}
        {edits.length > 0 && (
          <ul class="attrium-edits-list">
            {edits.map((edit, at) => (
              <EditRow
                key={edit.id ?? at}
                edit={edit}
                positions={store.get("tokens").length}
                onChange={(change) => write(edits.map((one, n) => (n === at ? { ...one, ...change } : one)))}
                onRemove={() => write(edits.filter((_, n) => n !== at))}
              />
            ))}
          </ul>
        )}
      </NeedsPython>
      {edits.length === 0 && (
        <p class="attrium-edits-none attrium-faint">
          {store.saved
            ? "Nothing is changed in this run. To change a part of the model needs a running kernel."
            : "Nothing is changed. Zero, scale, freeze or patch a part, and see what the model says without it."}
        </p>
      )}
      {store.get("status").state === "error"
        ? edits.length > 0 && (
            <p class="attrium-edits-change attrium-faint">
              Not run as listed: the picture and all numbers are those of the last run that worked.
            </p>
          )
        : edits.some((edit) => edit.on) && store.get("facts").edited && <EditsChange explorer={explorer} />}
    </section>
  );
}

/** Interventions are run by Python: on a saved page they are to be read, not changed. */
function NeedsPython({ saved, children }: { saved: boolean; children: ComponentChildren }) {
  if (!saved) return <>{children}</>;
  return (
    <fieldset class="attrium-needs-kernel" title="Needs a running kernel" disabled>
      {children}
    </fieldset>
  );
}

/** Whether the model has been looked at. */
function isKnown(model: ModelFacts | Record<string, never>): model is ModelFacts {
  return "blocks" in model;
}

interface QuickProps {
  explorer: Explorer;
  model: ModelFacts;
  edits: Edit[];
  onWrite(edits: Edit[]): void;
}

/** The commonest interventions as buttons, and the builder of all others. */
function QuickEdits({ explorer, model, edits, onWrite }: QuickProps) {
  const { store } = explorer;
  const [open, setOpen] = useState(false);
  const [block, head] = [store.get("block"), store.get("head")];
  const at = { block, head, neuron: 0, position: store.get("position") };
  const active = edits.filter((edit) => edit.on).length;
  const quick = (kind: Kind, part: Part, label: string, doc: string) => {
    const wanted = newEdit(kind, part, at);
    const there = edits.find((edit) => isSame(edit, wanted));
    return (
      <Button
        label={there ? `${doc}: take it back` : doc}
        pressed={there !== undefined}
        onClick={() => onWrite(there ? edits.filter((edit) => edit !== there) : [...edits, wanted])}
      >
        {label}
      </Button>
    );
  };
  return (
    <>
      <div class="attrium-edits-head">
        {quick("zero", "head", `Zero head ${block}.${head}`, `Zero head ${head} of block ${block}`)}
        {quick("zero", "attention", `Zero attention ${block}`, `Zero what the attention of block ${block} writes`)}
        {model.d_mlp > 0 && quick("zero", "mlp", `Zero MLP ${block}`, `Zero what the MLP of block ${block} writes`)}
        {quick("freeze", "head", `Freeze ${block}.${head}`, `Freeze the pattern of head ${head} of block ${block}`)}
        <Button kind="quiet" icon="plus" expanded={open} onClick={() => setOpen(!open)}>
          Other
        </Button>
        {edits.length > 0 && (
          <span class="attrium-edits-all">
            <Button
              kind="quiet"
              onClick={() => onWrite(edits.map((edit) => ({ ...edit, on: active === 0 })))}
              label={active > 0 ? "Switch all off, to compare" : "Switch all on"}
            >
              {active > 0 ? "All off" : "All on"}
            </Button>
            <Button kind="quiet" label="Remove all" onClick={() => onWrite([])}>
              Clear
            </Button>
          </span>
        )}
      </div>
      {open && <AddEdit explorer={explorer} model={model} onAdd={(edit) => onWrite([...edits, edit])} />}
    </>
  );
}
