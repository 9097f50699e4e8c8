/** The residual stream at every half-layer, as it is and as each half-layer changed it. */
import { type Frame, valuesOf } from "../../../lib";
import type { StreamFacts } from "../protocol";
import { type Group, groupsOf } from "./heat-map-layout";

export type StreamShows = "stream" | "written";

export interface StreamPicture {
  /** Dimensions on show, as indices of the stream's. */
  dimensions: number[];
  rows: string[];
  rowGroups: Group[];
  columns: string[];
  columnGroups: Group[];
  /** Half-layer and position of a column. */
  placeOf(column: number): readonly [place: number, position: number];
  value(row: number, column: number): number;
  /** Where the colours of a row's node end. */
  endOf(row: number): number;
}

interface Choice {
  shows: StreamShows;
  /** Half-layers to draw, in order. */
  places: readonly number[];
  /** Nodes whose dimensions are drawn; null for all. */
  nodes: ReadonlySet<string> | null;
}

/** The stream as rows of dimensions, and for each half-layer a block of columns, one for each position. */
export function streamPicture(facts: StreamFacts, frame: Frame, { shows, places, nodes }: Choice): StreamPicture {
  const values = valuesOf(frame);
  const [, positions, width] = [facts.places.length, facts.positions.length, facts.dimensions.length];
  const dimensions = facts.dimensions.flatMap(({ node }, at) => (!nodes || nodes.has(node) ? [at] : []));
  const at = (place: number, position: number, dimension: number) =>
    values[(place * positions + position) * width + dimension] ?? 0;
  const read = (place: number, position: number, dimension: number) =>
    at(place, position, dimension) - (shows === "written" && place > 0 ? at(place - 1, position, dimension) : 0);
  const nodeNames = dimensions.map((dimension) => facts.dimensions[dimension]?.node ?? "");
  const ends = endsByKind(facts, values);
  const kinds = kindsOf(facts);
  const placeOf = (column: number) => {
    const block = Math.floor(column / positions);
    return [places[block] ?? 0, column - block * positions] as const;
  };
  return {
    dimensions,
    rows: dimensions.map((dimension) => facts.dimensions[dimension]?.label ?? ""),
    rowGroups: groupsOf(nodeNames),
    columns: places.flatMap(() => facts.positions),
    columnGroups: places.map((place, block) => ({
      label: shortPlace(facts.places[place] ?? ""),
      start: block * positions,
      stop: (block + 1) * positions,
    })),
    placeOf,
    value: (row, column) => read(...placeOf(column), dimensions[row] ?? 0),
    endOf: (row) => ends.get(kinds[dimensions[row] ?? -1] ?? "") || 1,
  };
}

/** What a dimension is coloured with: the others of its node's one-hot, or alone if it is the node's number. */
function kindsOf({ dimensions }: StreamFacts): string[] {
  return dimensions.map(({ label, node }) => (label === node ? `number ${node}` : `values ${node}`));
}

/** The largest magnitude among the dimensions of each kind, over all half-layers and positions. */
function endsByKind(facts: StreamFacts, values: Float32Array): Map<string, number> {
  const ends = new Map<string, number>();
  const kinds = kindsOf(facts);
  values.forEach((value, index) => {
    const kind = kinds[index % kinds.length] ?? "";
    const size = Number.isFinite(value) ? Math.abs(value) : 0;
    if (size > (ends.get(kind) ?? 0)) ends.set(kind, size);
  });
  return ends;
}

/** Nodes whose dimensions a half-layer changed. */
export function writtenAt(facts: StreamFacts, frame: Frame, place: number): string[] {
  const picture = streamPicture(facts, frame, { shows: "written", places: [place], nodes: null });
  const written = new Set<string>();
  picture.rowGroups.forEach(({ label, start, stop }) => {
    for (let row = start; row < stop && !written.has(label); row++) {
      for (let column = 0; column < facts.positions.length; column++) {
        if (Math.abs(picture.value(row, column)) > TINY) written.add(label);
      }
    }
  });
  return [...written];
}

/** "0.mlp" as a reader has it: "layer 0, MLP". */
export function placeName(place: string): string {
  const [, layer, half] = /^(\d+)\.(\w+)$/.exec(place) ?? [];
  return layer === undefined ? place : `layer ${layer}, ${half === "mlp" ? "MLP" : half}`;
}

/** The same in few letters: "MLP 0". */
function shortPlace(place: string): string {
  const [, layer, half] = /^(\d+)\.(\w+)$/.exec(place) ?? [];
  return layer === undefined ? place : `${half === "mlp" ? "MLP" : half} ${layer}`;
}

/** What rounding leaves behind is no change. */
const TINY = 1e-3;
