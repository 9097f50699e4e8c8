import { useRef } from "preact/hooks";
import { Button, formatCount, NumberField, Slider, Toggle } from "../../lib";
import type { Explorer } from "./explorer";
import { type Distribution, formatTemperature, samplerOf } from "./probabilities-data";
import type { SamplerSettings } from "./protocol";
import { changesTheModel, takesTheBest } from "./sampler";

interface Props {
  explorer: Explorer;
  distribution: Distribution;
}

/** What a filter is switched on with. */
const FIRST = { top_k: 40, top_p: 0.9, min_p: 0.05 };

/** How the next token is drawn. The numbers follow at once: nothing is run anew. */
export function SamplerControls({ explorer, distribution }: Props) {
  const { store } = explorer;
  const settings = samplerOf(explorer);
  const vocab = distribution.drawn.order.length;
  const set = (change: Partial<SamplerSettings>) => store.set("sampler", { ...settings, ...change });
  const stops = topKStops(vocab);
  const best = takesTheBest(settings);
  return (
    <fieldset class="attrium-sampler" aria-label="Sampler">
      <Slider
        label="Temperature"
        doc="Logits are divided by it before the softmax: below 1 sharper, above 1 flatter, 0 always takes the likeliest"
        value={settings.temperature}
        low={0}
        high={Math.max(5, settings.temperature)}
        step={0.01}
        format={(value) => (value === 0 ? "0, greedy" : formatTemperature(value))}
        onChange={(temperature) => set({ temperature })}
        disabled={settings.greedy}
      />
      <Filter
        name="top_k"
        label="Top-k"
        doc="Keep so many of the likeliest tokens, and those that tie with the last"
        value={settings.top_k}
        off={best}
        at={(value) => nearestStop(stops, value)}
        fromPlace={(at) => stops[at] ?? 1}
        high={stops.length - 1}
        step={1}
        format={formatCount}
        onChange={(top_k) => set({ top_k })}
      />
      <Filter
        name="top_p"
        label="Top-p"
        doc="Keep the likeliest tokens until they sum to this share: the nucleus"
        value={settings.top_p}
        off={best}
        high={1}
        step={0.01}
        format={(value) => value.toFixed(2)}
        onChange={(top_p) => set({ top_p })}
      />
      <Filter
        name="min_p"
        label="Min-p"
        doc="Keep tokens at least this many times as likely as the likeliest"
        value={settings.min_p}
        off={best}
        high={1}
        step={0.005}
        format={(value) => value.toFixed(3)}
        onChange={(min_p) => set({ min_p })}
      />
      <div class="attrium-sampler-rest">
        <Toggle
          label="Greedy"
          doc="Always take the likeliest token, whatever the other settings"
          value={settings.greedy}
          onChange={(greedy) => set({ greedy })}
        />
        <NumberField
          label="Seed"
          doc="Of the draws: the same seed, prompt and settings draw the same tokens"
          whole
          low={0}
          value={store.get("seed")}
          onChange={(seed) => store.set("seed", seed)}
        />
        <Button
          kind="quiet"
          disabled={!changesTheModel(settings)}
          label="Temperature 1 and no filters: the model's own probabilities"
          onClick={() => set({ temperature: 1, top_k: null, top_p: null, min_p: null, greedy: false })}
        >
          Reset
        </Button>
      </div>
    </fieldset>
  );
}

interface FilterProps {
  name: keyof typeof FIRST;
  label: string;
  doc: string;
  value: number | null;
  /** Whether another setting leaves it nothing to do. */
  off: boolean;
  high: number;
  step: number;
  /** Where a value stands on the slider, and back; the value itself by default. */
  at?(value: number): number;
  fromPlace?(place: number): number;
  format(value: number): string;
  onChange(value: number | null): void;
}

/** A filter with a switch and a slider; moving the slider switches it on, and off it keeps its place. */
function Filter(props: FilterProps) {
  const { name, label, doc, value, off, high, step, at = same, fromPlace = same, format, onChange } = props;
  const last = useRef(FIRST[name]);
  if (value !== null) last.current = value;
  const place = at(value ?? last.current);
  const words = value === null ? "off" : format(value);
  return (
    <div class="attrium-labelled attrium-sampler-filter" data-off={off || value === null} title={doc}>
      <div class="attrium-label">
        <Toggle label={label} doc={doc} value={value !== null} onChange={(on) => onChange(on ? last.current : null)} />
        <output class="attrium-number">{words}</output>
      </div>
      <input
        type="range"
        aria-label={label}
        aria-valuetext={words}
        min={0}
        max={high}
        step={step}
        value={place}
        disabled={off}
        style={{ "--attrium-fill": `${(100 * place) / high}%` }}
        onInput={(event) => onChange(fromPlace(event.currentTarget.valueAsNumber))}
      />
    </div>
  );
}

const same = (value: number) => value;

/** Whole numbers from 1 to the vocabulary, close together where they are small. */
export function topKStops(vocab: number): number[] {
  const stops: number[] = [];
  for (let k = 1; k < vocab; k += k < 20 ? 1 : 10 ** Math.floor(Math.log10(k) - 1) * 5) stops.push(k);
  return [...stops, vocab];
}

/** The stop closest to a value that may have been set from Python. */
export function nearestStop(stops: readonly number[], value: number): number {
  let nearest = 0;
  stops.forEach((stop, at) => {
    if (Math.abs(stop - value) < Math.abs((stops[nearest] ?? 0) - value)) nearest = at;
  });
  return nearest;
}
