import "./panels.css";
import type { ComponentType } from "preact";
import { roleProperties } from "../../../lib";
import type { Explorer } from "../explorer";
import type { Panel } from "../protocol";
import { BridgesPanel } from "./bridges";
import { CheckPanel } from "./check";
import { CodePanel } from "./code";
import { CompressionPanel } from "./compression";
import { StreamPanel } from "./stream";
import { ValuesPanel } from "./values";
import { WeightsPanel } from "./weights";

const PANELS: Record<Panel, ComponentType<{ explorer: Explorer }>> = {
  values: ValuesPanel,
  weights: WeightsPanel,
  stream: StreamPanel,
  check: CheckPanel,
  code: CodePanel,
  bridges: BridgesPanel,
  compression: CompressionPanel,
};

/** The panel that the trait `panel` names. */
export function Panels({ explorer }: { explorer: Explorer }) {
  const Shown = PANELS[explorer.store.get("panel")] ?? ValuesPanel;
  return (
    <div class="attrium-panels" style={roleProperties(explorer.theme)}>
      <Shown explorer={explorer} />
    </div>
  );
}
