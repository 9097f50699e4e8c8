import "./panels.css";
import { useSignal } from "@preact/signals";
import { Button, formatCount, formatPercent, spokenText } from "../../lib";
import type { Explorer } from "./explorer";
import { SamplerControls } from "./probabilities-controls";
import { type Distribution, listedIds, useDistribution } from "./probabilities-data";
import { FormulaCard } from "./probabilities-formula";
import { ListHead, ProbabilityList } from "./probabilities-list";
import { readsOn } from "./prompt-generate";
import { SamplingTable } from "./sampling-table";

interface Props {
  explorer: Explorer;
  /** The short list at the right end of the flow, rather than the whole table. */
  compact?: boolean;
}

/** What the model says comes next at the reader's position, and what the sampler makes of it. */
export function Probabilities({ explorer, compact = false }: Props) {
  const reading = useDistribution(explorer);
  const { distribution, error, waiting } = reading;
  return (
    <section
      class={compact ? "attrium-odds attrium-odds-compact" : "attrium-odds"}
      aria-label="Probabilities of the next token"
      aria-busy={waiting}
      data-sampled={distribution?.sampled ?? false}
      data-tour="probabilities"
    >
      {error !== null && <p class="attrium-odds-problem attrium-faint">{error}</p>}
      {error === null && !distribution && <Waiting rows={compact ? 14 : 8} />}
      {error === null &&
        distribution &&
        (compact ? (
          <>
            <ListHead explorer={explorer} distribution={distribution} />
            <ProbabilityList explorer={explorer} distribution={distribution} />
          </>
        ) : (
          <WholeTable explorer={explorer} distribution={distribution} />
        ))}
    </section>
  );
}

/** Grey lines where the first answer will stand. */
function Waiting({ rows }: { rows: number }) {
  return (
    <div class="attrium-odds-waiting" aria-hidden="true">
      {Array.from({ length: rows }, (_, at) => (
        <span key={at} style={{ width: `${90 - 5 * at}%` }} />
      ))}
    </div>
  );
}

function WholeTable({ explorer, distribution }: { explorer: Explorer; distribution: Distribution }) {
  const pointed = useSignal<number | null>(null);
  const shown = pointed.value ?? explorer.store.get("token") ?? listedIds(distribution)[0] ?? 0;
  return (
    <>
      <TableHead explorer={explorer} distribution={distribution} />
      {readsOn(explorer) && <SamplerControls explorer={explorer} distribution={distribution} />}
      <div class="attrium-odds-body">
        <div class="attrium-odds-main">
          <SamplingTable explorer={explorer} distribution={distribution} pointed={pointed} />
          <Totals distribution={distribution} />
        </div>
        <FormulaCard explorer={explorer} distribution={distribution} id={shown} />
      </div>
    </>
  );
}

/** Which position this is, with a step to its neighbours. */
function TableHead({ explorer, distribution }: { explorer: Explorer; distribution: Distribution }) {
  const { store, go } = explorer;
  const tokens = store.get("tokens");
  const position = store.get("position");
  if (distribution.facts.kind === "class") return <h3 class="attrium-odds-title">What the model says of the input</h3>;
  return (
    <div class="attrium-odds-place">
      <h3 class="attrium-odds-title">
        {readsOn(explorer) ? "What comes after" : "What the model says at"}{" "}
        <q>{spokenText(tokens[position]?.text ?? "")}</q>
      </h3>
      <span class="attrium-faint attrium-number">
        position {position} of 0 to {tokens.length - 1}
        {store.get("facts").edited && (store.get("which") === "run" ? ", with the edits" : ", without the edits")}
      </span>
      <Button
        kind="quiet"
        icon="left"
        label="Position before"
        disabled={position <= 0}
        onClick={() => go({ position: position - 1 })}
      />
      <Button
        kind="quiet"
        icon="right"
        label="Next position"
        disabled={position >= tokens.length - 1}
        onClick={() => go({ position: position + 1 })}
      />
    </div>
  );
}

/** What the listed rows leave out. */
function Totals({ distribution }: { distribution: Distribution }) {
  const { drawn, facts, sampled } = distribution;
  const rows = listedIds(distribution).map(distribution.row);
  const sum = (of: "model" | "sampler") => rows.reduce((total, row) => total + row[of], 0);
  const nucleus = drawn.filters.find((filter) => filter.name === "top_p");
  const size = formatCount(drawn.order.length);
  const model = rows.length === drawn.order.length ? 1 : sum("model");
  return (
    <ul class="attrium-notes attrium-odds-totals">
      <li>
        {formatCount(rows.length)} of {size} {facts.kind === "class" ? "classes" : "tokens"} listed: they hold{" "}
        {formatPercent(model)} of the model&rsquo;s probability
        {sampled && `, ${formatPercent(drawn.kept <= rows.length ? 1 : sum("sampler"))} of the sampler\u2019s`}
      </li>
      {sampled && (
        <li>
          {formatCount(drawn.kept)} of {size} can be drawn; the model gives them {formatPercent(drawn.mass)}
          {nucleus && `; nucleus of ${formatCount(nucleus.kept)}`}
        </li>
      )}
      <li>every share is of the whole vocabulary, not of the rows listed; the longest bar is the largest of them</li>
    </ul>
  );
}
