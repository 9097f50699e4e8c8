import { useMemo } from "preact/hooks";
import { formatNumber, formatSigned, type Range, spokenText, valuesOf } from "../../../lib";
import { roleShading } from "../../../lib/roles";
import type { Explorer } from "../explorer";
import type { NumberRef } from "../protocol";
import { stripesHeight } from "./bins";
import { Equation, Missing, Operator, Term } from "./equation";
import type { Telling } from "./explained";
import { numberOf, only, type Vectors, type Weight } from "./places";
import { useIsWhole } from "./product-check";
import { type Here, useVectors } from "./reading";
import { endOf } from "./scale-end";
import { GAP_PX, ROW_PX, Stripes } from "./stripes";
import { TermStripes } from "./term-stripes";
import { useView } from "./use-view";
import { WeightMap } from "./weight-map";

interface Props {
  explorer: Explorer;
  here: Here;
  telling: Telling;
  input: Vectors;
  weight: Weight;
  output: Vectors;
  /** Positions to draw. */
  rows: Range;
}

/** Shares of the line that are left to the pictures, and what names, signs and gaps take of it. */
const SHARES = { input: 0.38, weight: 0.25, output: 0.37 };
const FIXED_PX = { wide: { names: 76, sign: 34, gap: 10 }, narrow: { names: 54, sign: 26, gap: 6 } };
const NARROW_PX = 640;
const BIAS_PX = 56;
/** A lone row may be taller. */
const LONE_ROW_PX = 22;
/** Pixels of a cell of the weight's picture: one stored number each. */
const CELL_PX = 2;

/** `input \u00d7 weight + bias = output`, all of them real; pointing at a number of the output lights what made it. */
export function Product(props: Props) {
  const { explorer, here, telling, input, weight, output, rows } = props;
  const read = useVectors(explorer, input, rows);
  const made = useVectors(explorer, output, rows);
  const bias = useBias(explorer, here, weight, output.length);
  const whole = useIsWhole(explorer, here, { input, weight, output, bias, read: read.read, made: made.read });
  const lit = litBy(telling.pointed, output);
  const error = read.error ?? made.error;
  if (error !== null) return <Missing>{error}</Missing>;
  const height = Math.max(64, stripesHeight(rows[1] - rows[0], ROW_PX, GAP_PX));
  const row_px = rows[1] - rows[0] === 1 ? LONE_ROW_PX : ROW_PX;
  return (
    <>
      <Equation label={`${input.symbol} times ${weight.symbol} is ${output.symbol}`}>
        {(width_px) => {
          const room = picturesRoom(width_px, bias !== null);
          const point = (at: { position: number; index: number } | null) =>
            telling.point(at && numberOf(output, at.position, at.index, here.which));
          return (
            <>
              <RowNames here={here} rows={read.read?.rows ?? rows} lit={lit.position} />
              {read.read && (
                <TermStripes
                  explorer={explorer}
                  here={here}
                  read={read.read}
                  width_px={room * SHARES.input}
                  height_px={row_px}
                  lit={{ position: lit.position, index: null }}
                  onPick={(at) => telling.pick(numberOf(input, at.position, at.index, here.which))}
                />
              )}
              <Operator>{"\u00d7"}</Operator>
              <WeightTerms
                explorer={explorer}
                here={here}
                {...{ weight, bias }}
                shape={[input.length, output.length]}
                width_px={Math.floor(room * SHARES.weight)}
                height_px={height}
                column={lit.index}
              />
              <Operator>{whole ? "=" : "\u2192"}</Operator>
              {made.read && (
                <TermStripes
                  explorer={explorer}
                  here={here}
                  read={made.read}
                  width_px={room * SHARES.output}
                  height_px={row_px}
                  lit={lit}
                  onPoint={point}
                  onPick={(at) => telling.pick(numberOf(output, at.position, at.index, here.which))}
                />
              )}
            </>
          );
        }}
      </Equation>
      {!whole && (
        <Missing>{`This product alone is not ${output.name}: something more lies between, such as a norm.`}</Missing>
      )}
    </>
  );
}

/** What names, signs and gaps leave to the three pictures of the line. */
function picturesRoom(width_px: number, bias: boolean): number {
  const { names, sign, gap } = width_px < NARROW_PX ? FIXED_PX.narrow : FIXED_PX.wide;
  const added = bias ? BIAS_PX + gap + sign : 0;
  return Math.max(120, width_px - names - 2 * sign - 3 * gap - added);
}

