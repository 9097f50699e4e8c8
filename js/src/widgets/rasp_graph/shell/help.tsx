import { KeySheet } from "../../../lib/key-sheet";

const KEYS: readonly [keys: string, does: string][] = [
  ["\u2191 \u2193", "to what a node is made from, to what it goes into"],
  ["\u2190 \u2192", "node before, node after in the row"],
  [", .", "position before, position after"],
  ["Enter", "only what leads to and from this node, and back"],
  ["[ ]", "half-layer back, half-layer on"],
  ["P", "run half-layer by half-layer"],
  ["+ \u2212 0", "closer, farther, all of it"],
  ["/", "find a node"],
  ["Escape", "lets go of cell, position, focus and node, one by one"],
  ["?", "this list"],
];

/** All keys, and what the pointer does. */
export function Help({ onClose }: { onClose(): void }) {
  return (
    <KeySheet class="attrium-rasp-help" label="Help" keys={KEYS} onClose={onClose}>
      Point at a value for the values that it was made of, at a cell of a selector for its key and query; a click pins
      it. Drag to move, Ctrl and the wheel to zoom; a double click shows only what leads to and from a node. A red line
      under a value: the model holds another. A dash: absent.
    </KeySheet>
  );
}
