import { useSignal } from "@preact/signals";
import { Labelled, NumberField, type Option, Segmented, Select, Toggle } from "./controls";

/** One field of a method, as the kernel describes it. */
export interface Setting {
  name: string;
  kind: "int" | "float" | "bool" | "choice" | "ints" | "method";
  default: SettingValue;
  low: number | null;
  high: number | null;
  choices: readonly string[] | null;
  doc: string;
}

/** null where a setting may be left to the method. */
export type SettingValue = number | boolean | string | number[] | null;

interface FormProps {
  settings: readonly Setting[];
  values: Readonly<Record<string, SettingValue>>;
  /** Choices for settings that are themselves methods. */
  methods: readonly Option<string>[];
  onChange(name: string, value: SettingValue): void;
}

/** Controls for any method, drawn from its own fields. */
export function SettingsForm({ settings, values, methods, onChange }: FormProps) {
  return (
    <div class="attrium-settings">
      {settings.map((setting) => (
        <SettingControl
          key={setting.name}
          setting={setting}
          value={setting.name in values ? (values[setting.name] ?? null) : setting.default}
          methods={methods}
          onChange={(value) => onChange(setting.name, value)}
        />
      ))}
    </div>
  );
}

interface ControlProps {
  setting: Setting;
  value: SettingValue;
  methods: readonly Option<string>[];
  onChange(value: SettingValue): void;
}

/** How many choices still fit side by side. */
const SIDE_BY_SIDE = 3;

function SettingControl({ setting, value, methods, onChange }: ControlProps) {
  const label = settingLabel(setting.name);
  const { kind, doc, low, high } = setting;
  if (kind === "bool") return <Toggle label={label} doc={doc} value={value === true} onChange={onChange} />;
  if (kind === "ints") return <NumbersField label={label} doc={doc} value={value} low={low} onChange={onChange} />;
  if (kind === "int" || kind === "float") {
    return (
      <NumberField
        label={label}
        doc={doc}
        value={Number(value)}
        low={low}
        high={high}
        whole={kind === "int"}
        onChange={onChange}
      />
    );
  }
  const options =
    kind === "method" && !setting.choices?.length
      ? methods
      : (setting.choices ?? []).map((choice) => ({ value: choice, label: labelOf(choice, methods) }));
  const chosen = String(value ?? options[0]?.value ?? "");
  if (kind === "method" || options.length > SIDE_BY_SIDE) {
    return <Select label={label} options={options} value={chosen} onChange={onChange} />;
  }
  return (
    <div class="attrium-labelled" title={doc}>
      <span class="attrium-label">{label}</span>
      <Segmented label={label} options={options} value={chosen} onChange={onChange} />
    </div>
  );
}

function labelOf(choice: string, methods: readonly Option<string>[]): string {
  return methods.find((method) => method.value === choice)?.label ?? settingLabel(choice);
}

/** "n_steps" as "n steps". */
export function settingLabel(name: string): string {
  return name.replaceAll("_", " ");
}

interface NumbersProps {
  label: string;
  doc: string;
  value: SettingValue;
  low: number | null;
  onChange(value: SettingValue): void;
}

/** One whole number, several with commas between, or nothing for "as the method likes". */
function NumbersField({ label, doc, value, low, onChange }: NumbersProps) {
  const problem = useSignal("");
  const take = (field: HTMLInputElement) => {
    const typed = parseNumbers(field.value, low ?? 1);
    problem.value = typed.problem ?? "";
    field.setCustomValidity(problem.value);
    if (typed.problem) field.reportValidity();
    else onChange(typed.value);
  };
  return (
    <Labelled label={label} doc={doc}>
      {(id) => (
        <input
          id={id}
          type="text"
          class="attrium-field"
          inputMode="numeric"
          placeholder="automatic"
          value={numbersText(value)}
          onInput={(event) => event.currentTarget.setCustomValidity("")}
          onChange={(event) => take(event.currentTarget)}
        />
      )}
    </Labelled>
  );
}

export function numbersText(value: SettingValue): string {
  if (value === null) return "";
  return Array.isArray(value) ? value.join(", ") : String(value);
}

type Parsed = { value: number | number[] | null; problem: null } | { value: null; problem: string };

/** "8" as 8, "3, 8, 8" as a list, "" as null; anything else says what is wrong. */
export function parseNumbers(text: string, low: number): Parsed {
  const parts = text.split(/[\s,;]+/).filter((part) => part !== "");
  if (parts.length === 0) return { value: null, problem: null };
  const numbers = parts.map(Number);
  if (!numbers.every((number) => Number.isInteger(number) && number >= low)) {
    return { value: null, problem: `Type whole numbers of at least ${low}, with commas between them.` };
  }
  const [only] = numbers;
  return { value: numbers.length === 1 && only !== undefined ? only : numbers, problem: null };
}
