import { formatNumber, formatSigned, spokenText } from "../../lib";
import { divergence } from "./edits-draft";
import type { Explorer } from "./explorer";
import { type Distribution, percentText, useDistribution } from "./probabilities-data";
import { modelProbability } from "./sampler";

/** What the edits did to the next token at the reader's position: before, after, and how far apart the two are. */
export function EditsChange({ explorer }: { explorer: Explorer }) {
  const after = useDistribution(explorer, "run");
  const before = useDistribution(explorer, "base");
  const error = after.error ?? before.error;
  if (error !== null) return <p class="attrium-edits-change attrium-faint">{error}</p>;
  if (!after.distribution || !before.distribution) return null;
  return (
    <Change
      explorer={explorer}
      before={before.distribution}
      after={after.distribution}
      waiting={after.waiting || before.waiting}
    />
  );
}

interface ChangeProps {
  explorer: Explorer;
  before: Distribution;
  after: Distribution;
  waiting: boolean;
}

function Change({ explorer, before, after, waiting }: ChangeProps) {
  const [first, now] = [before.drawn.order[0] ?? 0, after.drawn.order[0] ?? 0];
  const followed = explorer.store.get("token") ?? first;
  const place = before.facts.kind === "class" ? "" : ` at position ${before.facts.position}`;
  return (
    <div class="attrium-edits-change attrium-number" aria-busy={waiting} role="status">
      <div>
        <small>Likeliest{place}</small>
        <Token of={before} id={first} /> <Arrow /> <Token of={after} id={now} changed={first !== now} />
      </div>
      <div>
        <small>
          <q>{nameOf(before, after, followed)}</q>
        </small>
        <Shift from={modelProbability(before.ranked, followed)} to={modelProbability(after.ranked, followed)} />
        <span class="attrium-faint">
          logit {formatSigned((after.ranked.logits[followed] ?? 0) - (before.ranked.logits[followed] ?? 0), 3)}
        </span>
      </div>
      <div title="Kullback-Leibler divergence of the model's distribution with the edits from the one without, over the whole vocabulary">
        <small>KL</small>
        {formatNumber(divergence(before.ranked.logits, after.ranked.logits), 3)} nats
      </div>
    </div>
  );
}

function nameOf(before: Distribution, after: Distribution, id: number): string {
  return spokenText(before.texts.get(id) ?? after.texts.get(id) ?? `#${id}`);
}

function Token({ of, id, changed = false }: { of: Distribution; id: number; changed?: boolean }) {
  return (
    <span class="attrium-edits-token" data-changed={changed}>
      <b>{spokenText(of.texts.get(id) ?? `#${id}`)}</b> {percentText(modelProbability(of.ranked, id))}
    </span>
  );
}

function Shift({ from, to }: { from: number; to: number }) {
  return (
    <span>
      {percentText(from)} <Arrow /> {percentText(to)}
    </span>
  );
}

function Arrow() {
  return (
    <span class="attrium-faint">
      <span aria-hidden="true">{"\u2192"}</span>
      <span class="attrium-spoken">to</span>
    </span>
  );
}
