import type { Explorer } from "../explorer";
import { Ablation } from "./ablation";
import { Heading, NoAnswer } from "./asking";
import { Attribution } from "./attribution";
import { useProgram } from "./program-view";

/** From the program to the other tools: attribution whose truth is known, ablation, and the explorers. */
export function BridgesPanel({ explorer }: { explorer: Explorer }) {
  const { program, error } = useProgram(explorer);
  return (
    <div class="attrium-panel-body" aria-busy={program?.waiting ?? false}>
      {program ? (
        <>
          <Attribution program={program} />
          <Ablation program={program} />
        </>
      ) : (
        <NoAnswer error={error} />
      )}
      <Explorers />
    </div>
  );
}

const OPENERS = [
  { code: "w.transformer_explorer()", doc: "every stage and number of the compiled model on this input" },
  { code: "w.attention_explorer()", doc: "its attention, head by head" },
  { code: "w.compiled.model", doc: "the torch module; w.compiled.tokenizer goes with it" },
] as const;

/** The lines that open the compiled model elsewhere; a page cannot put a cell into the notebook. */
function Explorers() {
  return (
    <section class="attrium-bridge" aria-label="Other explorers">
      <Heading title="Open the model elsewhere" />
      <p class="attrium-faint">In a cell of this notebook, where w is this widget:</p>
      <dl class="attrium-openers">
        {OPENERS.map(({ code, doc }) => (
          <div key={code}>
            <dt>
              <code>{code}</code>
            </dt>
            <dd>{doc}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
