import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import { useWidth } from "../../../lib";
import type { Role } from "../../../lib/roles";

/** Miniatures and operators in a line; `children` are told how wide the line is. */
export function Equation({ label, children }: { label: string; children(width_px: number): ComponentChildren }) {
  const line = useRef<HTMLDivElement>(null);
  const width_px = useWidth(line);
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for controls
    <div class="attrium-equation" ref={line} role="group" aria-label={label}>
      {width_px > 0 && children(width_px)}
    </div>
  );
}

interface TermProps {
  /** What it is, over it: "W_Q", "k". */
  title: ComponentChildren;
  /** Its tensor, as a tooltip of the title. */
  name?: string;
  /** Lengths of its axes, under it. */
  shape: readonly number[];
  /** What else to know of it: where colours end, what is pooled. */
  notes?: readonly (string | null)[];
  /** Colours the title. */
  hue?: Role;
  children: ComponentChildren;
}

/** One term of an equation: its name over it, its size under it. */
export function Term({ title, name, shape, notes = [], hue, children }: TermProps) {
  return (
    <figure class="attrium-term" data-role={hue}>
      <figcaption title={name}>{title}</figcaption>
      {children}
      <p class="attrium-term-size attrium-number">
        {`(${shape.join(" \u00d7 ")})`}
        {notes.filter(Boolean).map((note) => (
          <span key={note}>{note}</span>
        ))}
      </p>
    </figure>
  );
}

/** A sign between two terms. */
export function Operator({ children }: { children: ComponentChildren }) {
  return <span class="attrium-operator">{children}</span>;
}

/** A quiet line in the place of what could not be read. */
export function Missing({ children }: { children: ComponentChildren }) {
  return <p class="attrium-missing">{children}</p>;
}
