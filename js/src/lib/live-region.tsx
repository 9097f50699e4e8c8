import type { Ref } from "preact";

/** Text for screen readers only; set its `textContent` to have it said. */
export function LiveRegion({ hold }: { hold: Ref<HTMLDivElement> }) {
  return <div ref={hold} class="attrium-spoken" aria-live="polite" role="status" />;
}
