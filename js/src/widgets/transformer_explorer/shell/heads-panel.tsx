import { useMemo } from "preact/hooks";
import { HeadsField, Select, useAnswer, valuesOf } from "../../../lib";
import type { Explorer } from "../explorer";
import { isModel } from "../flow/use-flow";
import { headName } from "../names";
import type { HeadsFacts } from "../protocol";

/** All heads of the model as thumbnails, sorted by what they do; a click goes to the head. */
export function HeadsPanel({ explorer }: { explorer: Explorer }) {
  const { store, channel, theme, go } = explorer;
  const which = store.get("which");
  const model = store.get("model");
  const { facts, frames, error, waiting } = useAnswer<HeadsFacts>(channel, "heads", { which }, store.get("run"));
  const chosen = store.get("head_order");
  const frame = frames[`score:${chosen}`];
  const score = facts?.scores.find(({ name }) => name === chosen);
  const values = useMemo(() => (frame ? valuesOf(frame) : null), [frame]);
  const order = useMemo(
    () => (facts && values && score ? sorted(values, facts.heads, score.high_first) : null),
    [facts, values, score],
  );
  const layers = useMemo(() => Array.from({ length: facts?.layers ?? 0 }, (_, layer) => layer), [facts]);
  if (!facts) return <p class="attrium-faint">{error ?? "Reading the patterns of all heads\u2026"}</p>;
  const options = [
    { value: "", label: "Block and head" },
    ...facts.scores.map(({ name, title, doc }) => ({ value: name, label: title, doc })),
  ];
  return (
    <div class="attrium-te-heads" aria-busy={waiting}>
      <div class="attrium-te-heads-bar">
        <Select label="Sort by" options={options} value={chosen} onChange={(name) => store.set("head_order", name)} />
        <p class="attrium-faint">
          {score
            ? `${score.doc}. ${score.high_first ? "Highest" : "Lowest"} first.`
            : "Rows are blocks, columns are heads."}
        </p>
      </div>
      <HeadsField
        field={frames.field ?? null}
        scores={values && score ? { title: score.title, values } : null}
        layers={layers}
        order={order}
        block={store.get("block")}
        head={store.get("head")}
        onChoose={(block, head) => go({ block, head })}
        theme={theme}
        nameOf={(block, head) => (isModel(model) ? headName(model, block, head) : "")}
        label="All heads"
        height_px={HEIGHT_PX}
        largest_px={largestFor(facts.layers)}
      />
    </div>
  );
}

/** Most height of the thumbnails, and what of it stands around each row. */
const HEIGHT_PX = 420;
const AROUND_PX = 14;

/** Largest side of a thumbnail: with few blocks they have the room to be read. */
export function largestFor(layers: number): number {
  return Math.min(104, Math.max(56, Math.floor((HEIGHT_PX - 30) / Math.max(1, layers)) - AROUND_PX));
}

/** Heads by score; those without one last. */
export function sorted(values: ArrayLike<number>, heads: number, highFirst: boolean): [layer: number, head: number][] {
  const key = (at: number) => {
    const value = values[at] ?? Number.NaN;
    return Number.isNaN(value) ? Number.POSITIVE_INFINITY : highFirst ? -value : value;
  };
  return Array.from({ length: values.length }, (_, at) => at)
    .sort((one, other) => key(one) - key(other) || one - other)
    .map((at) => [Math.floor(at / heads), at % heads]);
}
