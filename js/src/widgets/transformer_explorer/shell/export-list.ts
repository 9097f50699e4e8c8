/** The list of probabilities as a picture has it. */
import { formatPercent, spokenText } from "../../../lib";
import type { Explorer } from "../explorer";
import { type Distribution, listedIds, samplerWords } from "../probabilities-data";
import { readsOn } from "../prompt-generate";
import type { ExportList } from "./export-scene";

/** As many rows as the view has. */
const ROWS = 14;

/** The likeliest tokens, with what the model and the sampler, if one is set, give them. */
export function exportList(explorer: Explorer, distribution: Distribution): ExportList {
  const { sampled, texts, facts, drawn } = distribution;
  const rows = listedIds(distribution)
    .slice(0, ROWS)
    .map((id) => {
      const { model, sampler } = distribution.row(id);
      const shares = sampled ? [model, sampler] : [model];
      return {
        text: spokenText(texts.get(id) ?? `#${id}`),
        model,
        sampler: sampled ? sampler : null,
        words: shares.map(formatPercent),
      };
    });
  return {
    heading: [placeOf(explorer, facts.kind), ...(sampled ? [`model, ${samplerWords(drawn.settings)}`] : [])],
    rows,
  };
}

function placeOf(explorer: Explorer, kind: Distribution["facts"]["kind"]): string {
  if (kind === "class") return "classes";
  const { store } = explorer;
  const position = store.get("position");
  const token = spokenText(store.get("tokens")[position]?.text ?? "");
  return `${readsOn(explorer) ? "after" : "at"} \u201c${token}\u201d (${position})`;
}
