import type { Shading } from "./color-scales";
import { chipColors, TokenText } from "./token-strip";
import type { Unit } from "./tokens";

interface RunProps {
  units: readonly Unit[];
  values: ArrayLike<number> | null;
  shading: Shading | null;
}

/** Coloured text to look at: no keys, no selection. */
export function TokenRun({ units, values, shading }: RunProps) {
  return (
    <div class="attrium-strip attrium-strip-still">
      {units.map((unit, at) => (
        <span
          key={unit.tokens[0]}
          class={`attrium-token${unit.special ? " attrium-token-special" : ""}`}
          style={chipColors(values ? (values[at] ?? Number.NaN) : null, shading)}
        >
          <TokenText text={unit.text} showSpaces={false} />
        </span>
      ))}
    </div>
  );
}
