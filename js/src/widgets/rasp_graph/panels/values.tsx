import { useState } from "preact/hooks";
import { Button } from "../../../lib";
import type { Explorer } from "../explorer";
import type { NodeFacts } from "../protocol";
import { Heading, NoAnswer } from "./asking";
import { NodeHead } from "./node-head";
import { operandsOf, type ProgramView, selectorOf, useProgram } from "./program-view";
import { SelectorGrid } from "./selector-grid";
import { type ValueRow, ValuesTable } from "./values-table";

/** The selected node at large: its values with those it is made from, its selector with what it gathers; else all. */
export function ValuesPanel({ explorer }: { explorer: Explorer }) {
  const { program, error } = useProgram(explorer);
  if (!program) return <NoAnswer error={error} />;
  const node = program.node(explorer.store.get("node"));
  return (
    <div class="attrium-panel-body" aria-busy={program.waiting}>
      <Problem program={program} />
      {node ? <NodeValues program={program} node={node} /> : <AllValues program={program} />}
    </div>
  );
}

/** The program has no value on this input. */
function Problem({ program }: { program: ProgramView }) {
  const { problem } = program.values;
  if (!problem) return null;
  return (
    <p class="attrium-panel-problem" role="alert">
      <strong>
        {problem.node} has no value{problem.position >= 0 ? ` at position ${problem.position}` : ""}.
      </strong>{" "}
      {problem.message}
    </p>
  );
}

function NodeValues({ program, node }: { program: ProgramView; node: NodeFacts }) {
  const selector = node.selector ? node : selectorOf(program, node);
  const gathering = node.selector
    ? program.readers(node.label).filter(({ kind }) => kind === "aggregate" || kind === "selector_width")
    : [node];
  const rows = nodeRows(program, node);
  return (
    <>
      <NodeHead program={program} node={node} />
      {rows.length > 0 && <ValuesTable program={program} rows={rows} label={`Values of ${node.label}`} />}
      {selector && <SelectorGrid key={selector.label} program={program} selector={selector} readers={gathering} />}
    </>
  );
}

/** The operands, the node itself, and what the model's stream holds where that is something else. */
function nodeRows(program: ProgramView, node: NodeFacts): ValueRow[] {
  const operands = operandsOf(program, node).map((label) => ({ label, values: program.valuesOf(label) }));
  if (node.selector) return operands;
  const values = program.valuesOf(node.label);
  return [...operands, { label: node.label, values, strong: true }, ...modelRow(program, node.label)];
}

/** What is read back from the model's residual stream; nothing where it is what the interpreter says. */
function modelRow({ values }: ProgramView, label: string): ValueRow[] {
  const found = values.model[label];
  if (!found) return [];
  const wrong = found.flatMap((value, at) => (value === (values.values[label]?.[at] ?? null) ? [] : [at]));
  return wrong.length > 0 ? [{ label, note: "in the model", values: found, wrong }] : [];
}

const FIRST_ROWS = 40;

function AllValues({ program }: { program: ProgramView }) {
  const [all, setAll] = useState(false);
  const { explorer, graph } = program;
  const unfolded = explorer.store.get("unfolded");
  const nodes = graph.nodes.filter((node) => !node.selector && (unfolded || !node.minor));
  const selectors = graph.nodes.filter((node) => node.selector);
  const shown = all ? nodes : nodes.slice(0, FIRST_ROWS);
  const output = graph.nodes[graph.nodes.length - 1]?.label;
  const rows = shown.flatMap(({ label }): ValueRow[] => [
    { label, values: program.valuesOf(label), strong: label === output },
    ...modelRow(program, label),
  ]);
  return (
    <>
      <Heading title="All values">
        <span class="attrium-faint">Choose a node to see what it is made from.</span>
      </Heading>
      <ValuesTable program={program} rows={rows} label="Values of all nodes" />
      {shown.length < nodes.length && (
        <Button kind="quiet" onClick={() => setAll(true)}>{`Show all ${nodes.length} nodes`}</Button>
      )}
      {selectors.length > 0 && (
        <p class="attrium-node-links">
          <span class="attrium-faint">Selectors</span>
          {selectors.map(({ label }) => (
            <button key={label} type="button" class="attrium-node-link" onClick={() => explorer.choose(label)}>
              {label}
            </button>
          ))}
        </p>
      )}
    </>
  );
}
