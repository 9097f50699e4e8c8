import { useEffect } from "preact/hooks";
import { useSignal } from "@preact/signals";
import { Button } from "../../../lib";
import { type Explorer, useGraph } from "../explorer";
import { stepCount } from "../graph/lanes";
import { GlyphButton } from "../../../lib/glyph";

const PLAY_MS = 1100;

/** Half-layer by half-layer through the model. */
export function Stepper({ explorer }: { explorer: Explorer }) {
  const { store, announce } = explorer;
  const { facts } = useGraph(explorer);
  const playing = useSignal(false);
  const last = facts ? stepCount(facts) - 1 : 0; // the last half-layer is the end: all is done then
  const step = store.get("step");
  const at = step < 0 ? last : step;
  const go = (to: number) => {
    const next = to >= last ? -1 : Math.max(0, to);
    store.set("step", next);
    announce(stepWords(next));
  };
  useEffect(() => {
    if (!playing.value) return undefined;
    const timer = setInterval(() => {
      const now = store.trait("step").peek();
      if (now < 0) playing.value = false;
      else go(now + 1);
    }, PLAY_MS);
    return () => clearInterval(timer);
  }, [playing.value, last]);
  const play = () => {
    if (!playing.value && step < 0) go(0);
    playing.value = !playing.value;
  };
  if (last === 0) return null;
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset would draw a frame
    <div class="attrium-rasp-stepper" role="group" aria-label="Half-layers that are done">
      <Button kind="quiet" icon="left" label="One half-layer back ([)" disabled={at === 0} onClick={() => go(at - 1)} />
      <GlyphButton
        glyph={playing.value ? "pause" : "play"}
        label={playing.value ? "Hold (P)" : "Run half-layer by half-layer (P)"}
        pressed={playing.value}
        onClick={play}
      />
      <Button kind="quiet" icon="right" label="One half-layer on (])" disabled={step < 0} onClick={() => go(at + 1)} />
      <input
        type="range"
        min={0}
        max={last}
        value={at}
        aria-label="Half-layers that are done"
        aria-valuetext={stepWords(step)}
        style={{ "--attrium-fill": `${(100 * at) / last}%` }}
        onInput={(event) => go(event.currentTarget.valueAsNumber)}
      />
      <output class="attrium-number">{stepWords(step)}</output>
    </div>
  );
}

/** Where the model has come to. */
export function stepWords(step: number): string {
  if (step < 0) return "all done";
  if (step === 0) return "embedding";
  const layer = Math.floor((step - 1) / 2);
  return `layer ${layer} ${step % 2 === 1 ? "attention" : "MLP"}`;
}
