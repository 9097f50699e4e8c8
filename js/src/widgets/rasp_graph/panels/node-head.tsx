import { Button } from "../../../lib";
import type { NodeFacts } from "../protocol";
import { encodingWords, kindWords, placeWords, writtenWords } from "./kinds";
import type { ProgramView } from "./program-view";

/** What the selected node is, what it is made from and what reads it. */
export function NodeHead({ program, node }: { program: ProgramView; node: NodeFacts }) {
  const { explorer } = program;
  const written = writtenWords(node);
  const readers = program.readers(node.label);
  return (
    <header class="attrium-node-head">
      <div class="attrium-node-title">
        <h4>{node.label}</h4>
        <span class="attrium-faint">{kindWords(node.kind)}</span>
        <span class="attrium-node-close">
          <Button
            kind="quiet"
            icon="cross"
            label="Select no node: show all values"
            onClick={() => explorer.choose("")}
          />
        </span>
      </div>
      {node.text !== "" && <code class="attrium-node-text">{node.text}</code>}
      <p class="attrium-faint">{[placeWords(node), encodingWords(node)].filter(Boolean).join("; ")}</p>
      {written !== "" && <p class="attrium-faint">{`Written in parts: ${written}`}</p>}
      <NodeLinks title="From" labels={node.inputs} onChoose={explorer.choose} />
      <NodeLinks title="Read by" labels={readers.map(({ label }) => label)} onChoose={explorer.choose} />
    </header>
  );
}

function NodeLinks({
  title,
  labels,
  onChoose,
}: {
  title: string;
  labels: readonly string[];
  onChoose(label: string): void;
}) {
  if (labels.length === 0) return null;
  return (
    <p class="attrium-node-links">
      <span class="attrium-faint">{title}</span>
      {[...new Set(labels)].map((label) => (
        <button key={label} type="button" class="attrium-node-link" onClick={() => onChoose(label)}>
          {label}
        </button>
      ))}
    </p>
  );
}
