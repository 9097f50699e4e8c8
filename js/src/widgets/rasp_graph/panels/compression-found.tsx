import { useMemo } from "preact/hooks";
import { type Frame, formatCount, formatNumber, formatPercent, Icon, valuesOf } from "../../../lib";
import type { Explorer } from "../explorer";
import type { CompressionFacts, FeatureFacts } from "../protocol";
import { Heading } from "./asking";
import { byNode, countFates, FATES, type Fate, verdictOf, verdictWords } from "./compression-data";
import { LossCurves } from "./compression-loss";
import { HeatLegend, HeatMap, valueWords } from "./heat-map";
import { groupsOf } from "./heat-map-layout";
import { shortName } from "./heat-map-paint";
import { shortNumbers } from "./number-text";
import { placeName } from "./stream-data";

interface Props {
  explorer: Explorer;
  facts: CompressionFacts;
  overlaps: Frame;
  loss: Frame;
}

/** What one width came to: how much of the program is left, W^T W, what became of each feature, the losses. */
export function CompressionFound({ explorer, facts, overlaps, loss }: Props) {
  const verdict = verdictOf(facts);
  const bad = verdict === "worse" || verdict === "lost";
  return (
    <>
      <p class="attrium-verdict" data-bad={bad} role="status">
        <Icon name={bad ? "alert" : "check"} />
        <span>{verdictWords(facts)}</span>
      </p>
      <Measures facts={facts} />
      <Heading title="WᵀW: how far features share directions" />
      <Overlaps explorer={explorer} facts={facts} overlaps={overlaps} />
      <Heading title="What became of each feature" />
      <Features explorer={explorer} facts={facts} />
      <Heading title="Losses while training" />
      <LossCurves facts={facts} loss={loss} />
    </>
  );
}

type Row = [name: string, accuracy: number, error: number];

/** Accuracy and error, beside those before training and of a constant. */
function Measures({ facts }: { facts: CompressionFacts }) {
  const { accuracy, error, start, constant, numerical, lost, own, inputs, every, held, places } = facts;
  const rows: Row[] = [
    ...(own > 0 ? [[`after ${formatCount(own)} steps`, accuracy, error] as Row] : []),
    ["before training", ...start],
    ["always the same answer", ...constant],
  ];
  return (
    <>
      <table class="attrium-measures" aria-label="On held-out inputs">
        <thead>
          <tr>
            <th />
            <th scope="col">accuracy</th>
            <th scope="col">{numerical ? "mean squared error" : "cross-entropy (nats)"}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, share, loss]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td class="attrium-number">{formatPercent(share)}</td>
              <td class="attrium-number">{formatNumber(loss, 3)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="attrium-faint">
        {`Of ${every ? "all " : ""}${formatCount(inputs)} ${every ? "" : "random "}inputs that the program is for, ${formatCount(held[0])} are held out. Before training, W holds the principal directions of the stream.`}
        {lost > 0 &&
          ` The last ${formatCount(lost)} steps left a larger error and were not kept; the next are smaller.`}
        {places.length > 0 &&
          ` What is written is like the original\u2019s by a mean cosine of ${places
            .map(({ place, faithfulness }) => `${formatNumber(faithfulness, 3)} in ${placeName(place)}`)
            .join(", ")}.`}
      </p>
    </>
  );
}

function Overlaps({ explorer, facts, overlaps }: Omit<Props, "loss">) {
  const picture = useMemo(() => {
    const names = facts.dimensions.map(({ label }) => label);
    const groups = groupsOf(facts.dimensions.map(({ node }) => node));
    const values = valuesOf(overlaps);
    // A node of one dimension is named by what stands over it.
    const columns = facts.dimensions.map(({ label, node }) => (label === node ? "" : shortName(label, node)));
    const end = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
    return {
      names,
      columns,
      groups,
      end,
      value: (row: number, column: number) => values[row * names.length + column] ?? 0,
    };
  }, [facts, overlaps]);
  const { names, end, value } = picture;
  const node = explorer.store.get("node");
  const marked = useMemo(() => new Set([node]), [node]);
  const words = (row: number, column: number) => {
    const [one, other] = [names[row] ?? "", names[column] ?? ""].map(shortNumbers);
    const cosine = value(row, column) / Math.sqrt(value(row, row) * value(column, column));
    return [
      valueWords(value(row, column)),
      row === column ? `${one}: comes back times this` : `${one}, read as ${other}`,
      ...(row === column || !Number.isFinite(cosine) ? [] : [`cosine ${formatNumber(cosine, 3)}`]),
    ];
  };
  const pick = (row: number) => explorer.choose(facts.dimensions[row]?.node ?? "");
  return (
    <>
      <HeatMap
        label={`W transposed times W, ${names.length} by ${names.length} dimensions`}
        rows={names}
        columns={picture.columns}
        rowGroups={picture.groups}
        columnGroups={picture.groups}
        value={value}
        endOf={() => end}
        marked={marked}
        theme={explorer.theme}
        height_px={520}
        words={words}
        onPick={pick}
        onPickGroup={(label) => explorer.choose(label)}
        announce={explorer.announce}
      />
      <HeatLegend
        end={end}
        theme={explorer.theme}
        note="1 on the diagonal and 0 beside it is a feature with a direction to itself."
      />
    </>
  );
}

const FATE_WORDS: Record<Fate, string> = { own: "kept on its own", superposed: "superposed", dropped: "dropped" };

function Features({ explorer, facts }: { explorer: Explorer; facts: CompressionFacts }) {
  const counts = countFates(facts.features);
  return (
    <>
      <p class="attrium-fates">
        {FATES.map((fate) => (
          <span key={fate}>
            <span class="attrium-fate" data-fate={fate} aria-hidden="true" />
            <strong class="attrium-number">{counts[fate]}</strong> {FATE_WORDS[fate]}
          </span>
        ))}
      </p>
      <table class="attrium-features" aria-label="What became of each feature">
        <tbody>
          {byNode(facts).map(({ node, features }, at) => (
            <tr key={at}>
              <th scope="row">
                <button type="button" class="attrium-row-name" title={node} onClick={() => explorer.choose(node)}>
                  {node}
                </button>
              </th>
              <td>
                {features.map((feature) => (
                  <span key={feature.label} class="attrium-fate" data-fate={feature.fate} title={featureWords(feature)}>
                    {shortNumbers(features.length === 1 ? feature.label : shortName(feature.label, node))}
                  </span>
                ))}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="attrium-faint">
        {`Dropped: its direction has a squared length below ${facts.dropped}. Superposed: its cosine with another that is kept is above ${facts.shared}; what overlaps less counts as kept on its own.`}
      </p>
    </>
  );
}

function featureWords({ label, norm, overlap, other, fate }: FeatureFacts): string {
  const near = other === "" ? "" : `, largest cosine ${formatNumber(overlap, 3)} with ${shortNumbers(other)}`;
  return `${shortNumbers(label)}: ${FATE_WORDS[fate]}, squared length ${formatNumber(norm, 3)}${near}`;
}
