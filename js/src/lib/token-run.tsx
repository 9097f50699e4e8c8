import type { Shading } from "./color-scales";
import { chipClass, chipColors, TokenText } from "./token-strip";
import { closesUp, type Unit } from "./tokens";

interface RunProps {
  units: readonly Unit[];
  values: ArrayLike<number> | null;
  shading: Shading | null;
}

/** Coloured text to look at: no keys, no selection. */
export function TokenRun({ units, values, shading }: RunProps) {
  const valueAt = (at: number) => (values ? (values[at] ?? Number.NaN) : null);
  return (
    <div class="attrium-strip attrium-strip-still">
      {units.map((unit, at) => (
        <span
          key={unit.tokens[0]}
          class={`${chipClass(unit, valueAt(at))}${closesUp(unit.text) ? " attrium-token-close" : ""}`}
          style={chipColors(valueAt(at), shading)}
        >
          <TokenText text={unit.text} showSpaces={false} />
        </span>
      ))}
    </div>
  );
}
