import { Segmented } from "../../../lib";
import type { Explorer } from "../explorer";
import { isModel, type Shown } from "../flow/use-flow";
import { headName, withName } from "../names";

/** Every block and every head of the one on show, each a button. */
export function Strips({ explorer, shown }: { explorer: Explorer; shown: Shown | null }) {
  const { store, go } = explorer;
  const model = store.get("model");
  if (!isModel(model)) return null;
  const norms = shown?.data.facts.head_norms ?? [];
  const largest = Math.max(...norms, 0);
  const edits = store.get("edits").filter((edit) => edit.on);
  const edited = new Set(edits.map((edit) => edit.block));
  return (
    <div class="attrium-te-strips">
      <Strip
        label="Block"
        count={model.blocks}
        chosen={store.get("block")}
        marked={edited}
        onChoose={(block) => go({ block })}
      />
      {model.heads > 1 && (
        <Strip
          label="Head"
          count={model.heads}
          chosen={store.get("head")}
          marked={
            new Set(
              edits.flatMap((edit) =>
                edit.block === store.get("block") && typeof edit.head === "number" ? [edit.head] : [],
              ),
            )
          }
          nameOf={(head) => headName(model, store.get("block"), head)}
          heights={largest > 0 ? norms.map((norm) => norm / largest) : null}
          onChoose={(head) => go({ head })}
        />
      )}
      {store.get("facts").edited && (
        <Segmented
          label="Which run"
          value={store.get("which")}
          onChange={(which) => go({ which })}
          options={[
            { value: "run", label: "with edits", doc: "The run with the interventions" },
            { value: "base", label: "without", doc: "The run as the model is" },
          ]}
        />
      )}
    </div>
  );
}

interface StripProps {
  label: string;
  count: number;
  chosen: number;
  /** What interventions act on. */
  marked: ReadonlySet<number>;
  /** A share from 0 to 1 for each, drawn as a bar. */
  heights?: readonly number[] | null;
  /** Empty for none. */
  nameOf?(at: number): string;
  onChoose(at: number): void;
}

/** A row of buttons; arrows move the choice. */
function Strip({ label, count, chosen, marked, heights = null, nameOf, onChoose }: StripProps) {
  const step = (event: KeyboardEvent) => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const next = Math.min(count - 1, Math.max(0, chosen + by));
    onChoose(next);
    (event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>("[role=radio]")[next]?.focus();
  };
  return (
    <div class="attrium-te-strip">
      <span class="attrium-te-strip-label">{label}</span>
      <div
        class="attrium-te-strip-row"
        role="radiogroup"
        aria-label={label}
        data-many={count > 16}
        data-bars={heights !== null}
        onKeyDown={step}
      >
        {Array.from({ length: count }, (_, at) => (
          // biome-ignore lint/a11y/useSemanticElements: a button with role radio can be styled and moved through by arrows
          <button
            key={at}
            type="button"
            role="radio"
            aria-checked={at === chosen}
            aria-label={withName(`${label} ${at}`, nameOf?.(at) ?? "")}
            title={title(withName(`${label} ${at}`, nameOf?.(at) ?? ""), heights?.[at], marked.has(at))}
            tabIndex={at === chosen ? 0 : -1}
            data-marked={marked.has(at)}
            onClick={() => onChoose(at)}
          >
            {heights && (
              <span class="attrium-te-strip-bar" style={{ height: `${Math.round(100 * (heights[at] ?? 0))}%` }} />
            )}
            <span class="attrium-number">{at}</span>
          </button>
        ))}
      </div>
    </div>
  );
}

function title(words: string, share: number | undefined, marked: boolean): string {
  const written = share === undefined ? "" : `: writes ${(100 * share).toFixed(0)}% of the strongest head's mean norm`;
  return `${words}${written}${marked ? "; an intervention acts here" : ""}`;
}
