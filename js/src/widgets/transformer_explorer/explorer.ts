import type { Signal } from "@preact/signals";
import type { ViewProps } from "../../lib";
import type { NumberRef, Traits } from "./protocol";

/** Where the reader is; what going back undoes. */
export type Place = Pick<
  Traits,
  "block" | "head" | "position" | "view" | "token" | "versus" | "which" | "edits" | "ids"
>;

/** What every part of the view is given. */
export interface Explorer extends ViewProps<Traits> {
  /** Changes where the reader is, remembered for undo. */
  go(change: Partial<Place>): void;
  /** The number under the pointer or the keyboard's cursor. */
  pointed: Signal<NumberRef | null>;
  /** The token under the pointer, shared by all parts. */
  lane: Signal<number | null>;
}
