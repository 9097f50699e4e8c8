import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { Button, ModeControl, OpacityTraitControl, ScaleTraitControls, type ViewProps } from "../../lib";
import { CardGrid } from "./card-grid";
import { Detail } from "./detail";
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
  return (
    <>
      <SummaryLine store={store} />
      <div class="attrium-insights-bar">
        <OutcomeFilter store={store} />
        <Button expanded={panel.value === "classes"} onClick={toggle("classes")}>
          Classes
          {classes.length + predicted.length > 0 && (
            <span class="attrium-badge">{classes.length + predicted.length}</span>
          )}
        </Button>
        <MethodChoice store={store} />
        <Button icon="sliders" label="Method settings" expanded={panel.value === "method"} onClick={toggle("method")} />
        <Button
          icon="contrast"
          label="Overlay and colours"
          expanded={panel.value === "display"}
          onClick={toggle("display")}
        />
      </div>
      {panel.value === "classes" && <ClassFilters store={store} />}
      {panel.value === "method" && <MethodSettings store={store} />}
      {panel.value === "display" && (
        <section class="attrium-panel" aria-label="Overlay and colours">
          {kind === "image" && (
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
          <CardGrid {...props} opened={opened} />
          <Pager store={store} />
        </>
      )}
    </>
  );
}
