import { useEffect, useState } from "preact/hooks";
import { Button, NumberField, Segmented } from "../../lib";
import { isComplete, KINDS, type Kind, kindsFor, newEdit, PARTS, type Part, partsOf, type Reader } from "./edits-draft";
import type { Explorer } from "./explorer";
import type { Edit, ModelFacts } from "./protocol";

interface Props {
  explorer: Explorer;
  model: ModelFacts;
  onAdd(edit: Edit): void;
}

/** Builds an intervention, starting from where the reader is. */
export function AddEdit({ explorer, model, onAdd }: Props) {
  const [part, setPart] = useState<Part>("head");
  const [kind, setKind] = useState<Kind>("zero");
  const reader = useReader(explorer);
  const [moved, setMoved] = useState<Partial<Reader>>({});
  // Another place of the reader's is another start.
  useEffect(() => setMoved({}), [reader.block, reader.head, reader.position, reader.neuron]);
  const at = { ...reader, ...moved };
  const move = (change: Partial<Reader>) => setMoved({ ...moved, ...change });
  const kinds = kindsFor(part);
  const chosen = kinds.includes(kind) ? kind : "zero";
  const add = () => {
    const edit = newEdit(chosen, part, at);
    onAdd({ ...edit, on: isComplete(edit) });
  };
  return (
    <fieldset class="attrium-edit-add attrium-bare" aria-label="Add an intervention">
      <Segmented<Part>
        label="What is changed"
        options={partsOf(model).map((value) => ({ value, label: PARTS[value], doc: PART_DOCS[value] }))}
        value={part}
        onChange={(value) => setPart(value)}
      />
      <Segmented<Kind>
        label="What is done to it"
        options={kinds.map((value) => ({ value, label: KINDS[value].label, doc: KINDS[value].doc }))}
        value={chosen}
        onChange={(value) => setKind(value)}
      />
      <NumberField
        label="Block"
        whole
        low={0}
        high={model.blocks - 1}
        value={at.block}
        onChange={(block) => move({ block })}
      />
      {part === "head" && (
        <NumberField
          label="Head"
          whole
          low={0}
          high={model.heads - 1}
          value={at.head}
          onChange={(head) => move({ head })}
        />
      )}
      {part === "neuron" && (
        <NumberField
          label="Neuron"
          whole
          low={0}
          high={model.d_mlp - 1}
          value={at.neuron}
          onChange={(neuron) => move({ neuron })}
        />
      )}
      {part === "position" && (
        <NumberField
          label="Position"
          whole
          low={0}
          high={Math.max(0, explorer.store.get("tokens").length - 1)}
          value={at.position}
          onChange={(position) => move({ position })}
        />
      )}
      <Button icon="plus" onClick={add}>
        Add
      </Button>
    </fieldset>
  );
}

const PART_DOCS: Record<Part, string> = {
  head: "What one head mixes, before its output weights",
  attention: "What a block's attention writes to the stream",
  mlp: "What a block's MLP writes to the stream",
  neuron: "One neuron of a block's MLP, after its activation",
  position: "The stream at one position, as it enters a block",
};

/** The reader's block, head and position, and the neuron last pointed at. */
function useReader({ store, pointed }: Explorer): Reader {
  const [neuron, setNeuron] = useState(0);
  useEffect(
    () =>
      pointed.subscribe((reference) => {
        const last = reference?.index.at(-1);
        if (reference?.name.includes(".mlp.") && last !== undefined) setNeuron(last);
      }),
    [pointed],
  );
  return { block: store.get("block"), head: store.get("head"), position: store.get("position"), neuron };
}
