import { formatSigned } from "../../../lib";
import type { Role } from "../../../lib/roles";
import type { Explorer } from "../explorer";
import { headName, withName } from "../names";
import type { ContributionFacts, ModelFacts } from "../protocol";
import { SignedBar } from "./operand-bars";

export type Item = ContributionFacts["items"][number];

const LISTED = 24;

/** The largest contributions as bars under each other, and what the others add up to. */
export function ContributionList({ explorer, facts }: { explorer: Explorer; facts: ContributionFacts }) {
  const sorted = bySize(facts.items);
  const rest = sorted.slice(LISTED);
  const largest = Math.abs(sorted[0]?.value ?? 0) || 1;
  return (
    <ol class="attrium-contribution-list">
      {sorted.slice(0, LISTED).map((item) => (
        <li key={item.label}>
          <ItemName explorer={explorer} item={item} />
          <SignedBar value={item.value} largest={largest} hue={roleOf(item)} />
          <span class="attrium-number">{formatSigned(item.value)}</span>
        </li>
      ))}
      {rest.length > 0 && (
        <li>
          <span class="attrium-faint">{`${rest.length} smaller`}</span>
          <SignedBar value={sumOf(rest)} largest={largest} />
          <span class="attrium-number">{formatSigned(sumOf(rest))}</span>
        </li>
      )}
    </ol>
  );
}

function ItemName({ explorer, item }: { explorer: Explorer; item: Item }) {
  const place = placeOf(item);
  const words = namedItem(item, explorer.store.get("model"));
  if (!place) return <span title={item.label}>{words}</span>;
  return (
    <button type="button" class="attrium-follow" title={item.label} onClick={() => explorer.go(place)}>
      {words}
    </button>
  );
}

/** Where a bar leads: to its head, or to its MLP. */
export function placeOf({ kind, block, head }: Item) {
  if (block === null) return null;
  if (kind === "head" && head !== null) return { block, head, view: "attention" as const };
  return kind === "mlp" ? { block, view: "mlp" as const } : null;
}

const WORDS: Record<string, string> = {
  embed: "token embedding",
  pos_embed: "position embedding",
  norm: "norm's bias",
  bias: "bias of the unembedding",
  rest: "everything else",
};

/** What a bar stands for. */
export function itemWords({ kind, block, head, label }: Item): string {
  if (kind === "head") return `head ${block}.${head}`;
  if (kind === "mlp") return `MLP ${block}`;
  if (kind === "attn") return `attention bias ${block}`;
  return block === null ? (WORDS[kind] ?? label) : label;
}

/** The same with what the model calls it. */
export function namedItem(item: Item, model: Pick<ModelFacts, "names">): string {
  const { kind, block, head } = item;
  return withName(itemWords(item), kind === "head" ? headName(model, block ?? -1, head ?? -1) : "");
}

export function roleOf({ kind }: Pick<Item, "kind">): Role {
  if (kind === "head" || kind === "attn") return "attention";
  return kind === "mlp" ? "mlp" : "residual";
}

export function bySize(items: readonly Item[]): Item[] {
  return [...items].sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
}

function sumOf(items: readonly Item[]): number {
  return items.reduce((sum, { value }) => sum + value, 0);
}
