import { useMemo } from "preact/hooks";
import { type Frame, useAnswer, valuesOf } from "../../../lib";
import type { Explorer } from "../explorer";
import type { NamedMatrix, NodeFacts, WeightsFacts } from "../protocol";
import { Heading, NoAnswer } from "./asking";
import { HeatLegend, HeatMap, valueWords } from "./heat-map";
import { NodeHead } from "./node-head";
import { type ProgramView, useProgram } from "./program-view";
import { groupNames } from "./weight-groups";
import { weightEnd } from "./weight-end";

/** The weights that compute the selected node: each matrix with named rows and columns. */
export function WeightsPanel({ explorer }: { explorer: Explorer }) {
  const { program, error } = useProgram(explorer);
  const { store, channel } = explorer;
  const label = store.get("node");
  const node = program?.node(label) ?? null;
  const args = node ? { label, side: store.get("side") } : null;
  const answer = useAnswer<WeightsFacts>(channel, "node", args, store.get("version"));
  if (!program) return <NoAnswer error={error} />;
  if (!node) return <ChooseNode program={program} />;
  return (
    <div class="attrium-panel-body" aria-busy={answer.waiting}>
      <NodeHead program={program} node={node} />
      {answer.facts?.label === label ? (
        <Matrices explorer={explorer} facts={answer.facts} frames={answer.frames} />
      ) : (
        <NoAnswer error={answer.error}>Reading the weights</NoAnswer>
      )}
    </div>
  );
}

/** What has weights of its own, to choose from, most heads and units first. */
function ChooseNode({ program }: { program: ProgramView }) {
  const { explorer, graph } = program;
  const computed = graph.nodes.filter(
    ({ place, heads, units }) => place !== "fused" && (heads.length > 0 || units > 0),
  );
  return (
    <div class="attrium-panel-body">
      <Heading title="Weights of a node" />
      <p class="attrium-faint">
        Choose a node to see the heads and the hidden units that compute it
        {computed.length > 0 ? ":" : ". This program has no heads and no hidden units."}
      </p>
      <ul class="attrium-weights-list">
        {computed.map((node) => (
          <li key={node.label}>
            <button type="button" class="attrium-node-link" onClick={() => explorer.choose(node.label)}>
              {node.label}
            </button>
            <span class="attrium-faint attrium-number">{partsWords(node)}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}

function partsWords({ layer, heads, units }: NodeFacts): string {
  const parts = [`layer ${layer}`];
  if (heads.length > 0) parts.push(`${heads.length} ${heads.length === 1 ? "head" : "heads"}`);
  if (units > 0) parts.push(`${units} hidden ${units === 1 ? "unit" : "units"}`);
  return parts.join(", ");
}

interface MatricesProps {
  explorer: Explorer;
  facts: WeightsFacts;
  frames: Record<string, Frame>;
}

function Matrices({ explorer, facts, frames }: MatricesProps) {
  return (
    <>
      {facts.note !== "" && <p class="attrium-faint">{facts.note}</p>}
      {facts.matrices.length === 0 && (
        <p class="attrium-panel-quiet">No weights of its own: its values are read through other nodes.</p>
      )}
      {facts.matrices.map((matrix) => (
        <Matrix key={matrix.frame} explorer={explorer} matrix={matrix} frame={frames[matrix.frame]} />
      ))}
    </>
  );
}

function Matrix({ explorer, matrix, frame }: { explorer: Explorer; matrix: NamedMatrix; frame: Frame | undefined }) {
  const { rows, columns, title } = matrix;
  const values = useMemo(() => (frame ? valuesOf(frame) : new Float32Array()), [frame]);
  const { end, beyond } = useMemo(() => weightEnd(values), [values]);
  const across = useMemo(() => groupNames(columns), [columns]);
  const down = useMemo(() => groupNames(rows), [rows]);
  if (!frame) return <p class="attrium-panel-quiet">{`${title}: the numbers did not come with the answer.`}</p>;
  if (rows.length === 0 || columns.length === 0) return null;
  const value = (row: number, column: number) => values[row * columns.length + column] ?? 0;
  return (
    <section class="attrium-weights-matrix" aria-label={title}>
      <Heading title={title}>
        <HeatLegend end={end} theme={explorer.theme} note={legendNote(rows.length, columns.length, beyond)} />
      </Heading>
      <HeatMap
        label={`${title}, ${rows.length} by ${columns.length}`}
        rows={down.names}
        columns={across.names}
        rowGroups={down.groups}
        columnGroups={across.groups}
        value={value}
        endOf={() => end}
        theme={explorer.theme}
        height_px={420}
        words={(row, column) => [valueWords(value(row, column)), `from ${rows[row]}`, `to ${columns[column]}`]}
        announce={explorer.announce}
      />
    </section>
  );
}

function legendNote(rows: number, columns: number, beyond: number): string {
  const size = `${rows} \u00d7 ${columns}`;
  return beyond === 0
    ? size
    : `${size}; ${beyond} beyond the ends ${beyond === 1 ? "has" : "have"} the end\u2019s colour`;
}
