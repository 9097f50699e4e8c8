import type { ComponentChildren } from "preact";
import { Button, formatCount, formatNumber, spokenText } from "../../lib";
import type { Explorer } from "./explorer";
import { type Distribution, formatTemperature, percentText } from "./probabilities-data";
import { useFollowed } from "./probabilities-list";
import { canWrite, takeToken } from "./prompt-generate";
import { type Drawn, takesTheBest, type TokenRow } from "./sampler";

interface Props {
  explorer: Explorer;
  distribution: Distribution;
  id: number;
}

const MINUS = "\u2212";
/** Terms of a sum that are written out. */
const TERMS = 4;

/** How one token's probability comes about, step by step, in its own numbers. */
export function FormulaCard({ explorer, distribution, id }: Props) {
  const { drawn, texts, sampled } = distribution;
  const row = distribution.row(id);
  const followed = useFollowed(explorer);
  const text = spokenText(texts.get(id) ?? "");
  return (
    <aside class="attrium-formula" aria-label={`How the probability of ${text} comes about`}>
      <header>
        <strong class="attrium-formula-token">{text}</strong>
        <span class="attrium-faint attrium-number">
          id {id}, place {formatCount(row.rank + 1)}
        </span>
      </header>
      <dl class="attrium-number">
        <ModelSteps distribution={distribution} row={row} />
        {sampled && <SamplerSteps drawn={drawn} row={row} peak={distribution.ranked.peak} />}
      </dl>
      <footer>
        <Button
          kind="quiet"
          pressed={followed.id === id}
          label="Follow this token in the lens and the contributions (Enter)"
          onClick={() => followed.follow(id)}
        >
          {followed.id === id ? "Followed" : "Follow"}
        </Button>
        {canWrite(explorer) && (
          <Button
            icon="plus"
            label={isBranch(explorer) ? "Put it here, in place of what follows" : "Write it on (Ctrl+Enter)"}
            onClick={() => takeToken(explorer, id)}
          >
            {isBranch(explorer) ? "Branch here" : "Take"}
          </Button>
        )}
      </footer>
    </aside>
  );
}

function isBranch({ store }: Explorer): boolean {
  return store.get("position") < store.get("tokens").length - 1;
}

function Step({ name, children, result }: { name: string; children?: ComponentChildren; result: string }) {
  return (
    <div class="attrium-formula-step">
      <dt>{name}</dt>
      <dd>
        {children && <span class="attrium-formula-terms">{children}</span>}
        <b>{result}</b>
      </dd>
    </div>
  );
}

/** Logit to the model's probability. */
function ModelSteps({ distribution: { ranked, facts }, row }: { distribution: Distribution; row: TokenRow }) {
  const exp = Math.exp(row.logit - ranked.peak);
  return (
    <>
      <Step name="Logit" result={formatNumber(row.logit)} />
      <Step name="Less the largest, then exp" result={formatNumber(exp)}>
        exp({formatNumber(row.logit)} {MINUS} {bracketed(ranked.peak)}) =
      </Step>
      <Step
        name={`Share of the sum over all ${formatCount(ranked.order.length)} ${facts.kind === "class" ? "classes" : "tokens"}`}
        result={percentText(row.model)}
      >
        {formatNumber(exp)} / {formatNumber(ranked.total)} =
      </Step>
    </>
  );
}

/** Logit to the sampler's probability: temperature, filters, and the share of what they leave. */
function SamplerSteps({ drawn, row, peak }: { drawn: Drawn; row: TokenRow; peak: number }) {
  const { settings } = drawn;
  if (takesTheBest(settings)) {
    return (
      <Step
        name={settings.greedy ? "Sampler: greedy" : "Sampler: temperature 0"}
        result={row.sampler === 1 ? "taken, 100%" : "not the likeliest, 0%"}
      />
    );
  }
  const temperature = formatTemperature(settings.temperature);
  return (
    <>
      <Step name={`Sampler: over temperature ${temperature}`} result={formatNumber(row.scaled)}>
        {formatNumber(row.logit)} / {temperature} =
      </Step>
      <Step name="Less the largest, then exp" result={formatNumber(row.weight)}>
        exp({formatNumber(row.scaled)} {MINUS} {bracketed(peak / settings.temperature)}) =
      </Step>
      {drawn.filters.map((filter, at) => (
        <Step
          key={filter.name}
          name={`${FILTERS[filter.name]}: ${formatCount(filter.kept)} left`}
          result={verdict(row, at)}
        >
          {filterWords(drawn, row, at)}
        </Step>
      ))}
      <Step name={`Share of the ${formatCount(drawn.kept)} that can be drawn`} result={percentText(row.sampler)}>
        {row.sampler === 0 ? "filtered out: " : `${formatNumber(row.weight)} / (${sumWords(drawn)}) = `}
      </Step>
    </>
  );
}

export const FILTERS = { top_k: "Top-k", top_p: "Top-p", min_p: "Min-p", greedy: "Greedy" } as const;

function verdict(row: TokenRow, at: number): string {
  if (at > 0 && !row.kept[at - 1]) return "gone already";
  return row.kept[at] ? "kept" : "dropped";
}

/** What a filter compares, with its numbers. */
function filterWords({ filters, settings, running }: Drawn, row: TokenRow, at: number): string {
  if (at > 0 && !row.kept[at - 1]) return "";
  const name = filters[at]?.name;
  if (name === "top_k") return `place ${formatCount(row.rank + 1)} of ${formatCount(settings.top_k ?? 0)}`;
  if (name === "top_p") {
    // Even where nothing may be drawn by the rule, a filter leaves one token.
    if (row.rank === 0) return "the likeliest always stays:";
    const before = running[row.rank - 1] ?? 0;
    return `${percentText(before)} before it ${row.kept[at] ? "<" : "\u2265"} ${percentText(settings.top_p ?? 1)}`;
  }
  if (name === "min_p")
    return `${formatNumber(row.weight)} ${row.kept[at] ? "\u2265" : "<"} ${settings.min_p} \u00d7 1`;
  return "";
}

/** "1 + 0.83 + 0.71 + 0.60 + \u2026 = 12.3", the terms being true ones. */
function sumWords({ weights, kept, sums }: Drawn): string {
  const terms = [...weights.subarray(0, Math.min(TERMS, kept))].map((weight) => formatNumber(weight, 3));
  const rest = kept > TERMS ? [`\u2026 ${formatCount(kept - TERMS)} more`] : [];
  return `${[...terms, ...rest].join(" + ")} = ${formatNumber(sums.kept)}`;
}

function bracketed(value: number): string {
  return value < 0 ? `(${formatNumber(value)})` : formatNumber(value);
}
