import { NumberField, type Option, Segmented, Select, Toggle, TypedField } from "./controls";

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

/** "n_steps" as "N steps". */
export function settingLabel(name: string): string {
  const words = name.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
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
  return (
    <TypedField<SettingValue>
      label={label}
      doc={doc}
      value={value}
      write={numbersText}
      read={(text) => parseNumbers(text, low ?? 1)}
      input={{ type: "text", inputMode: "numeric", placeholder: "automatic" }}
      onChange={onChange}
    />
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
    const wanted = parts.length === 1 ? "a whole number" : "whole numbers";
    return { value: null, problem: `Type ${wanted} of at least ${low}.` };
  }
  const [only] = numbers;
  return { value: numbers.length === 1 && only !== undefined ? only : numbers, problem: null };
}
