/** Icons of the large widgets' tools, in the manner of icons.tsx. */
const PATHS = {
  undo: "M6 3 3 6l3 3M3 6h6.5a3.5 3.5 0 0 1 0 7H7",
  redo: "M10 3l3 3-3 3M13 6H6.5a3.5 3.5 0 0 0 0 7H9",
  grow: "M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10",
  shrink: "M6 2.5V6H2.5M13.5 6H10V2.5M10 13.5V10h3.5M2.5 10H6v3.5",
  save: "M8 2.5v7.5M5 7.5l3 3 3-3M3 13.5h10",
  help: "M6 6.2a2 2 0 1 1 2.9 1.8c-.6.3-.9.8-.9 1.5M8 12v.1M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 1 0 8 1.8",
  field: "M3 3h4v4H3zM9 3h4v4H9zM3 9h4v4H3zM9 9h4v4H9z",
  lens: "M7 2.8a4.2 4.2 0 1 0 0 8.4 4.2 4.2 0 1 0 0-8.4M10.2 10.2l3.3 3.3",
  bars: "M3 13V8M6.3 13V4M9.7 13V6.5M13 13v-3",
  play: "M5 3.2v9.6L12.5 8 5 3.2Z",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  dice: "M4.2 2.5h7.6a1.7 1.7 0 0 1 1.7 1.7v7.6a1.7 1.7 0 0 1-1.7 1.7H4.2a1.7 1.7 0 0 1-1.7-1.7V4.2a1.7 1.7 0 0 1 1.7-1.7M5.4 5.4v.1M10.6 5.4v.1M8 8v.1M5.4 10.6v.1M10.6 10.6v.1",
  cut: "M3.2 12.8 12.8 3.2M8 3a5 5 0 1 0 0 10A5 5 0 1 0 8 3",
} as const;

export type GlyphName = keyof typeof PATHS;

/** Decoration only; its button carries the name. */
export function Glyph({ name }: { name: GlyphName }) {
  return (
    <svg class="attrium-icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}

interface ButtonProps {
  glyph: GlyphName;
  label: string;
  onClick(): void;
  disabled?: boolean;
  expanded?: boolean;
  pressed?: boolean;
}

/** A button of an icon; `label` is its name. */
export function GlyphButton({ glyph, label, onClick, disabled, expanded, pressed }: ButtonProps) {
  return (
    <button
      type="button"
      class="attrium-button attrium-button-quiet attrium-button-icon"
      title={label}
      aria-label={label}
      aria-expanded={expanded}
      aria-pressed={pressed}
      disabled={disabled}
      onClick={onClick}
    >
      <Glyph name={glyph} />
    </button>
  );
}
