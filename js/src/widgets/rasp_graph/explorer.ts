import { type Signal, useSignal } from "@preact/signals";
import { type Answered, useAnswer, type ViewProps } from "../../lib";
import type { GraphFacts, Language, NodeFacts, Traits, ValuesFacts } from "./protocol";

/** What Python is told, beyond traits that change. */
export type Message =
  | { kind: "input"; tokens: string[] }
  | { kind: "random" }
  | { kind: "counterexample" }
  | { kind: "edit"; code: string; language: Language }
  | { kind: "load"; name: string }
  | { kind: "check"; count: number }
  | { kind: "compress"; width: number; steps: number }
  | { kind: "compile" };

/** A place in the program: a node, one of its values, or one cell of a selector. */
export interface Place {
  node: string;
  /** -1 for the node as a whole. */
  position: number;
  /** Of a selector. */
  cell: readonly [query: number, key: number] | null;
}

/** What every part of the view is given. */
export interface Explorer extends ViewProps<Traits> {
  /** What is under the pointer or the keyboard's cursor, in all parts. */
  pointed: Signal<Place | null>;
  send(message: Message): void;
  /** Selects a node; the empty label selects none. */
  choose(node: string): void;
  /** Pins a position, or lets go of the one that is pinned; linked widgets select its token too. */
  pin(position: number): void;
  /** Pins a position, -1 for none. */
  pinAt(position: number): void;
  /** Pins a cell of a selector and selects it, or lets go of the cell. */
  pinCell(node: string, query: number, key: number): void;
  /** Says what is under the pointer; null for nothing. */
  point(place: Place | null): void;
  /** Lets go of the cell, the position, the focus, then the node; false when there was nothing. */
  clear(): boolean;
}

/** What the parts do to the traits. */
export function useExplorer(props: ViewProps<Traits>): Explorer {
  const { store, channel, announce } = props;
  const pointed = useSignal<Place | null>(null);
  const choose = (node: string) => {
    if (node !== store.get("node")) store.set("cell", null);
    store.set("node", node);
    announce(node === "" ? "no node selected" : node);
  };
  const pinAt = (position: number) => {
    store.set("position", position);
    store.set("selection", position < 0 ? [] : [position]);
  };
  return {
    ...props,
    pointed,
    choose,
    send: (message) => {
      // What was just set belongs to what is asked for.
      store.flush();
      channel.tell(message);
    },
    pin: (position) => pinAt(store.get("position") === position ? -1 : position),
    pinAt,
    pinCell: (node, query, key) => {
      const now = store.get("cell");
      const same = store.get("node") === node && now?.[0] === query && now[1] === key;
      choose(node);
      store.set("cell", same ? null : [query, key]);
    },
    point: (place) => {
      if (!samePlace(pointed.peek(), place)) pointed.value = place;
    },
    clear: () => {
      if (store.get("cell") !== null) store.set("cell", null);
      else if (store.get("position") >= 0 || store.get("selection").length > 0) pinAt(-1);
      else if (store.get("focus") !== "") store.set("focus", "");
      else if (store.get("node") !== "") choose("");
      else return false;
      return true;
    },
  };
}

export function samePlace(one: Place | null, other: Place | null): boolean {
  if (one === null || other === null) return one === other;
  const cells = one.cell?.[0] === other.cell?.[0] && one.cell?.[1] === other.cell?.[1];
  return one.node === other.node && one.position === other.position && cells;
}

/** The program on show: its nodes, layers and size. */
export function useGraph({ store, channel }: Explorer, side = store.get("side")): Answered<GraphFacts> {
  return useAnswer<GraphFacts>(channel, "graph", { side }, store.get("version"));
}

/** The values of all nodes for the input on show. */
export function useValues({ store, channel }: Explorer, side = store.get("side")): Answered<ValuesFacts> {
  return useAnswer<ValuesFacts>(channel, "values", { side }, store.get("run"));
}

/** The facts of one node; null if there is none of that label. */
export function nodeOf(graph: GraphFacts | null, label: string): NodeFacts | null {
  return graph?.nodes.find((node) => node.label === label) ?? null;
}
