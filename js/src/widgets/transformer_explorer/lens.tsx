import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { formatPercent, gradientOf, Segmented, spokenText, type Theme } from "../../lib";
import { roleProperties } from "../../lib/roles";
import "./details/style.css";
import { Missing } from "./details/equation";
import { useFollowed } from "./details/followed";
import { type Here, useHere } from "./details/reading";
import { TokenChooser } from "./details/token-chooser";
import type { Explorer } from "./explorer";
import { changeShading, type LensMode } from "./lens-cells";
import { LensChart } from "./lens-chart";
import { CHUNK, type LensPlace, useLens } from "./lens-data";
import { LensGrid } from "./lens-grid";
import { LensKeys } from "./lens-keys";

const MODES: readonly { value: LensMode; label: string; doc: string }[] = [
  { value: "top", label: "Likeliest token", doc: "The token that would come first, coloured by its probability" },
  { value: "probability", label: "Probability", doc: "Of the followed token" },
  { value: "rank", label: "Rank", doc: "Of the followed token among all: 1 is the likeliest" },
];
const CHANGE = {
  value: "change" as const,
  label: "Change",
  doc: "Probability of the followed token with the interventions, less that without",
};

/** The logit lens: what each lane's stream would predict if the model ended after each block. */
export function LensView({ explorer }: { explorer: Explorer }) {
  const here = useHere(explorer);
  return here && <Lens explorer={explorer} here={here} />;
}

function Lens({ explorer, here }: { explorer: Explorer; here: Here }) {
  const wanted = useSignal<LensMode>("top");
  const cursor = useSignal<LensPlace | null>(null);
  const edited = explorer.store.get("facts").edited ?? false;
  const mode = wanted.value === "change" && !edited ? "probability" : wanted.value;
  const token = useFollowed(explorer, here);
  const start = Math.floor(here.position / CHUNK) * CHUNK;
  const { chunk, error } = useLens(explorer, here, { start, token, which: here.which });
  // Of the last chunk that came: the table stays while the next one is under way.
  const last = useRef(chunk);
  if (chunk) last.current = chunk;
  const points = last.current?.facts.points;
  return (
    <section class="attrium-explained" aria-label="Logit lens" style={roleProperties(explorer.theme)}>
      <header class="attrium-explained-head attrium-choices">
        <Segmented
          label="What the cells show"
          options={edited ? [...MODES, CHANGE] : MODES}
          value={mode}
          onChange={(next) => {
            wanted.value = next;
          }}
        />
        <TokenChooser
          {...{ explorer, here }}
          label="Follow"
          none="the likeliest here"
          value={explorer.store.get("token")}
          onChange={(next) => explorer.go({ token: next })}
        />
      </header>
      <p class="attrium-lead">
        The final norm and W_U applied to the stream after each block, as if the model ended there. Followed is{" "}
        <b>{spokenText(last.current?.facts.token?.text ?? "")}</b>; choose a cell to follow its token.
      </p>
      {error !== null && <Missing>{error}</Missing>}
      {points && error === null && (
        <>
          <LensKeys {...{ explorer, here, cursor, token }} points={points}>
            <LensGrid {...{ explorer, here, mode, cursor, token }} points={points} />
          </LensKeys>
          <LensLegend mode={mode} vocab={here.model.vocab} theme={explorer.theme} />
          <LensChart {...{ explorer, here, mode, token }} compare={edited} />
        </>
      )}
    </section>
  );
}

/** What the colours mean; the dot too, where there is one. */
function LensLegend({ mode, vocab, theme }: { mode: LensMode; vocab: number; theme: Theme }) {
  const ends =
    mode === "rank" ? [`rank ${vocab}`, "rank 1"] : mode === "change" ? ["\u2212100%", "+100%"] : ["0%", "100%"];
  return (
    <p class="attrium-lens-legend attrium-number">
      <span>{ends[0]}</span>
      <span
        class="attrium-lens-ramp"
        style={mode === "change" ? { background: gradientOf(changeShading(theme)) } : undefined}
        aria-hidden="true"
      />
      <span>{ends[1]}</span>
      {mode === "top" && <span class="attrium-faint">A dot marks a guess that does come next.</span>}
      {mode === "rank" && <span class="attrium-faint">Colours go by powers of ten.</span>}
      {mode === "change" && (
        <span class="attrium-faint">{`Colours go by the root of the change, so that ${formatPercent(0.01)} can be seen.`}</span>
      )}
    </p>
  );
}
