import { useMemo, useRef } from "preact/hooks";
import { formatPercent, formatSigned, spokenText, useWidth, valuesOf } from "../../../lib";
import { roleShading } from "../../../lib/roles";
import type { Explorer } from "../explorer";
import { numberName } from "../names";
import { PartName } from "../part-name";
import type { FlowFacts } from "../protocol";
import { Missing } from "./equation";
import type { Telling } from "./explained";
import { inBlock, keyHeadOf, numberOf, only, tensorOf, type Vectors } from "./places";
import { type Here, useVectors } from "./reading";
import { endOf } from "./scale-end";
import { Stripes } from "./stripes";
import { useView } from "./use-view";

interface Props {
  explorer: Explorer;
  here: Here;
  facts: FlowFacts | null;
  telling: Telling;
  /** Most keys to draw. */
  most?: number;
}

const MOST = 10;
/** Under this the columns of words are narrower: see style.css. */
const NARROW_PX = 672;

/** A row of the pattern times the value vectors: each key's value, weighted, and the mix `z` that they add up to. */
export function WeightedRows({ explorer, here, facts, telling, most = MOST }: Props) {
  const { block, head, position, model, tokens, which } = here;
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box);
  const row = useView(
    explorer.channel,
    {
      tensor: tensorOf(which, inBlock(facts, block, "attn.pattern")),
      index: [only(head), only(position), [0, tokens.length]],
      pixels: [1, tokens.length],
    },
    here.run,
  );
  const weights = useMemo(() => (row.frame ? valuesOf(row.frame) : null), [row.frame]);
  const shown = useMemo(() => (weights ? strongest(weights, most) : []), [weights, most]);
  const value: Vectors = {
    name: inBlock(facts, block, "attn.v"),
    symbol: "v",
    role: "value",
    fixed: [keyHeadOf(head, model)],
    length: model.d_head,
  };
  const mixed: Vectors = {
    ...value,
    name: inBlock(facts, block, "attn.z"),
    symbol: "z",
    role: "attention",
    fixed: [head],
  };
  const z = useVectors(explorer, mixed, only(position));
  const error = row.error ?? z.error;
  if (error !== null) return <Missing>{error}</Missing>;
  const end = z.read ? endOf(z.read.values) : 1;
  const stripes_px = Math.max(60, Math.floor((width - (width < NARROW_PX ? 150 : 228)) / 2));
  const left = weights ? sumOf(weights) - shown.reduce((sum, at) => sum + (weights[at] ?? 0), 0) : 0;
  const others = (weights ? countSeen(weights) : 0) - shown.length;
  return (
    <div class="attrium-weighted" ref={box}>
      {width > 0 && weights && (
        <>
          <div class="attrium-weighted-row attrium-weighted-head" aria-hidden="true">
            <span>key</span>
            <span>attention</span>
            <span style={{ width: `${stripes_px}px` }}>v, the key's value</span>
            <span style={{ width: `${stripes_px}px` }}>{"attention \u00d7 v"}</span>
          </div>
          {shown.map((key) => (
            <KeyRow
              key={key}
              {...{ explorer, here, telling, value, stripes_px, end }}
              position={key}
              weight={weights[key] ?? Number.NaN}
            />
          ))}
          {others > 0 && (
            <p class="attrium-term-size attrium-number">
              {`and ${others} more keys with ${formatPercent(Math.max(0, left))} of the attention`}
            </p>
          )}
          {z.read && (
            <div class="attrium-weighted-row" data-total="true">
              <span class="attrium-weighted-token">
                <b>z</b>
              </span>
              <span class="attrium-number attrium-faint">{formatPercent(sumOf(weights))}</span>
              <span style={{ width: `${stripes_px}px` }} class="attrium-faint">
                what all of them add up to
              </span>
              <Stripes
                values={z.read.values}
                rows={1}
                length={model.d_head}
                shading={roleShading("attention", explorer.theme, end)}
                width_px={stripes_px}
                label={`z, ${mixed.name}`}
                lit={telling.pointed?.name === mixed.name ? (telling.pointed.index.at(-1) ?? null) : null}
                tell={(_, index) => (
                  <>
                    {formatSigned(z.read?.values[index] ?? Number.NaN)}
                    <PartName name={numberName(model, numberOf(mixed, position, index, which))} />
                  </>
                )}
                onPoint={(at) => telling.point(at && numberOf(mixed, position, at.index, which))}
                onPick={({ index }) => telling.pick(numberOf(mixed, position, index, which))}
              />
            </div>
          )}
        </>
      )}
    </div>
  );
}

interface KeyProps {
  explorer: Explorer;
  here: Here;
  telling: Telling;
  value: Vectors;
  position: number;
  weight: number;
  stripes_px: number;
  end: number;
}

function KeyRow({ explorer, here, telling, value, position, weight, stripes_px, end }: KeyProps) {
  const { read, error } = useVectors(explorer, value, only(position));
  const weighted = useMemo(() => read?.values.map((number) => number * weight), [read, weight]);
  const own = useMemo(() => (read ? endOf(read.values) : 1), [read]);
  const lit = telling.pointed?.index.at(-1) ?? null;
  return (
    <div class="attrium-weighted-row" data-lit={explorer.lane.value === position}>
      <span class="attrium-weighted-token" title={`token ${position}`}>
        {spokenText(here.tokens[position]?.text ?? "")}
      </span>
      <span class="attrium-weighted-share attrium-number">
        <span class="attrium-norm-bar" aria-hidden="true">
          <span style={{ width: `${100 * weight}%` }} />
        </span>
        {formatPercent(weight)}
      </span>
      {error !== null && <Missing>{error}</Missing>}
      {read && weighted && (
        <>
          <Stripes
            values={read.values}
            rows={1}
            length={value.length}
            shading={roleShading("value", explorer.theme, own)}
            width_px={stripes_px}
            lit={lit}
            label={`value of ${spokenText(here.tokens[position]?.text ?? "")}`}
            tell={(_, index) => (
              <>
                {`v[${index}] ${formatSigned(read.values[index] ?? Number.NaN)}`}
                <PartName name={numberName(here.model, numberOf(value, position, index, here.which))} />
              </>
            )}
            onPoint={(at) => telling.point(at && numberOf(value, position, at.index, here.which))}
            onPick={({ index }) => telling.pick(numberOf(value, position, index, here.which))}
          />
          <Stripes
            values={weighted}
            rows={1}
            length={value.length}
            shading={roleShading("attention", explorer.theme, end)}
            width_px={stripes_px}
            lit={lit}
            label={`weighted value of ${spokenText(here.tokens[position]?.text ?? "")}`}
            tell={(_, index) => (
              <span class="attrium-number">
                {`${formatSigned(read.values[index] ?? Number.NaN)} \u00d7 ${formatPercent(weight)} = ${formatSigned(weighted[index] ?? Number.NaN)}`}
              </span>
            )}
          />
        </>
      )}
    </div>
  );
}

/** Where the largest weights stand, in the order of the tokens. */
export function strongest(weights: ArrayLike<number>, most: number): number[] {
  return Array.from({ length: weights.length }, (_, at) => at)
    .filter((at) => (weights[at] ?? 0) > 0)
    .sort((a, b) => (weights[b] ?? 0) - (weights[a] ?? 0))
    .slice(0, most)
    .sort((a, b) => a - b);
}

function sumOf(values: Float32Array): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function countSeen(weights: Float32Array): number {
  return weights.reduce((count, weight) => count + (weight > 0 ? 1 : 0), 0);
}
