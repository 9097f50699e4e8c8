import type { ComponentChildren, JSX } from "preact";
import { useLayoutEffect, useState } from "preact/hooks";
import { Icon, type IconName } from "./icons";
import { onKeys } from "./keyboard";

interface ButtonProps {
  onClick(): void;
  children?: ComponentChildren;
  icon?: IconName;
  /** Name for readers of the screen and the tooltip; needed where there is only an icon. */
  label?: string;
  pressed?: boolean;
  expanded?: boolean;
  disabled?: boolean;
  kind?: "plain" | "quiet";
}

export function Button({ onClick, children, icon, label, pressed, expanded, disabled, kind = "plain" }: ButtonProps) {
  return (
    <button
      type="button"
      class={`attrium-button attrium-button-${kind}${children ? "" : " attrium-button-icon"}`}
      onClick={onClick}
      disabled={disabled}
      title={label}
      aria-label={label}
      aria-pressed={pressed}
      aria-expanded={expanded}
    >
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

export interface Option<Value> {
  value: Value;
  label: string;
  /** Said on hover: what the choice does. */
  doc?: string;
  /** A number beside the label. */
  count?: string;
}

interface ChoiceProps<Value> {
  label: string;
  options: readonly Option<Value>[];
  value: Value;
  onChange(value: Value): void;
  disabled?: boolean;
}

/** A row of buttons of which one is on; arrows move the choice. */
export function Segmented<Value extends string>({
  label,
  options,
  value,
  onChange,
  disabled = false,
}: ChoiceProps<Value>) {
  const step = (by: number) => (event: KeyboardEvent) => {
    const at = options.findIndex((option) => option.value === value);
    const next = options[(at + by + options.length) % options.length];
    if (!next) return;
    onChange(next.value);
    const group = event.currentTarget as HTMLElement;
    group.querySelectorAll<HTMLElement>("[role=radio]")[options.indexOf(next)]?.focus();
  };
  const keys = onKeys({ ArrowRight: step(1), ArrowDown: step(1), ArrowLeft: step(-1), ArrowUp: step(-1) });
  return (
    <div class="attrium-segmented" role="radiogroup" aria-label={label} onKeyDown={keys}>
      {options.map((option) => (
        // biome-ignore lint/a11y/useSemanticElements: a button with role radio can be styled and moved through by arrows
        <button
          key={option.value}
          type="button"
          role="radio"
          aria-checked={option.value === value}
          tabIndex={option.value === value ? 0 : -1}
          data-value={option.value}
          title={option.doc}
          disabled={disabled}
          onClick={() => onChange(option.value)}
        >
          {option.label}
          {option.count !== undefined && <span class="attrium-count">{option.count}</span>}
        </button>
      ))}
    </div>
  );
}

export function Select<Value extends string>({ label, options, value, onChange }: ChoiceProps<Value>) {
  return (
    <Labelled label={label}>
      {(id) => (
        <span class="attrium-select">
          <select id={id} value={value} onChange={(event) => onChange(event.currentTarget.value as Value)}>
            {options.map((option) => (
              <option key={option.value} value={option.value} title={option.doc}>
                {option.label}
              </option>
            ))}
          </select>
        </span>
      )}
    </Labelled>
  );
}

interface SliderProps {
  label: string;
  value: number;
  low: number;
  high: number;
  step: number;
  /** How the value reads beside the slider. */
  format(value: number): string;
  onChange(value: number): void;
  doc?: string;
  disabled?: boolean;
}

export function Slider({ label, value, low, high, step, format, onChange, doc, disabled = false }: SliderProps) {
  return (
    <Labelled label={label} doc={doc} shown={format(value)}>
      {(id) => (
        <input
          id={id}
          type="range"
          min={low}
          max={high}
          step={step}
          value={value}
          disabled={disabled}
          aria-valuetext={format(value)}
          style={{ "--attrium-fill": `${(100 * (value - low)) / (high - low || 1)}%` }}
          onInput={(event) => onChange(event.currentTarget.valueAsNumber)}
        />
      )}
    </Labelled>
  );
}

interface NumberFieldProps {
  label: string;
  value: number;
  low?: number | null;
  high?: number | null;
  whole?: boolean;
  doc?: string;
  onChange(value: number): void;
}

/** A number typed by hand; a number outside its bounds is not taken, and the field says which are. */
export function NumberField({ label, value, low, high, whole = false, doc, onChange }: NumberFieldProps) {
  const read = (text: string) => {
    const typed = text.trim() === "" ? Number.NaN : Number(text);
    return { value: typed, problem: numberProblem(typed, low, high, whole) };
  };
  const input = { type: "number", step: whole ? 1 : "any" } as const;
  return (
    <TypedField label={label} doc={doc} value={value} write={String} read={read} input={input} onChange={onChange} />
  );
}

interface TypedFieldProps<Value> {
  label: string;
  doc?: string | undefined;
  value: Value;
  /** The text of a value. */
  write(value: Value): string;
  /** The value of a text, or what is wrong with it. */
  read(text: string): { value: Value; problem: string | null };
  input: JSX.IntrinsicElements["input"];
  onChange(value: Value): void;
}

/** A value typed as text, taken with Enter or on leaving; text that is refused stays, with the reason under it. */
export function TypedField<Value>({ label, doc, value, write, read, input, onChange }: TypedFieldProps<Value>) {
  const shown = write(value);
  const [typed, setTyped] = useState<string | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const forget = () => {
    setTyped(null);
    setProblem(null);
  };
  useLayoutEffect(forget, [shown]);
  const take = (field: HTMLInputElement) => {
    const found = read(field.value);
    if (found.problem) {
      setTyped(field.value);
      setProblem(found.problem);
      return;
    }
    forget();
    if (write(found.value) !== shown) onChange(found.value);
  };
  return (
    <Labelled label={label} doc={doc}>
      {(id) => (
        <>
          <input
            {...input}
            id={id}
            class="attrium-field"
            value={typed ?? shown}
            aria-invalid={problem !== null}
            aria-describedby={problem === null ? undefined : `${id}-problem`}
            onInput={(event) => {
              setTyped(event.currentTarget.value);
              setProblem(null);
            }}
            onChange={(event) => take(event.currentTarget)}
            onKeyDown={(event) => event.key === "Enter" && !event.shiftKey && take(event.currentTarget)}
          />
          {problem !== null && (
            <p id={`${id}-problem`} class="attrium-problem" role="alert">
              {problem}
            </p>
          )}
        </>
      )}
    </Labelled>
  );
}

/** What is wrong with a typed number, or null. */
export function numberProblem(
  typed: number,
  low: number | null | undefined,
  high: number | null | undefined,
  whole: boolean,
): string | null {
  if (!Number.isFinite(typed)) return "Type a number.";
  if (whole && !Number.isInteger(typed)) return "Type a whole number.";
  if (typeof low === "number" && typed < low) return `Type a number of at least ${low}.`;
  if (typeof high === "number" && typed > high) return `Type a number of at most ${high}.`;
  return null;
}

interface ToggleProps {
  label: string;
  value: boolean;
  onChange(value: boolean): void;
  doc?: string;
}

export function Toggle({ label, value, onChange, doc }: ToggleProps) {
  return (
    <button
      type="button"
      class="attrium-toggle"
      role="switch"
      aria-checked={value}
      title={doc}
      onClick={() => onChange(!value)}
    >
      <span class="attrium-toggle-track" aria-hidden="true" />
      {label}
    </button>
  );
}

interface LabelledProps {
  label: string;
  doc?: string | undefined;
  shown?: string;
  children(id: string): ComponentChildren;
}

/** A control under its label, with the value it stands at. */
export function Labelled({ label, doc, shown, children }: LabelledProps) {
  // Random, since every widget on a page is a tree of its own, often from a bundle of its own.
  const [id] = useState(() => `attrium-${Math.random().toString(36).slice(2)}`);
  return (
    <div class="attrium-labelled" title={doc}>
      <label for={id}>
        {label}
        {shown !== undefined && <output class="attrium-number">{shown}</output>}
      </label>
      {children(id)}
    </div>
  );
}
