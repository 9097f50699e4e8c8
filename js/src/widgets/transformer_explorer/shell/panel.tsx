import { Button } from "../../../lib";
import { Detail } from "../details";
import type { Explorer } from "../explorer";
import { VIEW_TITLES } from "./breadcrumbs";
import { HeadsPanel } from "./heads-panel";

/** What is open below the picture. */
export function Panel({ explorer }: { explorer: Explorer }) {
  const view = explorer.store.get("view");
  if (view === "") return null;
  return (
    <section
      class="attrium-te-panel"
      aria-label={VIEW_TITLES[view]}
      data-view={view}
      data-tour={view === "heads" ? "heads" : undefined}
    >
      <div class="attrium-te-panel-close">
        <Button kind="quiet" icon="cross" label="Close (Escape)" onClick={() => explorer.go({ view: "" })} />
      </div>
      {view === "heads" ? <HeadsPanel explorer={explorer} /> : <Detail explorer={explorer} />}
    </section>
  );
}
