import { Button, formatSigned } from "../../../lib";
import type { Explorer } from "../explorer";
import { unitName } from "../names";
import type { Edit } from "../protocol";
import { SignedBar } from "./operand-bars";
import type { Here } from "./reading";

interface Props {
  explorer: Explorer;
  here: Here;
  /** What each hidden unit sends on. */
  post: Float32Array;
  onPick(neuron: number): void;
  onPoint(neuron: number | null): void;
}

const LISTED = 12;

/** The hidden units that send on most; each can be looked into, or switched off. */
export function Neurons({ explorer, here, post, onPick, onPoint }: Props) {
  const edits = explorer.store.get("edits");
  const strongest = listedOf(post, LISTED, (neuron) => edits.some((edit) => isZero(edit, here.block, neuron)));
  const largest = Math.abs(post[strongest[0] ?? 0] ?? 0) || 1;
  return (
    <ol class="attrium-neurons" aria-label="Strongest neurons">
      {strongest.map((neuron) => {
        const off = edits.some((edit) => isZero(edit, here.block, neuron));
        const name = unitName(here.model, here.block, neuron);
        return (
          <li
            key={neuron}
            data-named={name !== ""}
            onPointerEnter={() => onPoint(neuron)}
            onPointerLeave={() => onPoint(null)}
          >
            <button
              type="button"
              class="attrium-follow"
              title={name === "" ? "What made this one" : `${name}: what made this one`}
              onClick={() => onPick(neuron)}
            >
              {`neuron ${neuron}`}
              {name !== "" && <span class="attrium-part-name"> {name}</span>}
            </button>
            <SignedBar value={post[neuron] ?? 0} largest={largest} hue="mlp" />
            <span class="attrium-number">{formatSigned(post[neuron] ?? Number.NaN)}</span>
            <Button
              kind="quiet"
              disabled={explorer.store.unanswered.includes("edits")}
              label={`${off ? "Restore" : "Zero"} neuron ${neuron} of block ${here.block} at all positions`}
              onClick={() =>
                explorer.go({
                  edits: off
                    ? edits.filter((edit) => !isZero(edit, here.block, neuron))
                    : [...edits, zeroOf(here.block, neuron)],
                })
              }
            >
              {off ? "Restore" : "Zero"}
            </Button>
          </li>
        );
      })}
    </ol>
  );
}

/** The intervention that switches one hidden unit off, at all positions. */
export function zeroOf(block: number, neuron: number): Edit {
  return { kind: "zero", part: "neuron", block, neuron, position: null, on: true };
}

function isZero(edit: Edit, block: number, neuron: number): boolean {
  return edit.kind === "zero" && edit.part === "neuron" && edit.block === block && edit.neuron === neuron;
}

/** The strongest units, and after them those that were switched off and so would be missed. */
function listedOf(post: Float32Array, most: number, isOff: (neuron: number) => boolean): number[] {
  const strongest = strongestAt(post, most);
  const off = Array.from({ length: post.length }, (_, neuron) => neuron).filter(isOff);
  return [...strongest.filter((neuron) => !isOff(neuron)), ...off];
}

/** Where the numbers of largest magnitude stand, the largest first. */
export function strongestAt(values: ArrayLike<number>, most: number): number[] {
  return Array.from({ length: values.length }, (_, at) => at)
    .sort((a, b) => Math.abs(values[b] ?? 0) - Math.abs(values[a] ?? 0))
    .slice(0, most);
}
