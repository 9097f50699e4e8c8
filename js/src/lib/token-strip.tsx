import { type Signal, useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { inkOn, type Shading, toCss, valueToRgb } from "./color-scales";
import { formatSigned } from "./format-number";
import { onKeys } from "./keyboard";
import { type Selecting, selectUnit } from "./token-selection";
import { spokenText, type Unit, unitPlace, visibleText } from "./tokens";

interface StripProps {
  units: readonly Unit[];
  /** One score per unit; null while there are none. */
  values: ArrayLike<number> | null;
  shading: Shading | null;
  showValues: boolean;
  /** Whether white space at the edges of tokens is drawn: true for pieces, false for whole words. */
  showSpaces: boolean;
  /** Index of the unit under the pointer or the focus; shared with a matrix beside the strip. */
  pointed: Signal<number | null>;
  /** Indices of selected tokens. */
  selection: readonly number[];
  onSelection(selection: number[]): void;
  label: string;
}

/**
 * Text as chips coloured by score, to read, point at and select from.
 *
 * Keys: left and right move, Shift selects on the way, Enter or Space chooses, Ctrl+A selects all, Escape clears.
 */
export function TokenStrip(props: StripProps) {
  const { units, values, shading, selection, onSelection, pointed } = props;
  const strip = useRef<HTMLDivElement>(null);
  const current = useSignal(0);
  const anchor = useRef(0);
  const chosen = new Set(selection);

  const choose = (at: number, how: Selecting) => {
    if (how !== "extend") anchor.current = at;
    onSelection(selectUnit(units, selection, at, how, anchor.current));
  };
  const move = (by: number, extend: boolean) => {
    const next = Math.min(units.length - 1, Math.max(0, current.value + by));
    current.value = next;
    if (extend) choose(next, "extend");
    else anchor.current = next;
    strip.current?.querySelector<HTMLElement>(`[data-unit="${next}"]`)?.focus();
  };
  const keys = onKeys({
    ArrowLeft: () => move(-1, false),
    ArrowRight: () => move(1, false),
    "Shift+ArrowLeft": () => move(-1, true),
    "Shift+ArrowRight": () => move(1, true),
    Home: () => move(-units.length, false),
    End: () => move(units.length, false),
    Enter: () => choose(current.value, "only"),
    " ": () => choose(current.value, "only"),
    "Ctrl+Enter": () => choose(current.value, "toggle"),
    "Ctrl+a": () => onSelection(units.flatMap((unit) => [...unit.tokens])),
    Escape: () => selection.length > 0 && onSelection([]),
  });
  return (
    <div
      ref={strip}
      class="attrium-strip"
      role="listbox"
      aria-multiselectable="true"
      aria-label={props.label}
      onKeyDown={keys}
      onPointerLeave={() => {
        pointed.value = null;
      }}
    >
      {units.map((unit, at) => (
        <Chip
          key={unit.tokens[0]}
          unit={unit}
          at={at}
          value={values ? (values[at] ?? Number.NaN) : null}
          shading={shading}
          showValue={props.showValues}
          showSpaces={props.showSpaces}
          pointed={pointed.value === at}
          selected={unit.tokens.some((token) => chosen.has(token))}
          focusable={Math.min(current.value, units.length - 1) === at}
          onPoint={() => {
            pointed.value = at;
          }}
          onFocus={() => {
            current.value = at;
            pointed.value = at;
          }}
          onChoose={(how) => choose(at, how)}
        />
      ))}
    </div>
  );
}

interface ChipProps {
  unit: Unit;
  at: number;
  value: number | null;
  shading: Shading | null;
  showValue: boolean;
  showSpaces: boolean;
  pointed: boolean;
  selected: boolean;
  focusable: boolean;
  onPoint(): void;
  onFocus(): void;
  onChoose(how: Selecting): void;
}

function Chip(props: ChipProps) {
  const { unit, value } = props;
  return (
    <>
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: keys are the strip's */}
      <span
        class={chipClass(unit, value)}
        style={chipColors(value, props.shading)}
        role="option"
        aria-selected={props.selected}
        aria-label={`${spokenText(unit.text)}${value === null ? "" : `, ${formatSigned(value)}`}`}
        tabIndex={props.focusable ? 0 : -1}
        data-unit={props.at}
        data-pointed={props.pointed}
        onPointerEnter={props.onPoint}
        onFocus={props.onFocus}
        onClick={(event) => props.onChoose(howOf(event))}
        title={`${unitPlace(unit)}${value === null ? "" : `: ${formatSigned(value)}`}`}
      >
        <TokenText text={unit.text} showSpaces={props.showSpaces && !unit.special} />
        {props.showValue && value !== null && (
          <span class="attrium-token-value attrium-number">{formatSigned(value, 2)}</span>
        )}
      </span>
      {unit.text.endsWith("\n") && <br />}
    </>
  );
}

/** Classes of a chip: special, continuing a word, or without a number. */
export function chipClass(unit: Unit, value: number | null): string {
  const kinds = ["attrium-token"];
  if (unit.special) kinds.push("attrium-token-special");
  if (unit.continues) kinds.push("attrium-token-continues");
  if (value !== null && Number.isNaN(value)) kinds.push("attrium-token-nan");
  return kinds.join(" ");
}

function howOf(event: MouseEvent): Selecting {
  if (event.shiftKey) return "extend";
  return event.ctrlKey || event.metaKey ? "toggle" : "only";
}

/** Background and readable ink of a chip. */
export function chipColors(value: number | null, shading: Shading | null) {
  if (value === null || !shading || Number.isNaN(value)) return undefined;
  const background = valueToRgb(value, shading);
  return { backgroundColor: toCss(background), color: toCss(inkOn(background)) };
}

/** A token's text; white space that would not be seen is drawn faintly. Always text, never markup. */
export function TokenText({ text, showSpaces }: { text: string; showSpaces: boolean }) {
  return (
    <span class="attrium-token-text">
      {visibleText(text, showSpaces).map((part, at) =>
        part.mark ? (
          <span key={at} class="attrium-space">
            {part.text}
          </span>
        ) : (
          part.text
        ),
      )}
    </span>
  );
}
