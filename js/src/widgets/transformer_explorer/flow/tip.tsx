import { Tooltip } from "../../../lib";
import type { Explorer } from "../explorer";
import { hasTerm } from "../tour";
import type { Layout } from "./layout";
import type { Pointing } from "./use-pointing";

interface Props {
  explorer: Explorer;
  pointing: Pointing;
  layout: Layout;
}

/** Terms that read otherwise than the tour lists them. */
const WORDS: Record<string, string> = {
  mlp: "MLPs",
  norm: "norms",
  query: "queries",
  key: "keys",
  value: "values",
  head: "heads",
  w_o: "the output of attention",
  attn_out: "the output of attention",
  z: "the output of attention",
  mask: "the mask",
  "residual stream": "the residual stream",
};

/** What is said of the mark under the pointer, beside it. */
export function FlowTip({ explorer, pointing, layout }: Props) {
  const hint = pointing.hint.value;
  if (!hint) return null;
  const { title, lines } = pointing.better.value ?? hint;
  const low = pointing.y.value > layout.height - 90;
  return (
    <div class="attrium-flow-tip" data-low={low}>
      <Tooltip x={pointing.x.value} y={pointing.y.value} within={layout.width}>
        <strong>{title}</strong>
        {lines.map((line) => (
          <span key={line} class="attrium-number">
            {line}
          </span>
        ))}
        {hint.value !== null && <span class="attrium-number">{pointing.exact.value ?? hint.value}</span>}
        {hint.does !== "" && <em>click {hint.does}</em>}
        {hasTerm(explorer, hint.term) && (
          <em>
            {hint.opensTerm ? "click" : <kbd>T</kbd>} opens the tour on {WORDS[hint.term] ?? hint.term}
          </em>
        )}
      </Tooltip>
    </div>
  );
}
