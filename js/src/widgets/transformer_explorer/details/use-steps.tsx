import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { Button, onKeys } from "../../../lib";
import { advanced, allShown, back, forward, type Play, toEnd, toggled } from "./steps";

export interface Steps {
  play: Play;
  change(next: (play: Play) => Play): void;
  /** Space plays and pauses, left and right step, End skips. */
  keys(event: KeyboardEvent): void;
}

/** Steps that play themselves once when they come on the screen; at once where the reader wants less motion. */
export function useSteps(count: number): Steps {
  const still = useMemo(() => wantsLessMotion(), []);
  const play = useSignal<Play>(still ? allShown(count) : { count, at: 0, playing: true });
  const now = play.value.count === count ? play.value : allShown(count);
  useEffect(() => {
    if (!now.playing) return undefined;
    let frame = 0;
    let before = performance.now();
    const tick = (time: number) => {
      play.value = advanced({ ...play.peek(), count }, Math.max(0, time - before) / 1000);
      before = time;
      if (play.peek().playing) frame = requestAnimationFrame(tick);
    };
    frame = requestAnimationFrame(tick);
    return () => cancelAnimationFrame(frame);
  }, [now.playing, count]);
  const change = (next: (play: Play) => Play) => {
    const wanted = next({ ...play.peek(), count });
    play.value = still && wanted.playing ? toEnd(wanted) : wanted;
  };
  const keys = onKeys({
    // A button, or a picture with a cursor, has a use of its own for Space.
    " ": (event) => !hasOwnSpace(event.target) && change(toggled),
    ArrowRight: () => change(forward),
    ArrowLeft: () => change(back),
    End: () => change(toEnd),
  });
  return { play: now, change, keys };
}

function hasOwnSpace(target: EventTarget | null): boolean {
  return (
    target instanceof Element && target.closest("button, input, select, [role=slider], [role=application]") !== null
  );
}

function wantsLessMotion(): boolean {
  return globalThis.matchMedia?.("(prefers-reduced-motion: reduce)").matches ?? false;
}

export function StepButtons({ steps: { play, change } }: { steps: Steps }) {
  const done = play.at >= play.count;
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for forms
    <span class="attrium-steps-buttons" role="group" aria-label="Play the steps">
      <Button
        kind="quiet"
        icon="left"
        label="Step back (left arrow)"
        disabled={play.at <= 0}
        onClick={() => change(back)}
      />
      <Button kind="quiet" label="Play or pause (Space)" onClick={() => change(toggled)}>
        {play.playing ? "Pause" : done ? "Replay" : "Play"}
      </Button>
      <Button kind="quiet" icon="right" label="Step (right arrow)" disabled={done} onClick={() => change(forward)} />
      <Button kind="quiet" icon="last" label="Skip to the end (End)" disabled={done} onClick={() => change(toEnd)} />
    </span>
  );
}
