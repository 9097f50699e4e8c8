import "./panels.css";
import { useState } from "preact/hooks";
import { Button, formatCount, NumberField, Progress, spokenText } from "../../lib";
import type { Explorer } from "./explorer";
import { PromptBox } from "./prompt-box";
import { branchAt, canWrite, cutFrom, isRunning, readsOn, writeOn } from "./prompt-generate";
import { PromptTokens } from "./prompt-tokens";

/** The prompt: its text, its tokens, and writing on. */
export function Prompt({ explorer }: { explorer: Explorer }) {
  const { store } = explorer;
  const hasText = store.get("ids").length > 0 || store.get("run") === 0;
  return (
    <section class="attrium-prompt" aria-label="Prompt" data-tour="prompt">
      {hasText && <PromptBox explorer={explorer} />}
      {store.get("tokens").length > 0 && <PromptTokens explorer={explorer} />}
      {store.get("tokens").length > 0 && (
        <div class="attrium-prompt-foot">
          <Here explorer={explorer} />
          {canWrite(explorer) && <Writing explorer={explorer} />}
        </div>
      )}
    </section>
  );
}

/** The reader's position in words, and what can be done there. */
function Here({ explorer }: { explorer: Explorer }) {
  const { store } = explorer;
  const position = store.get("position");
  const token = store.get("tokens")[position];
  if (!token) return null;
  const edits = store.get("ids").length > 0 && position > 0 && !store.saved;
  return (
    <div class="attrium-prompt-here attrium-number">
      <span>
        <span class="attrium-faint">position {position}</span> <q>{spokenText(token.text)}</q>
        {token.id >= 0 && <span class="attrium-faint"> id {token.id}</span>}
      </span>
      {edits && (
        <>
          <button
            type="button"
            class="attrium-link"
            title="Drop this token and all after it (Delete)"
            onClick={() => cutFrom(explorer, position)}
          >
            cut here
          </button>
          {readsOn(explorer) && (
            <button
              type="button"
              class="attrium-link"
              title="The table of the position before, from which another token can be put here"
              onClick={() => branchAt(explorer, position)}
            >
              branch here
            </button>
          )}
        </>
      )}
    </div>
  );
}

/** Step, run on, stop, take back. */
function Writing({ explorer }: { explorer: Explorer }) {
  const { store, channel } = explorer;
  const [count, setCount] = useState(10);
  const [ids, tokens] = [store.get("ids"), store.get("tokens")];
  const firstMade = tokens.findIndex((token) => token.generated);
  const busy = isRunning(explorer);
  return (
    <fieldset class="attrium-prompt-writing attrium-bare" aria-label="Write on" data-tour="generate">
      {busy && <Running explorer={explorer} />}
      <Button icon="plus" label="Step: draw one token" disabled={busy} onClick={() => writeOn(explorer, 1)}>
        Step
      </Button>
      <Button
        label={`Run ${formatCount(count)}: draw as many tokens`}
        disabled={busy}
        onClick={() => writeOn(explorer, count)}
      >
        Run {formatCount(count)}
      </Button>
      <Button label="Stop what runs" disabled={!busy} onClick={() => channel.cancel()}>
        Stop
      </Button>
      <Button
        kind="quiet"
        icon="left"
        label="Remove the last token"
        disabled={ids.length < 2}
        onClick={() => cutFrom(explorer, ids.length - 1)}
      />
      <Button
        kind="quiet"
        icon="first"
        label="Remove all generated tokens"
        disabled={firstMade < 1}
        onClick={() => cutFrom(explorer, firstMade)}
      />
      <NumberField label="Tokens" whole low={1} high={1000} value={count} onChange={setCount} />
      <NumberField
        label="Seed"
        doc="The same seed, prompt and settings draw the same tokens"
        whole
        low={0}
        value={store.get("seed")}
        onChange={(seed) => store.set("seed", seed)}
      />
    </fieldset>
  );
}

/** What runs and how far it is; the style shows it only if it lasts. */
function Running({ explorer: { store } }: { explorer: Explorer }) {
  const { label, done, total } = store.get("status");
  return (
    <span class="attrium-prompt-running attrium-faint attrium-number" role="status">
      {label || "Running"}
      {total > 1 && ` ${formatCount(Math.min(done + 1, total))} of ${formatCount(total)}`}
      <Progress done={done} total={total} label={label || "Running"} />
    </span>
  );
}
