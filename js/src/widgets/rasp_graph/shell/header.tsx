import { formatCount, Segmented } from "../../../lib";
import { type Explorer, useGraph } from "../explorer";
import type { GraphFacts, Traits } from "../protocol";

/** The title, which program is on show, and what its transformer is. */
export function Header({ explorer }: { explorer: Explorer }) {
  const { store } = explorer;
  const { facts } = useGraph(explorer);
  const programs = store.get("programs");
  const title = store.get("title") || facts?.label || "RASP program";
  return (
    <header class="attrium-rasp-head">
      <div>
        <h2 class="attrium-title">{title}</h2>
        {facts && <p class="attrium-rasp-facts attrium-number">{forecastWords(facts).join(" \u00b7 ")}</p>}
      </div>
      {programs.length > 1 && (
        <Segmented
          label="Program"
          options={programs.map((label, side) => ({ value: String(side), label }))}
          value={String(store.get("side"))}
          onChange={(side) => store.set("side", Number(side))}
        />
      )}
      <Examples explorer={explorer} />
    </header>
  );
}

/** The size of the transformer, in words. */
export function forecastWords({ nodes, forecast }: GraphFacts): string[] {
  const one = (count: number, what: string) => `${formatCount(count)} ${what}${count === 1 ? "" : "s"}`;
  if (!forecast) return [one(nodes.length, "node"), "not compiled"];
  return [
    one(nodes.length, "node"),
    one(forecast.layers, "layer"),
    `${one(forecast.heads, "head")} of ${formatCount(forecast.d_head)}`,
    `${formatCount(forecast.d_model)} dimensions`,
    one(forecast.parameters, "parameter"),
  ];
}

/** Programs that come along, by family. */
function Examples({ explorer }: { explorer: Explorer }) {
  const { store } = explorer;
  const examples = store.get("examples");
  if (store.saved || examples.length === 0) return null;
  const now = store.get("example");
  const known = examples.some(({ name }) => name === now);
  return (
    <label class="attrium-rasp-examples">
      <span class="attrium-label">Library</span>
      <span class="attrium-select">
        <select
          value={known ? now : ""}
          onChange={(event) => {
            const name = event.currentTarget.value;
            if (name !== "") explorer.send({ kind: "load", name });
          }}
        >
          {!known && <option value="">a program of your own</option>}
          {familiesOf(examples).map(([family, members]) => (
            <optgroup key={family} label={family}>
              {members.map(({ name, doc }) => (
                <option key={name} value={name} title={doc}>
                  {name.replaceAll("_", " ")}
                </option>
              ))}
            </optgroup>
          ))}
        </select>
      </span>
    </label>
  );
}

export function familiesOf(examples: Traits["examples"]): [string, Traits["examples"]][] {
  const families = new Map<string, Traits["examples"]>();
  for (const example of examples) families.set(example.family, [...(families.get(example.family) ?? []), example]);
  return [...families];
}
