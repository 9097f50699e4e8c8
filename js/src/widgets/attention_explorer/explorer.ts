import { type Signal, useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import {
  type HeadRef,
  type MatrixCell,
  type MatrixColors,
  plainText,
  selectUnit,
  type Selecting,
  spokenText,
  type Store,
  type Unit,
  type ViewProps,
} from "../../lib";
import { absence } from "./words";
import type { KindFacts, Measure, Scale, Traits } from "./protocol";

/** What is on show, worked out from the traits. */
export interface Shown {
  kind: KindFacts;
  /** Heads of each layer, for the measure: one where it puts them together. */
  heads: readonly number[];
  layer: number;
  /** Along the tensor's first axis. */
  head: number;
  measure: Measure;
  scale: Scale;
  /** Whether one run is subtracted from another. */
  isDifference: boolean;
  colors: MatrixColors;
  /** Queries and keys as a reader sees them. */
  rows: readonly string[];
  columns: readonly string[];
  /** What a head is called; empty for none. */
  nameOf(layer: number, head: number): string;
  /** What a cell without a value is. */
  absent: string;
  /** Counts the changes of data. */
  version: number;
}

/** What every part of the view is given. */
export interface Explorer extends ViewProps<Traits> {
  shown: Shown;
  /** The cell under the pointer or the keyboard's cursor, in all parts. */
  cell: Signal<MatrixCell | null>;
  choose(layer: number, head: number): void;
  /** Draws a head together with others, or no longer. */
  toggleHead(layer: number, head: number): void;
  pin(query: number, key: number): void;
  /** Drops the pinned cell, then the selection; false when there was nothing to drop. */
  clear(): boolean;
  select(query: number, how: Selecting): void;
}

/** Whether a measure puts all heads of a layer together. */
export function isJoint(measure: Measure): boolean {
  return measure === "rollout" || measure === "flow";
}

/** The name of a layer's tensor, (head, query, key). */
export function tensorName(store: Store<Traits>, shown: Shown, layer: number, scale: Scale = shown.scale): string {
  const [run, minus] = [store.get("shown"), store.get("minus")];
  const runs = shown.isDifference ? `${run}-${minus}` : `${run}`;
  return `attention/${runs}/${shown.kind.name}/${layer}/${shown.measure}/${scale}`;
}

const NO_TOKENS: readonly string[] = [];

/** The traits as what is on show; null while there are no data. */
export function useShown(store: Store<Traits>): Shown | null {
  const kinds = store.get("kinds");
  const kind = kinds.find(({ name }) => name === store.get("kind")) ?? kinds[0] ?? null;
  const runs = store.get("runs");
  const run = runs[store.get("shown")];
  const [queries, keys] = [run?.queries[kind?.name ?? ""] ?? NO_TOKENS, run?.keys[kind?.name ?? ""] ?? NO_TOKENS];
  const rows = useMemo(() => queries.map(readable), [queries]);
  const columns = useMemo(() => (keys === queries ? rows : keys.map(readable)), [keys, queries, rows]);
  const names = run?.heads?.[kind?.name ?? ""];
  const nameOf = useMemo(
    () => (layer: number, head: number) => {
      const name = names?.[kind?.layers.indexOf(layer) ?? -1]?.[head];
      return typeof name === "string" && name !== "" ? readable(name) : "";
    },
    [names, kind],
  );
  const measure = store.get("measure");
  const heads = useMemo(
    () => (isJoint(measure) ? (kind?.layers ?? []).map(() => 1) : (kind?.heads ?? [])),
    [kind, measure],
  );
  const minus = store.get("minus");
  const isDifference = minus >= 0 && minus < runs.length && minus !== store.get("shown");
  const scale = isDifference ? "linear" : store.get("scale");
  if (!kind || !run || rows.length === 0) return null;
  const at = Math.max(0, kind.layers.indexOf(store.get("layer")));
  return {
    kind,
    heads,
    layer: kind.layers[at] ?? 0,
    head: Math.min(Math.max(0, store.get("head")), (heads[at] ?? 1) - 1),
    measure,
    scale,
    isDifference,
    colors: colorsOf(measure, scale, isDifference),
    rows,
    columns,
    nameOf: isJoint(measure) ? unnamed : nameOf,
    absent: absence(measure, scale, isDifference),
    version: store.get("run"),
  };
}

function unnamed(): string {
  return "";
}

/** "head 2 earlier", or "head 2" where it has no name. */
export function headWords({ nameOf }: Pick<Shown, "nameOf">, layer: number, head: number): string {
  const name = nameOf(layer, head);
  return name === "" ? `head ${head}` : `head ${head} ${name}`;
}

function readable(token: string): string {
  return spokenText(plainText(token));
}

function colorsOf(measure: Measure, scale: Scale, isDifference: boolean): MatrixColors {
  if (scale === "rank") return "rank";
  return isDifference || measure === "scores" ? "signed" : "attention";
}

/** What the parts do to the traits. */
export function useExplorer(props: ViewProps<Traits>, shown: Shown): Explorer {
  const { store, announce } = props;
  const cell = useSignal<MatrixCell | null>(null);
  const anchor = useSignal(0);
  return {
    ...props,
    shown,
    cell,
    choose: (layer, head) => {
      store.set("layer", layer);
      if (!isJoint(shown.measure)) store.set("head", head);
      announce(isJoint(shown.measure) ? `layer ${layer}` : `layer ${layer}, ${headWords(shown, layer, head)}`);
    },
    toggleHead: (layer, head) => store.set("heads_on", toggled(store.get("heads_on"), shown, [layer, head])),
    pin: (query, key) => {
      const now = store.get("cell");
      store.set("cell", now?.[0] === query && now[1] === key ? null : [query, key]);
    },
    clear: () => {
      if (store.get("cell") !== null) store.set("cell", null);
      else if (store.get("selection").length > 0) store.set("selection", []);
      else return false;
      return true;
    },
    select: (query, how) => {
      if (how !== "extend") anchor.value = query;
      store.set(
        "selection",
        selectUnit(unitsUpTo(shown.rows.length), store.get("selection"), query, how, anchor.value),
      );
    },
  };
}

/** Heads that are on after one more was put in or taken out; the current one comes first where it was alone. */
export function toggled(
  on: readonly HeadRef[],
  shown: Pick<Shown, "layer" | "head">,
  head: HeadRef,
): [number, number][] {
  const now = on.length > 0 ? on : [[shown.layer, shown.head] as const];
  const without = now.filter(([layer, number]) => layer !== head[0] || number !== head[1]);
  const next = without.length < now.length ? without : [...now, head];
  return next.map(([layer, number]) => [layer, number]);
}

/** One unit per position, as the selection by clicks wants them. */
function unitsUpTo(count: number): Unit[] {
  return Array.from({ length: count }, (_, at) => ({ text: "", tokens: [at], special: false }));
}

/** The head that is `by` further in its layer, and around its ends into the next layer. */
export function neighbourHead({ kind, heads, layer, head }: Shown, by: number): HeadRef {
  const all = kind.layers.flatMap((number, row) =>
    Array.from({ length: heads[row] ?? 0 }, (_, at) => [number, at] as const),
  );
  const at = all.findIndex(([number, one]) => number === layer && one === head);
  return all[(at + by + all.length) % all.length] ?? [layer, head];
}

/** The same head in the layer that is `by` further; stays at the ends. */
export function neighbourLayer({ kind, heads, layer, head }: Shown, by: number): HeadRef {
  const at = Math.min(kind.layers.length - 1, Math.max(0, kind.layers.indexOf(layer) + by));
  return [kind.layers[at] ?? layer, Math.min(head, (heads[at] ?? 1) - 1)];
}
