import type { ComponentChildren } from "preact";
import { useMemo, useRef } from "preact/hooks";
import { formatNumber, formatSigned, useWidth } from "../../../lib";
import { type Role, roleShading } from "../../../lib/roles";
import type { Explorer } from "../explorer";
import { numberName } from "../names";
import { PartName } from "../part-name";
import type { ModelFacts, NumberRef } from "../protocol";
import { foldedWords, foldRows, normOf } from "./bins";
import type { Telling } from "./explained";
import { spelled } from "./places";
import { endOf } from "./scale-end";
import { Stripes } from "./stripes";

export interface SumRow {
  key: string;
  /** "+", "=", or nothing for the first. */
  sign: string;
  title: ComponentChildren;
  /** As one says it. */
  spoken: string;
  role: Role;
  values: Float32Array;
  /** One of its numbers; null where it has no name of its own. */
  reference(index: number): NumberRef | null;
  /** The row that the reader is at. */
  current?: boolean;
  onChoose?(): void;
}

interface Props {
  explorer: Explorer;
  rows: readonly SumRow[];
  telling: Telling;
  /** How many of the rows, from the first, add up to the last. */
  label: string;
}

const TITLE_PX = 120;
const NORM_PX = 112;
const NARROW_PX = 620;

/** Vectors under each other that add up to the last, all in the same colours, with their lengths. */
export function SumTable({ explorer, rows, telling, label }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box);
  const end = useMemo(() => endOf(joined(rows)), [rows]);
  const longest = Math.max(1e-30, ...rows.map((row) => normOf(row.values)));
  const miss = useMemo(() => sumMiss(rows.map((row) => row.values)), [rows]);
  const stripes_px = Math.max(80, width - TITLE_PX - (width < NARROW_PX ? 64 : NORM_PX) - 40);
  const length = rows[0]?.values.length ?? 0;
  const lit = rows.some((row) => row.reference(0)?.name === telling.pointed?.name)
    ? (telling.pointed?.index.at(-1) ?? null)
    : null;
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for controls
    <div class="attrium-sum" ref={box} role="group" aria-label={label}>
      {width > 0 &&
        rows.map((row) => (
          <div
            class="attrium-sum-row"
            key={row.key}
            data-role={row.role}
            data-total={row.sign === "="}
            data-current={row.current}
          >
            <span class="attrium-operator">{row.sign}</span>
            <span class="attrium-sum-title" style={{ width: `${TITLE_PX}px` }}>
              {row.onChoose ? (
                <button type="button" class="attrium-follow" onClick={row.onChoose} aria-pressed={row.current}>
                  {row.title}
                </button>
              ) : (
                row.title
              )}
            </span>
            <Stripes
              values={row.values}
              rows={1}
              length={length}
              shading={roleShading(row.role, explorer.theme, end)}
              width_px={stripes_px}
              height_px={rows.length > 8 ? 9 : 14}
              lit={lit}
              label={row.spoken}
              tell={(_, index) => <RowTip model={explorer.store.get("model")} row={row} index={index} />}
              onPoint={(at) => telling.point(at && row.reference(at.index))}
              onPick={({ index }) => {
                const reference = row.reference(index);
                if (reference) telling.pick(reference);
              }}
            />
            <Norm length={normOf(row.values)} longest={longest} bar={width >= NARROW_PX} />
          </div>
        ))}
      <p class="attrium-term-size attrium-number">
        <span>{`(${length})`}</span>
        <span>{`colours end at \u00b1${formatNumber(end, 2)} in all rows`}</span>
        {foldedWords(foldRows([], 0, length, stripes_px)) !== null && (
          <span>{foldedWords(foldRows([], 0, length, stripes_px))}</span>
        )}
        <span>{`adds up to within ${formatNumber(miss, 1)}`}</span>
      </p>
    </div>
  );
}

function RowTip({ model, row, index }: { model: Pick<ModelFacts, "names">; row: SumRow; index: number }) {
  const reference = row.reference(index);
  return (
    <span class="attrium-number">
      {formatSigned(row.values[index] ?? Number.NaN)}
      <br />
      <span class="attrium-tooltip-soft">{reference ? spelled(reference) : `${row.spoken}[${index}]`}</span>
      {reference && <PartName name={numberName(model, reference)} />}
    </span>
  );
}

function Norm({ length, longest, bar }: { length: number; longest: number; bar: boolean }) {
  return (
    <span class="attrium-norm attrium-number" title="Length of the vector (Euclidean norm)">
      {bar && (
        <span class="attrium-norm-bar" aria-hidden="true">
          <span style={{ width: `${(100 * length) / longest}%` }} />
        </span>
      )}
      <span>{`|${formatNumber(length, 3)}|`}</span>
    </span>
  );
}

function joined(rows: readonly SumRow[]): Float32Array {
  const all = new Float32Array(rows.reduce((count, row) => count + row.values.length, 0));
  let at = 0;
  for (const { values } of rows) {
    all.set(values, at);
    at += values.length;
  }
  return all;
}

/** The largest difference, over the numbers, between the last vector and the sum of those before it. */
export function sumMiss(vectors: readonly ArrayLike<number>[]): number {
  const total = vectors[vectors.length - 1];
  if (!total) return 0;
  let most = 0;
  for (let i = 0; i < total.length; i++) {
    let sum = 0;
    for (const vector of vectors.slice(0, -1)) sum += vector[i] ?? Number.NaN;
    const miss = Math.abs(sum - (total[i] ?? Number.NaN));
    if (!(miss <= most)) most = miss;
  }
  return most;
}
