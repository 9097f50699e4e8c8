import { useMemo, useState } from "preact/hooks";
import { type Frame, Segmented, Toggle, useAnswer } from "../../../lib";
import type { Explorer } from "../explorer";
import type { StreamFacts } from "../protocol";
import { Heading, NoAnswer } from "./asking";
import { HeatLegend, HeatMap, valueWords } from "./heat-map";
import { placeName, type StreamShows, streamPicture, writtenAt } from "./stream-data";

/** The residual stream: labelled dimensions down, positions across, one block for each half-layer. */
export function StreamPanel({ explorer }: { explorer: Explorer }) {
  const { store, channel } = explorer;
  const answer = useAnswer<StreamFacts>(channel, "stream", { side: store.get("side") }, store.get("run"));
  const { facts, frames, error, waiting } = answer;
  const frame = frames.stream;
  if (!facts || !frame) return <NoAnswer error={error}>Reading the residual stream</NoAnswer>;
  return (
    <div class="attrium-panel-body" aria-busy={waiting}>
      <Stream explorer={explorer} facts={facts} frame={frame} />
    </div>
  );
}

type Extent = "all" | "one";

/** With more, half-layers are shown one at a time unless asked for. */
const MANY_COLUMNS = 80;

function Stream({ explorer, facts, frame }: { explorer: Explorer; facts: StreamFacts; frame: Frame }) {
  const { store } = explorer;
  const [shows, setShows] = useState<StreamShows>("stream");
  const [extent, setExtent] = useState<Extent>(
    facts.places.length * facts.positions.length > MANY_COLUMNS ? "one" : "all",
  );
  const [own, setOwn] = useState(false);
  const node = store.get("node");
  const last = facts.places.length - 1;
  const step = store.get("step");
  const current = step < 0 || step > last ? last : step;
  const hasOwn = facts.dimensions.some((dimension) => dimension.node === node);
  const only = own && hasOwn ? node : "";
  const picture = useMemo(() => {
    const places = extent === "one" ? [current] : facts.places.map((_, place) => place);
    return streamPicture(facts, frame, { shows, places, nodes: only === "" ? null : new Set([only]) });
  }, [facts, frame, shows, extent, extent === "one" ? current : 0, only]);
  const written = useMemo(() => writtenAt(facts, frame, current), [facts, frame, current]);
  const marked = useMemo(() => new Set([node]), [node]);
  const words = (row: number, column: number) => {
    const [place, position] = picture.placeOf(column);
    const change = shows === "written" && place > 0 ? "change by" : "after";
    return [
      valueWords(picture.value(row, column)),
      picture.rows[row] ?? "",
      `${positionWords(facts, position, store.get("tokens").length)}, ${change} ${placeName(facts.places[place] ?? "")}`,
    ];
  };
  return (
    <>
      <div class="attrium-stream-controls">
        <Segmented<StreamShows>
          label="Numbers"
          options={[
            { value: "stream", label: "Stream", doc: "What the stream holds after each half-layer" },
            { value: "written", label: "Written", doc: "What each half-layer added" },
          ]}
          value={shows}
          onChange={setShows}
        />
        <Segmented<Extent>
          label="Half-layers"
          options={[
            { value: "all", label: "All half-layers" },
            { value: "one", label: "One" },
          ]}
          value={extent}
          onChange={setExtent}
        />
        {hasOwn && <Toggle label={`Only ${node}`} value={own} onChange={setOwn} />}
      </div>
      {extent === "one" && <Steps explorer={explorer} facts={facts} current={current} />}
      <HeatMap
        label={`Residual stream, ${picture.rows.length} dimensions`}
        rows={picture.rows}
        columns={picture.columns}
        rowGroups={picture.rowGroups}
        columnGroups={picture.columnGroups}
        value={picture.value}
        endOf={picture.endOf}
        marked={marked}
        markedColumns={extent === "one" ? 0 : current}
        theme={explorer.theme}
        height_px={560}
        words={words}
        onPick={(row) => explorer.choose(facts.dimensions[picture.dimensions[row] ?? -1]?.node ?? "")}
        onPickGroup={(label) => explorer.choose(label)}
        announce={explorer.announce}
      />
      <HeatLegend
        end={null}
        theme={explorer.theme}
        note="Of each node's numbers, and of its one-hot, the colours end at the largest magnitude. Grey is exactly zero."
      />
      <p class="attrium-stream-written">
        <strong>{placeName(facts.places[current] ?? "")}</strong>{" "}
        {written.length === 0 ? "writes nothing." : current === 0 ? "holds " : "writes "}
        {written.map((label) => (
          <button key={label} type="button" class="attrium-node-link" onClick={() => explorer.choose(label)}>
            {label}
          </button>
        ))}
      </p>
    </>
  );
}

/** Positions of the model begin with its BOS; those of the program with its first token. */
function positionWords({ positions }: StreamFacts, at: number, tokens: number): string {
  const own = at - (positions.length - tokens);
  return own < 0 ? `at ${positions[at]}` : `at ${own} \u201c${positions[at]}\u201d`;
}

/** Steps through the half-layers, as the graph's stepper does. */
function Steps({ explorer, facts, current }: { explorer: Explorer; facts: StreamFacts; current: number }) {
  const options = facts.places.map((label, place) => ({ value: String(place), label: placeName(label) }));
  return (
    <>
      <Heading title={`After ${placeName(facts.places[current] ?? "")}`} />
      <Segmented
        label="After"
        options={options}
        value={String(current)}
        onChange={(value) => explorer.store.set("step", Number(value))}
      />
    </>
  );
}
