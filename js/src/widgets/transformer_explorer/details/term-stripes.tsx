import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import { formatNumber, formatSigned, spokenText } from "../../../lib";
import { roleShading } from "../../../lib/roles";
import type { Explorer } from "../explorer";
import { foldedWords, foldRows } from "./bins";
import { numberName } from "../names";
import { PartName } from "../part-name";
import { Term } from "./equation";
import { numberOf, spelled } from "./places";
import type { Here, Rows } from "./reading";
import { endOf } from "./scale-end";
import { Stripes } from "./stripes";

export interface Pointing {
  /** The row (as a position) and the number along it that are lit. */
  position: number | null;
  index: number | null;
}

interface Props {
  explorer: Explorer;
  here: Here;
  read: Rows;
  /** Over the stripes; by default the vectors' symbol. */
  title?: ComponentChildren;
  width_px: number;
  height_px?: number;
  lit?: Pointing;
  onPoint?(place: { position: number; index: number } | null): void;
  onPick?(place: { position: number; index: number }): void;
}

/** Most room of one number. */
const WIDEST_PX = 7;

/** Vectors of the trace as a term of an equation. */
export function TermStripes({ explorer, here, read, title, width_px, height_px, lit, onPoint, onPick }: Props) {
  const { vectors, values, rows } = read;
  const [start, stop] = rows;
  const end = useMemo(() => endOf(values), [values]);
  const inside = (position: number | null | undefined) =>
    position !== null && position !== undefined && position >= start && position < stop ? position - start : null;
  const shape = [...(stop - start > 1 ? [stop - start] : []), vectors.length];
  const place = ({ row, index }: { row: number; index: number }) => ({ position: start + row, index });
  const wide = Math.floor(Math.min(width_px, vectors.length * WIDEST_PX));
  const folded = foldedWords(foldRows([], 0, vectors.length, wide));
  return (
    <Term
      title={title ?? vectors.symbol}
      name={vectors.name}
      shape={shape}
      hue={vectors.role}
      notes={[`\u00b1${formatNumber(end, 2)}`, folded]}
    >
      <Stripes
        values={values}
        rows={stop - start}
        length={vectors.length}
        shading={roleShading(vectors.role, explorer.theme, end)}
        width_px={wide}
        {...(height_px === undefined ? {} : { height_px })}
        current={inside(here.position)}
        litRow={inside(lit?.position)}
        lit={lit?.index ?? null}
        label={`${vectors.symbol}, ${vectors.name}`}
        tell={(row, index) => (
          <span class="attrium-number">
            {spokenText(here.tokens[start + row]?.text ?? "")}
            {"\u2003"}
            {formatSigned(values[row * vectors.length + index] ?? Number.NaN)}
            <br />
            <span class="attrium-tooltip-soft">
              {spelled(numberOf(vectors, start + row, index, here.which))} of {vectors.length}
            </span>
            <PartName name={numberName(here.model, numberOf(vectors, start + row, index, here.which))} />
          </span>
        )}
        onPoint={(at) => onPoint?.(at && place(at))}
        onPick={(at) => onPick?.(place(at))}
      />
    </Term>
  );
}
