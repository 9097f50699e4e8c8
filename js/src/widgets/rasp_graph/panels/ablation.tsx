import { Button } from "../../../lib";
import { Heading } from "./asking";
import { differing } from "./check-words";
import type { ProgramView } from "./program-view";
import { type ValueRow, ValuesTable } from "./values-table";

/** Switches that zero what a node wrote, and which outputs break. */
export function Ablation({ program }: { program: ProgramView }) {
  const { explorer, graph, values } = program;
  const { store } = explorer;
  const ablated = store.get("ablated");
  const written = graph.nodes.filter(({ place, dimensions }) => place === "written" && dimensions.length > 0);
  const toggle = (label: string) =>
    store.set("ablated", ablated.includes(label) ? ablated.filter((one) => one !== label) : [...ablated, label]);
  return (
    <section class="attrium-bridge" aria-label="Ablation">
      <Heading title="Ablation">
        {ablated.length > 0 && (
          <Button kind="quiet" onClick={() => store.set("ablated", [])} label="Switch every node back on">
            All on
          </Button>
        )}
      </Heading>
      <p class="attrium-faint">
        Switch a node off: the dimensions it wrote are set to zero in the model, and what reads them goes on without.
      </p>
      <fieldset class="attrium-needs-kernel" disabled={store.saved} title={store.saved ? "Needs a running kernel" : ""}>
        <div class="attrium-ablation-switches">
          {written.map(({ label, dimensions }) => (
            <button
              key={label}
              type="button"
              class="attrium-ablation-switch"
              role="switch"
              aria-checked={!ablated.includes(label)}
              title={`${label}: ${dimensions.length} ${dimensions.length === 1 ? "dimension" : "dimensions"}`}
              onClick={() => toggle(label)}
            >
              <i aria-hidden="true" />
              {label}
            </button>
          ))}
        </div>
      </fieldset>
      {ablated.length > 0 && <Broken program={program} ablated={ablated} output={values.output} />}
    </section>
  );
}

interface BrokenProps {
  program: ProgramView;
  ablated: readonly string[];
  output: ProgramView["values"]["output"];
}

function Broken({ program, ablated, output }: BrokenProps) {
  const after = program.values.ablated;
  if (!after) return <p class="attrium-panel-quiet">{program.waiting ? "Running the model" : "Not run yet."}</p>;
  const wrong = differing(output, after);
  const label = program.graph.nodes[program.graph.nodes.length - 1]?.label ?? "";
  const rows: ValueRow[] = [
    { label, note: "all on", values: output },
    { label, note: `without ${ablated.join(", ")}`, values: after, wrong, strong: true },
  ];
  return (
    <>
      <p class="attrium-verdict" data-bad={wrong.length > 0} role="status">
        {wrong.length === 0
          ? "No output changes on this input."
          : `${wrong.length} of ${output.length} outputs change: at ${wrong.length === 1 ? "position" : "positions"} ${wrong.join(", ")}.`}
      </p>
      <ValuesTable program={program} rows={rows} label="Outputs with and without" />
    </>
  );
}
