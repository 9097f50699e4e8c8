import { useSignal } from "@preact/signals";
import { Segmented } from "../../../lib";
import type { Explorer } from "../explorer";
import { headWords } from "../names";
import type { FlowFacts } from "../protocol";
import { largestAt } from "./bins";
import { Explained } from "./explained";
import { attentionInput, inBlock, keyHeadOf, numberOf, only, sharingHeads, type Vectors, windowAround } from "./places";
import { Product } from "./product";
import { type Here, useVectors } from "./reading";
import { LETTERS, type Letter, vectorsOf } from "./projections";
import { RotaryTurn } from "./rotary-turn";

const LANES = 7;

/** How queries, keys and values of one head come from the stream. */
export function QkvView({ explorer, here, facts }: { explorer: Explorer; here: Here; facts: FlowFacts | null }) {
  const letter = useSignal<Letter>("q");
  const { block, head, model, position, which } = here;
  const made = vectorsOf(letter.value, here, facts);
  const own = made.fixed[0] ?? 0;
  const capital = letter.value.toUpperCase();
  const input: Vectors = {
    name: inBlock(facts, block, attentionInput(facts, model)),
    symbol: "x",
    role: "residual",
    fixed: [],
    length: model.d_model,
  };
  const weight = {
    tensor: `weights/W_${capital}/${block}`,
    symbol: `W_${capital}`,
    fixed: [own],
    bias: { tensor: `weights/b_${capital}/${block}`, symbol: `b_${capital}` },
  };
  const { read } = useVectors(explorer, made, only(position));
  const largest = read ? largestAt(read.values) : -1;
  const rows = windowAround(position, here.tokens.length, LANES);
  return (
    <>
      <Explained
        explorer={explorer}
        title={`${LETTERS.find(({ value }) => value === letter.value)?.label}, block ${block}, ${headWords(model, block, head)}`}
        tools={
          <Segmented
            label="Which projection"
            options={LETTERS}
            value={letter.value}
            onChange={(next) => {
              letter.value = next;
            }}
          />
        }
        lead={lead(here, letter.value)}
        fallback={largest < 0 ? null : numberOf(made, position, largest, which)}
      >
        {(telling) => (
          <Product key={letter.value} {...{ explorer, here, telling, input, weight, rows }} output={made} />
        )}
      </Explained>
      {model.rotary && letter.value !== "v" && <RotaryTurn {...{ explorer, here, facts }} letter={letter.value} />}
    </>
  );
}

/** What is to be seen; with grouped-query attention also who shares the key head. */
export function lead({ head, model, block }: Here, letter: Letter): string {
  const norm =
    model.form === "post-norm" || !model.norms.attention ? "the stream" : `the output of ${model.norms.attention}`;
  const read = `x is ${norm} that attention of block ${block} reads; the marked row is this position.`;
  const sharing = sharingHeads(head, model);
  if (letter === "q" || sharing.length === 1) return read;
  const own = keyHeadOf(head, model);
  return `${read} Query heads ${listed(sharing)} share key and value head ${own} (grouped-query attention).`;
}

/** "0, 1 and 2" */
function listed(numbers: readonly number[]): string {
  const words = numbers.map(String);
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words[words.length - 1]}`;
}
