import { Button, formatCount, formatPercent, Slider, useAnswer } from "../../../lib";
import { type Explorer, useGraph } from "../explorer";
import type { CompressionFacts, Trained } from "../protocol";
import { Heading, NoAnswer } from "./asking";
import { Budget } from "./compression-budget";
import { widthOnShow } from "./compression-data";
import { CompressionFound } from "./compression-found";

/** How the program fills its residual stream, and what becomes of it in fewer dimensions. */
export function CompressionPanel({ explorer }: { explorer: Explorer }) {
  const { facts, error, waiting } = useGraph(explorer);
  const { store } = explorer;
  if (!facts) return <NoAnswer error={error} />;
  if (!facts.forecast) return <NoAnswer error="This program does not compile: there is no stream to compress." />;
  const { d_model } = facts.forecast;
  const trained = store.get("trained").filter(({ side }) => side === store.get("side"));
  const width = widthOnShow(store.get("width"), trained, d_model);
  const one = trained.find((each) => each.width === width);
  return (
    <div class="attrium-panel-body" aria-busy={waiting}>
      <Heading title={`In fewer than ${d_model} dimensions`} />
      <p class="attrium-faint">
        One matrix W, the same everywhere, squeezes the stream: what is written goes in through W, what is read comes
        out through its transpose. Where features have to share directions they are superposed.
      </p>
      <Widths explorer={explorer} trained={trained} width={width} d_model={d_model} />
      <Training explorer={explorer} width={width} one={one} />
      {one && <Found explorer={explorer} one={one} />}
      <Heading title={`Where the ${d_model} dimensions go`} />
      <Budget explorer={explorer} facts={facts} d_model={d_model} />
    </div>
  );
}

interface WidthsProps {
  explorer: Explorer;
  trained: readonly Trained[];
  width: number;
  d_model: number;
}

/** The slider over all widths, and those that were trained as buttons with their accuracy. */
function Widths({ explorer, trained, width, d_model }: WidthsProps) {
  const { store } = explorer;
  const choose = (value: number) => store.set("width", value);
  return (
    <div class="attrium-widths">
      <Slider
        label="Width"
        value={width}
        low={1}
        high={d_model}
        step={1}
        format={(value) => `${value} of ${d_model}`}
        onChange={choose}
        doc="Dimensions of the compressed stream"
      />
      {trained.length > 0 && (
        <fieldset class="attrium-widths-trained" aria-label="Widths that were trained">
          {trained.map((each) => (
            <button
              key={each.width}
              type="button"
              class="attrium-width"
              aria-pressed={each.width === width}
              title={`Width ${each.width}: ${formatPercent(each.accuracy)} of held-out tokens right after ${formatCount(each.steps)} steps`}
              onClick={() => choose(each.width)}
            >
              <span class="attrium-number">{each.width}</span>
              <i style={{ height: `${Math.max(2, 18 * each.accuracy)}px` }} />
            </button>
          ))}
          <span class="attrium-faint">trained; bars: held-out accuracy</span>
        </fieldset>
      )}
    </div>
  );
}

const STEPS = [300, 1000, 5000] as const;

/** Asks for training: few steps first, more from where that was left. */
function Training({ explorer, width, one }: { explorer: Explorer; width: number; one: Trained | undefined }) {
  const { store } = explorer;
  const running = store.get("status").state === "running";
  const off = store.saved || running;
  return (
    <div class="attrium-training">
      <span>
        {one
          ? `Trained for ${formatCount(one.steps)} steps. Train longer:`
          : `Width ${width} has not been trained. Train it:`}
      </span>
      <fieldset class="attrium-needs-kernel" disabled={off} title={store.saved ? "Needs a running kernel" : undefined}>
        {STEPS.map((steps) => (
          <Button
            key={steps}
            label={`Train width ${width} for ${formatCount(steps)} ${one ? "more " : ""}steps`}
            onClick={() => explorer.send({ kind: "compress", width, steps })}
          >
            {`${one ? "+" : ""}${formatCount(steps)} steps`}
          </Button>
        ))}
      </fieldset>
    </div>
  );
}

function Found({ explorer, one }: { explorer: Explorer; one: Trained }) {
  const { side, width, number } = one;
  const answer = useAnswer<CompressionFacts>(explorer.channel, "compression", { side, width }, number);
  const { facts, frames, error, waiting } = answer;
  const { overlaps, loss } = frames;
  if (!facts || !overlaps || !loss) return <NoAnswer error={error}>Reading what was trained</NoAnswer>;
  return (
    <div class="attrium-compressed" aria-busy={waiting}>
      <CompressionFound explorer={explorer} facts={facts} overlaps={overlaps} loss={loss} />
    </div>
  );
}
