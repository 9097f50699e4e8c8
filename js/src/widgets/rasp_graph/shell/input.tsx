import { useRef } from "preact/hooks";
import { Button, onKeys, plainText, spokenText } from "../../../lib";
import { type Explorer, useValues } from "../explorer";
import { GlyphButton } from "../../../lib/glyph";

const REMOVE = "\u0000remove";

/** The input, token by token: each is a choice among the vocabulary; and the program's value below. */
export function Input({ explorer }: { explorer: Explorer }) {
  const { store } = explorer;
  const row = useRef<HTMLDivElement>(null);
  // There is no vocabulary before the first program.
  const [tokens, vocabulary, most] = [store.get("tokens"), store.get("vocabulary") ?? [], store.get("max_length")];
  const fixed = store.saved;
  const change = (next: string[]) => {
    store.set("tokens", next);
    explorer.send({ kind: "input", tokens: next });
  };
  const put = (at: number, token: string) =>
    change(
      token === REMOVE ? tokens.filter((_, one) => one !== at) : tokens.map((old, one) => (one === at ? token : old)),
    );
  const focusAt = (at: number) => row.current?.querySelectorAll<HTMLElement>("select")[at]?.focus();
  const add = () => change([...tokens, tokens[tokens.length - 1] ?? vocabulary[0] ?? ""]);
  return (
    <div class="attrium-rasp-input">
      <span class="attrium-label">Input</span>
      <div ref={row} class="attrium-rasp-tokens">
        {tokens.map((token, at) => (
          <TokenChip
            key={at}
            at={at}
            token={token}
            vocabulary={vocabulary}
            fixed={fixed}
            pinned={store.get("position") === at}
            selected={store.get("selection").includes(at)}
            removable={tokens.length > 1}
            onPut={(value) => put(at, value)}
            onStep={(by) => focusAt(at + by)}
          />
        ))}
        {!fixed && (
          <Button
            kind="quiet"
            icon="plus"
            label={tokens.length >= most ? `The longest input has ${most} tokens` : "One token more"}
            disabled={tokens.length >= most || vocabulary.length === 0}
            onClick={add}
          />
        )}
      </div>
      {!fixed && (
        <div class="attrium-rasp-tools">
          <GlyphButton glyph="dice" label="A random input" onClick={() => explorer.send({ kind: "random" })} />
          <Button kind="quiet" onClick={() => explorer.send({ kind: "counterexample" })} label={COUNTER}>
            Find a counter-example
          </Button>
        </div>
      )}
      <Output explorer={explorer} />
    </div>
  );
}

const COUNTER = "Looks for an input where model and interpreter, or the two programs, differ";

interface ChipProps {
  at: number;
  token: string;
  vocabulary: readonly string[];
  fixed: boolean;
  pinned: boolean;
  selected: boolean;
  removable: boolean;
  onPut(token: string): void;
  onStep(by: number): void;
}

/** A token that opens as a list of what may stand here; Delete takes it out, arrows go on to the next. */
function TokenChip({ at, token, vocabulary, fixed, pinned, selected, removable, onPut, onStep }: ChipProps) {
  const shown = spokenText(plainText(token));
  if (fixed)
    return (
      <span class="attrium-rasp-token" data-pinned={pinned} data-selected={selected}>
        {shown}
      </span>
    );
  const keys = onKeys({
    Delete: () => removable && onPut(REMOVE),
    Backspace: () => removable && onPut(REMOVE),
    ArrowLeft: () => onStep(-1),
    ArrowRight: () => onStep(1),
  });
  return (
    <span class="attrium-rasp-token" data-pinned={pinned} data-selected={selected}>
      <span aria-hidden="true">{shown}</span>
      <select
        aria-label={`token ${at}`}
        value={token}
        onChange={(event) => onPut(event.currentTarget.value)}
        onKeyDown={keys}
      >
        {!vocabulary.includes(token) && <option value={token}>{shown}</option>}
        {vocabulary.map((one) => (
          <option key={one} value={one}>
            {spokenText(plainText(one))}
          </option>
        ))}
        {removable && <option value={REMOVE}>take out</option>}
      </select>
    </span>
  );
}

/** What the program gives for the input; with two programs, what both give. */
function Output({ explorer }: { explorer: Explorer }) {
  const { store } = explorer;
  const side = store.get("side");
  const programs = store.get("programs");
  const mine = useValues(explorer);
  const two = programs.length > 1;
  return (
    <div class="attrium-rasp-output">
      {mine.facts?.problem && (
        <p class="attrium-rasp-wrong" role="alert">
          No value: {mine.facts.problem.message}
        </p>
      )}
      {mine.facts && !mine.facts.problem && (
        <Values label={two ? (programs[side] ?? "Output") : "Output"} values={mine.facts.output} against={null} />
      )}
      {mine.facts?.ablated && <Values label="Ablated" values={mine.facts.ablated} against={mine.facts.output} />}
      {two && <Other explorer={explorer} side={1 - side} label={programs[1 - side] ?? ""} mine={mine.facts?.output} />}
    </div>
  );
}

interface OtherProps {
  explorer: Explorer;
  side: number;
  label: string;
  mine: readonly (string | null)[] | undefined;
}

function Other({ explorer, side, label, mine }: OtherProps) {
  const { facts } = useValues(explorer, side);
  if (!facts) return null;
  if (facts.problem) return <p class="attrium-rasp-wrong">{`${label}: no value: ${facts.problem.message}`}</p>;
  return <Values label={label} values={facts.output} against={mine ?? null} />;
}

interface ValuesProps {
  label: string;
  values: readonly (string | null)[];
  /** Values that differ from these are marked. */
  against: readonly (string | null)[] | null;
}

function Values({ label, values, against }: ValuesProps) {
  return (
    <p class="attrium-rasp-values">
      <span class="attrium-label">{label}</span>
      {values.map((value, at) => (
        <span
          key={at}
          class="attrium-rasp-value attrium-number"
          data-absent={value === null}
          data-differs={against !== null && against[at] !== value}
        >
          {value ?? "\u2013"}
        </span>
      ))}
    </p>
  );
}
