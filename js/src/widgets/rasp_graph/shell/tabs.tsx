import { onKeys } from "../../../lib";
import type { Explorer } from "../explorer";
import type { Panel } from "../protocol";

const TABS: readonly [panel: Panel, title: string, doc: string][] = [
  ["values", "Values", "What the selected node is on this input, and what it was made of"],
  ["weights", "Weights", "The matrices that compute the selected node, with named rows and columns"],
  ["stream", "Stream", "The residual stream after each half-layer"],
  ["check", "Check", "Interpreter, craft and model side by side"],
  ["code", "Code", "The program as text, to edit and run"],
  ["bridges", "Explain", "Attribution against true dependencies, ablation, and the other explorers"],
  ["compression", "Compress", "Superposition: the residual stream in fewer dimensions"],
];

/** Which panel stands beside the graph. */
export function Tabs({ explorer }: { explorer: Explorer }) {
  const { store } = explorer;
  const now = store.get("panel");
  const step = (by: number) => (event: KeyboardEvent) => {
    const at = TABS.findIndex(([panel]) => panel === now);
    const next = TABS[(at + by + TABS.length) % TABS.length];
    if (!next) return;
    store.set("panel", next[0]);
    (event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>("[role=tab]")[TABS.indexOf(next)]?.focus();
  };
  return (
    <div
      class="attrium-rasp-tabs"
      role="tablist"
      aria-label="Panels"
      onKeyDown={onKeys({ ArrowRight: step(1), ArrowLeft: step(-1) })}
    >
      {TABS.map(([panel, title, doc]) => (
        <button
          key={panel}
          type="button"
          role="tab"
          aria-selected={panel === now}
          tabIndex={panel === now ? 0 : -1}
          title={doc}
          onClick={() => store.set("panel", panel)}
        >
          {title}
        </button>
      ))}
    </div>
  );
}
