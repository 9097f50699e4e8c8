import { useSignal } from "@preact/signals";
import { useState } from "preact/hooks";
import { onKeys } from "../../../lib";
import { type Explorer, useGraph } from "../explorer";
import { kindWord } from "../graph/card";
import type { NodeFacts } from "../protocol";

const MOST = 12;

/** Nodes whose name, kind or function has a text; those whose name begins with it come first. */
export function found(nodes: readonly NodeFacts[], text: string): NodeFacts[] {
  const wanted = text.trim().toLowerCase();
  if (wanted === "") return [];
  const rank = ({ label, kind, text: words }: NodeFacts) => {
    const name = label.toLowerCase();
    if (name.startsWith(wanted)) return 0;
    if (name.includes(wanted)) return 1;
    return kind.includes(wanted) || words.toLowerCase().includes(wanted) ? 2 : 3;
  };
  return nodes
    .map((node) => ({ node, at: rank(node) }))
    .filter(({ at }) => at < 3)
    .sort((a, b) => a.at - b.at)
    .map(({ node }) => node);
}

/** Finds a node; Enter takes the one that is marked. */
export function Search({ explorer }: { explorer: Explorer }) {
  const { store } = explorer;
  const { facts } = useGraph(explorer);
  // Random, since every widget on a page is a tree of its own.
  const [id] = useState(() => `attrium-${Math.random().toString(36).slice(2)}`);
  const text = useSignal("");
  const at = useSignal(0);
  const all = found(facts?.nodes ?? [], text.value);
  const shown = all.slice(0, MOST);
  const take = (node: NodeFacts | undefined) => {
    if (!node) return;
    if (node.minor) store.set("unfolded", true);
    if (store.get("focus") !== "") store.set("focus", "");
    explorer.point(null);
    explorer.choose(node.label);
    text.value = "";
  };
  const step = (by: number) => () => {
    at.value = Math.max(0, Math.min(shown.length - 1, at.value + by));
  };
  const keys = onKeys({
    ArrowDown: step(1),
    ArrowUp: step(-1),
    Enter: () => take(shown[at.value]),
    Escape: () => {
      if (text.value === "") return false;
      text.value = "";
      return true;
    },
  });
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: keys of the field inside
    <div class="attrium-rasp-search" onKeyDown={keys}>
      <input
        type="search"
        class="attrium-field"
        placeholder="Find a node"
        aria-label="Find a node"
        role="combobox"
        aria-expanded={shown.length > 0}
        aria-controls={id}
        aria-autocomplete="list"
        value={text.value}
        onInput={(event) => {
          text.value = event.currentTarget.value;
          at.value = 0;
        }}
      />
      {text.value.trim() !== "" && (
        <div class="attrium-rasp-found" id={id} role="listbox" aria-label="Nodes found">
          {shown.map((node, one) => (
            <button
              key={node.label}
              type="button"
              role="option"
              tabIndex={-1}
              aria-selected={one === at.value}
              onClick={() => take(node)}
            >
              <b>{node.label}</b> <span>{kindWord(node)}</span>
            </button>
          ))}
          {all.length === 0 && <p class="attrium-faint">No node is called so.</p>}
          {all.length > MOST && <p class="attrium-faint">and {all.length - MOST} more</p>}
        </div>
      )}
    </div>
  );
}
