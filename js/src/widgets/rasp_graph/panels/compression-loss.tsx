import { type Frame, formatCount, formatNumber, valuesOf } from "../../../lib";
import type { CompressionFacts } from "../protocol";
import { decades, lossLine } from "./compression-data";
import { cellNumber } from "./number-text";

const [WIDE, HIGH] = [240, 64];
const NAMES = ["output", "half-layers"] as const;

/** The two losses over the steps, on one logarithmic scale. */
export function LossCurves({ facts, loss }: { facts: CompressionFacts; loss: Frame }) {
  const values = valuesOf(loss);
  const points = loss.shape[1] ?? 0;
  const curves = NAMES.map((name, at) => ({ name, values: values.subarray(at * points, (at + 1) * points) }));
  const [low, high] = decades([...values]);
  const last = (one: Float32Array) => one[one.length - 1] ?? Number.NaN;
  return (
    <figure class="attrium-losses">
      <div class="attrium-losses-plot">
        <span class="attrium-number attrium-faint">{cellNumber(high)}</span>
        <span class="attrium-number attrium-faint">{cellNumber(low)}</span>
        <svg
          viewBox={`0 0 ${WIDE} ${HIGH}`}
          preserveAspectRatio="none"
          role="img"
          aria-label={curves.map(({ name, values: one }) => `${name} ${formatNumber(last(one), 3)}`).join(", ")}
        >
          {curves.map(({ name, values: one }) => (
            <path key={name} data-loss={name} d={lossLine(one, low, high, WIDE, HIGH)} />
          ))}
        </svg>
        <span class="attrium-number attrium-faint">{`step ${formatCount(facts.steps)}`}</span>
      </div>
      <figcaption>
        {curves.map(({ name, values: one }) => (
          <span key={name}>
            <i data-loss={name} />
            {name} <span class="attrium-number">{formatNumber(last(one), 3)}</span>
          </span>
        ))}
      </figcaption>
    </figure>
  );
}
