import { type Option, Segmented, Select } from "../../lib";
import type { Explorer } from "./explorer";
import type { Measure, Scale } from "./protocol";
import { type Choice, type Held, useHeld } from "./saved-choices";
import { meaning, measureOptions, scaleOptions } from "./words";

const FEW_RUNS = 3;

/** What is shown of which run: kind, measure, scale, comparison, and what that means in words. */
export function Header({ explorer }: { explorer: Explorer }) {
  const { store, shown } = explorer;
  const setMeasure = (measure: Measure) => {
    store.set("measure", measure);
    const fitting = scaleOptions(measure, shown.isDifference);
    if (!fitting.some(({ value }) => value === store.get("scale"))) store.set("scale", "linear");
  };
  const offered = store.get("measures");
  const now = choiceOf(explorer);
  const candidates = candidatesOf(explorer, now);
  const held = useHeld(store, explorer.channel, { kind: shown.kind.name, layer: shown.layer }, candidates);
  const measures = offered.filter((measure) => measure === now.measure || held({ ...now, measure, scale: "linear" }));
  const scales = scaleOptions(shown.measure, shown.isDifference).filter(
    ({ value }) => value === now.scale || held({ ...now, scale: value }),
  );
  return (
    <div class="attrium-attention-head">
      <div class="attrium-attention-controls">
        <Runs explorer={explorer} now={now} held={held} />
        <Kinds explorer={explorer} />
        {measures.length > 1 && (
          <Select<Measure>
            label="Measure"
            options={measureOptions(measures)}
            value={shown.measure}
            onChange={setMeasure}
          />
        )}
        {scales.length > 1 && (
          <Select<Scale>
            label="Scale"
            options={scales}
            value={shown.scale}
            onChange={(scale) => store.set("scale", scale)}
          />
        )}
      </div>
      <p class="attrium-attention-meaning">{meaning(shown.measure, shown.scale, shown.isDifference)}</p>
      {candidates.some((choice) => !held(choice)) && (
        <p class="attrium-attention-meaning">Other measures, scales and comparisons need the notebook.</p>
      )}
    </div>
  );
}

function choiceOf({ store, shown }: Explorer): Choice {
  const minus = shown.isDifference ? store.get("minus") : -1;
  return { shown: store.get("shown"), minus, measure: shown.measure, scale: shown.scale };
}

/** All that the header's controls lead to from here. */
function candidatesOf({ store, shown }: Explorer, now: Choice): Choice[] {
  const runs = store.get("runs").map((_, at) => at);
  return [
    ...store.get("measures").map((measure): Choice => ({ ...now, measure, scale: "linear" })),
    ...scaleOptions(shown.measure, shown.isDifference).map(({ value }): Choice => ({ ...now, scale: value })),
    ...runs.flatMap((one) =>
      [-1, ...runs.filter((other) => other !== one)].map(
        (minus): Choice => ({ ...now, shown: one, minus, scale: "linear" }),
      ),
    ),
  ];
}

/** Which run is on show, and which is subtracted; nothing where there is one. */
function Runs({ explorer, now, held }: { explorer: Explorer; now: Choice; held: Held }) {
  const { store } = explorer;
  const runs = store.get("runs");
  if (runs.length < 2) return null;
  const options = runs.map(({ label }, at): Option<string> => ({ value: String(at), label: label || `run ${at}` }));
  const shown = store.get("shown");
  const show = (value: string) => {
    const to = Number(value);
    const minus = store.get("minus") === to ? shown : store.get("minus");
    store.set("minus", held({ ...now, shown: to, minus, scale: "linear" }) ? minus : -1);
    store.set("shown", to);
    store.set("cell", null);
  };
  const subtract = (value: string) => {
    store.set("minus", Number(value));
    if (value !== "-1") store.set("scale", "linear");
  };
  const others = options.filter(({ value }) => value !== String(shown));
  return (
    <>
      {runs.length <= FEW_RUNS && runs.every(({ label }) => label.length <= 16) ? (
        <div class="attrium-labelled">
          <span class="attrium-label">Run</span>
          <Segmented label="Run" options={options} value={String(shown)} onChange={show} />
        </div>
      ) : (
        <Select label="Run" options={options} value={String(shown)} onChange={show} />
      )}
      <Select
        label="Subtract"
        options={[{ value: "-1", label: "nothing" }, ...others].filter(
          ({ value }) =>
            Number(value) === store.get("minus") || held({ ...now, minus: Number(value), scale: "linear" }),
        )}
        value={String(store.get("minus"))}
        onChange={subtract}
      />
    </>
  );
}

function Kinds({ explorer }: { explorer: Explorer }) {
  const { store, shown } = explorer;
  const kinds = store.get("kinds");
  if (kinds.length < 2) return null;
  const change = (name: string) => {
    const kind = kinds.find((one) => one.name === name);
    store.set("kind", name);
    if (kind && !kind.layers.includes(shown.layer)) store.set("layer", kind.layers[0] ?? 0);
    store.set("cell", null);
    store.set("selection", []);
  };
  const options = kinds.map(({ name, title }) => ({ value: name, label: title }));
  return <Select label="Kind" options={options} value={shown.kind.name} onChange={change} />;
}
