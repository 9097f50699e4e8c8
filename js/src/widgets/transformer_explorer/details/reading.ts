/** What the details read off the explorer: where the reader is, and vectors of the trace. */
import { useMemo } from "preact/hooks";
import { type Range, useAnswer, valuesOf } from "../../../lib";
import type { Explorer } from "../explorer";
import type { FlowFacts, ModelFacts, TokenFacts, Traits, Which } from "../protocol";
import { regionOf, tensorOf, type Vectors } from "./places";
import { useView } from "./use-view";

export interface Here {
  model: ModelFacts;
  tokens: TokenFacts[];
  block: number;
  head: number;
  position: number;
  which: Which;
  run: number;
}

/** Where the reader is; null while there is no run to look at. */
export function useHere({ store }: Explorer): Here | null {
  const model = store.get("model");
  const tokens = store.get("tokens");
  if (!isKnown(model) || tokens.length === 0) return null;
  const within = (at: number, count: number) => Math.min(Math.max(0, at), Math.max(0, count - 1));
  return {
    model,
    tokens,
    block: within(store.get("block"), model.blocks),
    head: within(store.get("head"), model.heads),
    position: within(store.get("position"), tokens.length),
    which: store.get("which"),
    run: store.get("run"),
  };
}

function isKnown(model: Traits["model"]): model is ModelFacts {
  return "blocks" in model;
}

/** The stages of the block on show; null until they are known. */
export function useStages(explorer: Explorer, { block, which, run }: Here): FlowFacts | null {
  const { facts } = useAnswer<FlowFacts>(explorer.channel, "flow", { block, which }, run);
  return facts?.block === block ? facts : null;
}

export interface Rows {
  vectors: Vectors;
  /** Row-major. */
  values: Float32Array;
  /** Positions that the rows are of. */
  rows: Range;
}

export interface ReadRows {
  /** Null until the first; those before while the next are under way. */
  read: Rows | null;
  error: string | null;
}

/** Some vectors of the trace as they are, not pooled. Null reads nothing. */
export function useVectors(explorer: Explorer, vectors: Vectors | null, rows: Range): ReadRows {
  const which = explorer.store.get("which");
  const view = vectors && {
    tensor: tensorOf(which, vectors.name),
    index: regionOf(vectors, rows),
    pixels: [rows[1] - rows[0], vectors.length] as [number, number],
  };
  const { frame, view: shown, error } = useView(explorer.channel, view, explorer.store.get("run"));
  const read = useMemo((): Rows | null => {
    if (!frame || !shown || !vectors) return null;
    const positions = shown.index?.[0] ?? rows;
    return { vectors, values: valuesOf(frame), rows: positions };
  }, [frame, shown, vectors?.name, vectors?.fixed.join()]);
  return { read, error };
}
