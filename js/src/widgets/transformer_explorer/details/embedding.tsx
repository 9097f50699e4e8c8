import { Fragment } from "preact";
import { spokenText } from "../../../lib";
import type { Explorer } from "../explorer";
import type { FlowFacts, TokenFacts } from "../protocol";
import { Equation, Missing, Operator } from "./equation";
import { Explained, type Telling } from "./explained";
import { useLargest } from "./output";
import { inBlock, inStack, numberOf, type Vectors, windowAround } from "./places";
import { RowNames } from "./product";
import { type Here, useVectors } from "./reading";
import { RotaryTurn } from "./rotary-turn";
import { sumMiss } from "./sum-table";
import { TermStripes } from "./term-stripes";

const LANES = 9;

interface Props {
  explorer: Explorer;
  here: Here;
  facts: FlowFacts | null;
}

/** From text to tokens, and from tokens to the vectors that the first block reads. */
export function EmbeddingView(props: Props) {
  const { explorer, here, facts } = props;
  return (
    <>
      <Explained explorer={explorer} title="The text in tokens">
        {() => <TokenList {...props} />}
      </Explained>
      <Explained
        explorer={explorer}
        title={here.model.learned_positions ? "Token plus position" : "Each token's vector"}
        lead={embeddingLead(here)}
        fallback={useLargest(explorer, here, streamOf(here, facts))}
      >
        {(telling) => <EmbeddingSum {...props} telling={telling} />}
      </Explained>
      {here.model.rotary && <RotaryTurn {...props} letter="q" />}
    </>
  );
}

/** Tokens around the position: text, number in the vocabulary, place in the text. */
function TokenList({ explorer, here }: Props) {
  const [start, stop] = windowAround(here.position, here.tokens.length, 4 * LANES);
  return (
    <>
      {start > 0 && <p class="attrium-lead">{`Tokens ${start} to ${stop - 1} of ${here.tokens.length}.`}</p>}
      <ol class="attrium-token-cards" start={start}>
        {here.tokens.slice(start, stop).map((token, at) => (
          <li key={start + at}>
            <button
              type="button"
              class="attrium-token-card"
              aria-pressed={start + at === here.position}
              data-special={token.special}
              onClick={() => explorer.go({ position: start + at })}
              onPointerEnter={() => {
                explorer.lane.value = start + at;
              }}
              onPointerLeave={() => {
                explorer.lane.value = null;
              }}
            >
              <b>{spokenText(token.text)}</b>
              <span class="attrium-number">{tokenWords(token)}</span>
              <span class="attrium-number attrium-faint">{spanWords(token)}</span>
            </button>
          </li>
        ))}
      </ol>
    </>
  );
}

export function tokenWords({ id }: TokenFacts): string {
  return id < 0 ? "no id" : `id ${id}`;
}

export function spanWords({ span, special, generated }: TokenFacts): string {
  if (span) return span[1] - span[0] === 1 ? `character ${span[0]}` : `characters ${span[0]}\u2013${span[1] - 1}`;
  if (special) return "special";
  return generated ? "generated" : "no place in the text";
}

function EmbeddingSum({ explorer, here, facts, telling }: Props & { telling: Telling }) {
  const rows = windowAround(here.position, here.tokens.length, LANES);
  const stream = streamOf(here, facts);
  const token: Vectors = { ...stream, name: inStack(facts, "embed"), symbol: "token embedding" };
  const place: Vectors = { ...stream, name: inStack(facts, "pos_embed"), symbol: "position embedding" };
  const tokens = useVectors(explorer, token, rows);
  const places = useVectors(explorer, here.model.learned_positions ? place : null, rows);
  const sums = useVectors(explorer, stream, rows);
  const error = tokens.error ?? places.error ?? sums.error;
  if (error !== null) return <Missing>{error}</Missing>;
  const terms = [tokens.read, places.read, sums.read].filter((read) => read !== null);
  const lit = { position: telling.pointed?.index[0] ?? null, index: telling.pointed?.index.at(-1) ?? null };
  const miss = sums.read && tokens.read ? sumMiss(terms.map(({ values }) => values)) : 0;
  return (
    <>
      <Equation label="Embeddings">
        {(width_px) => {
          const room = (width_px - 76 - 34 * terms.length) / Math.max(1, terms.length);
          return (
            <>
              <RowNames here={here} rows={sums.read?.rows ?? rows} lit={lit.position} />
              {terms.map((read, at) => (
                <Fragment key={read.vectors.name}>
                  {at > 0 && <Operator>{at === terms.length - 1 ? (miss < 1e-3 ? "=" : "\u2192") : "+"}</Operator>}
                  <TermStripes
                    {...{ explorer, here, read, lit }}
                    width_px={room}
                    onPoint={(to) => telling.point(to && numberOf(read.vectors, to.position, to.index, here.which))}
                    onPick={(to) => telling.pick(numberOf(read.vectors, to.position, to.index, here.which))}
                  />
                </Fragment>
              ))}
            </>
          );
        }}
      </Equation>
      {miss >= 1e-3 && (
        <p class="attrium-lead">
          The stream of the first block is not just this sum: the model changes it once more (a norm, a factor or a
          third embedding) before its first block.
        </p>
      )}
    </>
  );
}

function streamOf({ model, block }: Here, facts: FlowFacts | null): Vectors {
  const first = inBlock(facts, block, "resid_pre").replace(/blocks\.\d+/, "blocks.0");
  return { name: first, symbol: "stream into block 0", role: "residual", fixed: [], length: model.d_model };
}

function embeddingLead({ model }: Here): string {
  const table = `Each id picks one row of W_E, a table of ${model.vocab} rows of ${model.d_model} numbers.`;
  if (model.learned_positions) return `${table} Each position picks a row of a second table; the two are added.`;
  return model.rotary ? `${table} Where a token stands is told later: see below.` : table;
}
