import { type Role, type Theme, toCss } from "../../../lib";
import { edgeColor } from "../graph/edge-marks";

const ROLES: readonly [role: Role, words: string][] = [
  ["query", "query"],
  ["key", "key"],
  ["value", "value"],
  ["attention", "selector"],
  ["mlp", "function"],
];

/** What the hues of the lines say. */
export function Legend({ theme }: { theme: Theme }) {
  return (
    <p class="attrium-rasp-legend">
      {ROLES.map(([role, words]) => (
        <span key={role}>
          <i style={{ background: toCss(edgeColor({ role }, theme)) }} />
          {words}
        </span>
      ))}
    </p>
  );
}
