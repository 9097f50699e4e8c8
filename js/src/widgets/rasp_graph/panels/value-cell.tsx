import { inkOn, type Rgb, toCss, spokenText } from "../../../lib";
import type { Shown } from "../protocol";

interface Props {
  value: Shown;
  color: Rgb | null;
  /** Not what it should be. */
  wrong?: boolean;
}

/** A value on its colour; an absent one as an empty, dashed place. */
export function ValueCell({ value, color, wrong = false }: Props) {
  if (value === null) {
    return (
      <span class="attrium-value" data-absent="true" data-wrong={wrong} title="absent: no value here">
        <span class="attrium-spoken">absent</span>
      </span>
    );
  }
  const style = color ? { background: toCss(color), color: toCss(inkOn(color)) } : undefined;
  return (
    <span class="attrium-value attrium-number" style={style} data-wrong={wrong} title={value}>
      {spokenText(value)}
    </span>
  );
}