/** The row and number of an output that a reference means, if it means one of it. */
export function litBy(pointed: NumberRef | null, output: Vectors): { position: number | null; index: number | null } {
  const fixed = pointed?.index.slice(1, -1).join();
  if (!pointed || pointed.name !== output.name || fixed !== output.fixed.join()) return { position: null, index: null };
  return { position: pointed.index[0] ?? null, index: pointed.index[pointed.index.length - 1] ?? null };
}

/** The tokens of the rows, level with them. */
export function RowNames({ here, rows, lit }: { here: Here; rows: Range; lit: number | null }) {
  const [start, stop] = rows;
  return (
    <ol class="attrium-row-names" aria-hidden="true">
      {here.tokens.slice(start, stop).map((token, at) => (
        <li
          key={start + at}
          data-lone={stop - start === 1}
          data-current={start + at === here.position}
          data-lit={start + at === lit}
        >
          {spokenText(token.text)}
        </li>
      ))}
    </ol>
  );
}

interface WeightProps {
  explorer: Explorer;
  here: Here;
  weight: Weight;
  bias: Float32Array | null;
  shape: readonly [number, number];
  width_px: number;
  height_px: number;
  column: number | null;
}

/** Cells of a side, in eights: a few pixels more or less of room ask for nothing new. */
function cellsIn(side_px: number): number {
  return Math.max(8, 8 * Math.round(side_px / CELL_PX / 8));
}

/** What is added after the matrix; null where the model adds nothing. */
function useBias({ channel }: Explorer, { run }: Here, { bias, fixed }: Weight, length: number): Float32Array | null {
  const region = bias && { tensor: bias.tensor, index: [...fixed.map(only), [0, length] as Range] };
  const { frame } = useView(channel, region && { ...region, pixels: [1, length] }, run);
  return useMemo(() => (frame ? valuesOf(frame) : null), [frame]);
}

/** The matrix and what is added after it; the latter only where the model has it. */
function WeightTerms({ explorer, here, weight, bias, shape, width_px, height_px, column }: WeightProps) {
  const [rows, columns] = shape;
  const before = weight.fixed.map(only);
  const pixels: [number, number] = [cellsIn(height_px), cellsIn(width_px)];
  const matrix = useView(
    explorer.channel,
    { tensor: weight.tensor, index: [...before, [0, rows], [0, columns]], pixels },
    here.run,
  );
  if (matrix.error !== null) {
    return (
      <Term title={weight.symbol} shape={shape} hue="residual">
        <Missing>{matrix.error}</Missing>
      </Term>
    );
  }
  const factor = matrix.frame?.pooled.factor.slice(-2) ?? [];
  return (
    <>
      {matrix.frame && (
        <Term
          title={weight.symbol}
          name={weight.tensor}
          shape={shape}
          hue="residual"
          notes={[rangeWords(matrix.frame.range), pooledWords(factor)]}
        >
          <WeightMap
            frame={matrix.frame}
            width_px={width_px}
            height_px={height_px}
            theme={explorer.theme}
            column={column}
            label={`${weight.symbol}, ${rows} by ${columns}`}
          />
        </Term>
      )}
      {bias && <Bias {...{ explorer, weight, column }} values={bias} />}
    </>
  );
}

function Bias(props: { explorer: Explorer; weight: Weight; values: Float32Array; column: number | null }) {
  const { explorer, weight, values, column } = props;
  const end = useMemo(() => endOf(values), [values]);
  return (
    <>
      <Operator>+</Operator>
      <Term
        title={weight.bias?.symbol}
        {...(weight.bias && { name: weight.bias.tensor })}
        shape={[values.length]}
        hue="residual"
        notes={[`\u00b1${formatNumber(end, 2)}`]}
      >
        <Stripes
          values={values}
          rows={1}
          length={values.length}
          shading={roleShading("residual", explorer.theme, end)}
          width_px={BIAS_PX}
          lit={column}
          label={`${weight.bias?.symbol}, ${values.length} numbers`}
          tell={(_, index) => (
            <span class="attrium-number">
              {`${weight.bias?.symbol}[${index}]`}
              {"\u2003"}
              {formatSigned(values[index] ?? Number.NaN)}
            </span>
          )}
        />
      </Term>
    </>
  );
}

function rangeWords(range: readonly [number, number] | null): string | null {
  return range && `${formatSigned(range[0], 2)} to ${formatSigned(range[1], 2)}`;
}

/** "each cell the largest of 12 \u00d7 2"; null where none is pooled. */
export function pooledWords(factor: readonly number[]): string | null {
  if (factor.every((by) => by === 1)) return null;
  return `each cell the largest of ${factor.map((by) => (Number.isInteger(by) ? `${by}` : by.toFixed(1))).join(" \u00d7 ")}`;
}
