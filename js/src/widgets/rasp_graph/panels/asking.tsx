import type { ComponentChildren } from "preact";

/** What stands where there is no answer: why, or that it is under way. */
export function NoAnswer({ error, children }: { error: string | null; children?: ComponentChildren }) {
  if (error !== null) return <p class="attrium-panel-quiet">{error}</p>;
  return (
    <p class="attrium-panel-quiet" aria-busy="true">
      {children ?? "Reading the program"}
    </p>
  );
}

/** A heading inside a panel, with what belongs to it at its right. */
export function Heading({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="attrium-panel-heading">
      <h4>{title}</h4>
      {children}
    </div>
  );
}
