import { useEffect, useRef, useState } from "preact/hooks";
import { Button, formatNumber, NumberField, Toggle, TypedField } from "../../lib";
import { isComplete, KINDS, type Kind, kindsFor, targetWords } from "./edits-draft";
import type { Edit } from "./protocol";

/** How long a slider rests before the model runs, in milliseconds. */
const REST = 180;

interface Props {
  edit: Edit;
  /** Positions of the prompt. */
  positions: number;
  onChange(change: Partial<Edit>): void;
  onRemove(): void;
}

/** One intervention: whether it is on, what it acts on, and what it puts there. */
export function EditRow({ edit, positions, onChange, onRemove }: Props) {
  const own = edit.kind !== "python" && edit.part !== "other";
  const name = own ? targetWords(edit) : (edit.label ?? "set from Python");
  return (
    <li class="attrium-edit" data-on={edit.on} data-kind={edit.kind}>
      <Toggle
        label={name}
        doc={edit.site ? `Acts on ${edit.site}` : name}
        value={edit.on}
        onChange={(on) => onChange({ on })}
      />
      {own && <KindSelect edit={edit} onChange={(kind) => onChange(withKind(edit, kind))} />}
      {own && <PositionSelect edit={edit} positions={positions} onChange={(position) => onChange({ position })} />}
      {edit.kind === "scale" && <FactorSlider factor={edit.factor ?? 1} onChange={(factor) => onChange({ factor })} />}
      {edit.kind === "patch" && <PatchSource edit={edit} onChange={onChange} />}
      {!own && <span class="attrium-faint">set from Python</span>}
      <Button kind="quiet" icon="cross" label={`Remove: ${name}`} onClick={onRemove} />
    </li>
  );
}

function withKind(edit: Edit, kind: Kind): Partial<Edit> {
  if (kind === "scale") return { kind, factor: edit.kind === "scale" ? (edit.factor ?? 2) : 2 };
  // A patch without its prompt cannot run: it waits for it, off.
  return kind === "patch" && !isComplete({ ...edit, kind }) ? { kind, on: false } : { kind };
}

function KindSelect({ edit, onChange }: { edit: Edit; onChange(kind: Kind): void }) {
  return (
    <span class="attrium-select attrium-edit-select">
      <select
        aria-label={`What is done to ${targetWords(edit)}`}
        value={edit.kind}
        onChange={(event) => onChange(event.currentTarget.value as Kind)}
      >
        {kindsFor(edit.part).map((kind) => (
          <option key={kind} value={kind} title={KINDS[kind].doc}>
            {KINDS[kind].label.toLowerCase()}
          </option>
        ))}
      </select>
    </span>
  );
}

interface PositionProps {
  edit: Edit;
  positions: number;
  onChange(position: number | null): void;
}

/** All positions, or one; the stream is always changed at one. */
function PositionSelect({ edit, positions, onChange }: PositionProps) {
  const [low, high] = [0, Math.max(0, positions - 1)];
  return (
    <TypedField<number | null>
      label="Position"
      doc={edit.part === "position" ? "The position that is changed" : "The position that is changed; empty for all"}
      value={edit.position ?? null}
      write={(value) => (value === null ? "" : String(value))}
      read={(typed) => readPosition(typed, low, high, edit.part === "position")}
      input={{ type: "text", inputMode: "numeric", placeholder: "all" }}
      onChange={onChange}
    />
  );
}

/** A typed position, or null for all of them. */
export function readPosition(typed: string, low: number, high: number, needed: boolean) {
  if (typed.trim() === "" && !needed) return { value: null, problem: null };
  const value = typed.trim() === "" ? Number.NaN : Number(typed);
  const ok = Number.isInteger(value) && value >= low && value <= high;
  return { value, problem: ok ? null : `Type a position, ${low} to ${high}${needed ? "" : ", or nothing for all"}.` };
}

/** Follows the hand at once, and runs the model when it rests. */
function FactorSlider({ factor, onChange }: { factor: number; onChange(factor: number): void }) {
  const [held, setHeld] = useState<number | null>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>();
  useEffect(() => setHeld(null), [factor]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const shown = held ?? factor;
  const [low, high] = [Math.min(-2, factor), Math.max(4, factor)];
  return (
    <label class="attrium-edit-factor" title="What it is multiplied by">
      <input
        type="range"
        aria-label="Factor"
        min={low}
        max={high}
        step={0.1}
        value={shown}
        style={{ "--attrium-fill": `${(100 * (shown - low)) / (high - low)}%` }}
        onInput={(event) => {
          const value = Math.round(10 * event.currentTarget.valueAsNumber) / 10;
          setHeld(value);
          clearTimeout(timer.current);
          timer.current = setTimeout(() => onChange(value), REST);
        }}
      />
      <output class="attrium-number">{`\u00d7 ${formatNumber(shown, 2)}`}</output>
    </label>
  );
}

/** The second prompt of a patch, and which of its positions is read. */
function PatchSource({ edit, onChange }: { edit: Edit; onChange(change: Partial<Edit>): void }) {
  const text = edit.text ?? "";
  return (
    <div class="attrium-edit-patch">
      <TypedField<string>
        label="From the prompt"
        doc="The second prompt, whose values are put there"
        value={text}
        write={(value) => value}
        read={(typed) => ({ value: typed, problem: typed === "" ? "Write the prompt to patch from." : null })}
        input={{ type: "text", placeholder: "another prompt" }}
        onChange={(typed) => onChange({ text: typed, ...(text === "" && { on: true }) })}
      />
      {edit.position !== null && edit.position !== undefined && (
        <NumberField
          label="at its position"
          doc="The position of the second prompt that is read"
          whole
          low={0}
          value={edit.from_position ?? edit.position}
          onChange={(from) => onChange({ from_position: from === edit.position ? null : from })}
        />
      )}
    </div>
  );
}
