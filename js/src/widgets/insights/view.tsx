import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import {
  Button,
  ErrorPanel,
  ModeControl,
  NeedsKernel,
  OpacityTraitControl,
  ScaleTraitControls,
  type ViewProps,
} from "../../lib";
import { CardGrid } from "./card-grid";
import { Detail } from "./detail";
import { sharedError } from "./explained";
import { ClassFilters, OutcomeFilter } from "./filter-bar";
import { MethodChoice, MethodSettings } from "./method";
import { Pager } from "./pager";
import type { Traits } from "./protocol";
import { SummaryLine } from "./summary";

type Panel = "classes" | "method" | "display";

/** A data set to page through: predictions, filters, explanations, and one example large. */
export function InsightsView(props: ViewProps<Traits>) {
  const { store } = props;
  const panel = useSignal<Panel | null>(null);
  const toggle = (name: Panel) => () => {
    panel.value = panel.value === name ? null : name;
  };
  const kind = store.get("kind");
  const { classes, predicted } = store.get("filter");
  const selected = store.get("selection");
  const opened = useRef<number | null>(null);
  if (selected !== null) opened.current = selected;
  const open = store.get("cards").findIndex((card) => card.index === selected);
  const failure = sharedError(store.get("heats"));
  return (
    <>
      <SummaryLine store={store} />
      <div class="attrium-insights-bar">
        <NeedsKernel store={store} trait="filter">
          <OutcomeFilter store={store} />
        </NeedsKernel>
        <Button expanded={panel.value === "classes"} onClick={toggle("classes")}>
          Classes
          {classes.length + predicted.length > 0 && (
            <span class="attrium-badge">{classes.length + predicted.length}</span>
          )}
        </Button>
        <NeedsKernel store={store} trait="method">
          <MethodChoice store={store} />
        </NeedsKernel>
        <Button icon="sliders" label="Method settings" expanded={panel.value === "method"} onClick={toggle("method")} />
        <Button
          icon="contrast"
          label="Overlay and colours"
          expanded={panel.value === "display"}
          onClick={toggle("display")}
        />
      </div>
      {panel.value === "classes" && (
        <NeedsKernel store={store} trait="filter">
          <ClassFilters store={store} />
        </NeedsKernel>
      )}
      {panel.value === "method" && (
        <NeedsKernel store={store} trait="settings">
          <MethodSettings store={store} />
        </NeedsKernel>
      )}
      {panel.value === "display" && (
        <section class="attrium-panel" aria-label="Overlay and colours">
          {kind === "image" && open < 0 && (
            <div class="attrium-labelled">
              <span class="attrium-label">Overlay</span>
              <ModeControl mode={store.get("mode")} onChange={(mode) => store.set("mode", mode)} />
            </div>
          )}
          <ScaleTraitControls store={store} />
          {kind === "image" && <OpacityTraitControl store={store} />}
        </section>
      )}
      {open >= 0 ? (
        <Detail {...props} at={open} />
      ) : (
        <>
          {failure !== null && <ErrorPanel title="No example could be explained" message={failure} />}
          <CardGrid {...props} opened={opened} />
          <NeedsKernel store={store} trait="page">
            <Pager store={store} />
          </NeedsKernel>
        </>
      )}
    </>
  );
}
