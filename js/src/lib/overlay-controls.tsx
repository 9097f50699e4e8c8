import { COLORS, type Colors, SIGNS, type Sign } from "./color-scales";
import { Segmented, Select, Slider } from "./controls";
import type { ScaleSettings } from "./field";
import { MODES, type Mode } from "./heatmap";

const MODE_WORDS: Record<Mode, [label: string, doc: string]> = {
  blend: ["Blend", "Scores as colour over the grey picture; zero is clear"],
  heatmap: ["Heat map", "Scores alone, one colour per value"],
  mask: ["Mask", "What did not count goes dark"],
  alpha: ["Alpha", "What did not count fades away"],
  contour: ["Contour", "Lines of equal score over the picture"],
  image: ["Image", "The picture alone"],
};

const SIGN_WORDS: Record<Sign, [label: string, doc: string]> = {
  all: ["All", "Positive and negative scores"],
  positive: ["Positive", "Only what raises the score"],
  negative: ["Negative", "Only what lowers the score"],
  absolute: ["Magnitude", "How much, whatever the sign"],
};

const COLOR_WORDS: Record<Colors, string> = {
  "red-blue": "Red and blue",
  "purple-green": "Purple and green",
  viridis: "Viridis",
  magma: "Magma",
  grey: "Grey",
};

interface ModeProps {
  mode: Mode;
  onChange(mode: Mode): void;
  disabled?: boolean;
}

export function ModeControl({ mode, onChange, disabled }: ModeProps) {
  const options = MODES.map((value) => ({ value, label: MODE_WORDS[value][0], doc: MODE_WORDS[value][1] }));
  return <Segmented label="Overlay" options={options} value={mode} onChange={onChange} disabled={disabled ?? false} />;
}

interface ScaleProps {
  settings: ScaleSettings;
  onChange(change: Partial<ScaleSettings>): void;
}

/** Sign, colours and clip: the settings that every view of scores has. */
export function ScaleControls({ settings, onChange }: ScaleProps) {
  const signs = SIGNS.map((value) => ({ value, label: SIGN_WORDS[value][0], doc: SIGN_WORDS[value][1] }));
  const colors = COLORS.map((value) => ({ value, label: COLOR_WORDS[value] }));
  return (
    <>
      <div class="attrium-labelled">
        <span class="attrium-label">Sign</span>
        <Segmented label="Sign" options={signs} value={settings.sign} onChange={(sign) => onChange({ sign })} />
      </div>
      <Select
        label="Colours"
        options={colors}
        value={settings.colors}
        onChange={(value) => onChange({ colors: value })}
      />
      <Slider
        label="Clip"
        doc="The largest magnitudes, as a share of all values, that get the end colour"
        value={settings.clipPercentile}
        low={0}
        high={50}
        step={0.5}
        format={(value) => (value === 0 ? "none" : `top ${value}%`)}
        onChange={(clipPercentile) => onChange({ clipPercentile })}
      />
    </>
  );
}

interface OpacityProps {
  opacity: number;
  mode: Mode;
  onChange(opacity: number): void;
}

export function OpacityControl({ opacity, mode, onChange }: OpacityProps) {
  return (
    <Slider
      label="Opacity"
      doc="How much the overlay covers in modes Blend, Mask and Alpha"
      value={opacity}
      low={0}
      high={1}
      step={0.01}
      format={(value) => `${Math.round(100 * value)}%`}
      onChange={onChange}
      disabled={mode !== "blend" && mode !== "mask" && mode !== "alpha"}
    />
  );
}
