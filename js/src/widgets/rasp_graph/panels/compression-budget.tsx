import type { Explorer } from "../explorer";
import type { GraphFacts } from "../protocol";

interface Props {
  explorer: Explorer;
  facts: GraphFacts;
  d_model: number;
}

/** Dimensions of each node, most first. */
export function Budget({ explorer, facts, d_model }: Props) {
  const nodes = facts.nodes
    .filter(({ place, dimensions }) => place === "written" && dimensions.length > 0)
    .sort((a, b) => b.dimensions.length - a.dimensions.length);
  const most = nodes[0]?.dimensions.length ?? 1;
  const rest = d_model - nodes.reduce((sum, { dimensions }) => sum + dimensions.length, 0);
  return (
    <table class="attrium-budget" aria-label="Dimensions of each node">
      <tbody>
        {nodes.map(({ label, dimensions, encoding }) => (
          <tr key={label}>
            <th scope="row">
              <button type="button" class="attrium-row-name" title={label} onClick={() => explorer.choose(label)}>
                {label}
              </button>
            </th>
            <td class="attrium-number">{dimensions.length}</td>
            <td class="attrium-budget-bar">
              <i style={{ width: `${(100 * dimensions.length) / most}%` }} />
            </td>
            <td class="attrium-faint">{encoding}</td>
          </tr>
        ))}
        {rest > 0 && (
          <tr>
            <th scope="row" class="attrium-faint">
              marks of BOS and padding
            </th>
            <td class="attrium-number">{rest}</td>
            <td class="attrium-budget-bar">
              <i style={{ width: `${(100 * rest) / most}%` }} />
            </td>
            <td />
          </tr>
        )}
      </tbody>
    </table>
  );
}
