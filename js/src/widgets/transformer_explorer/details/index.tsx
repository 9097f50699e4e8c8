import type { FunctionComponent } from "preact";
import { roleProperties } from "../../../lib/roles";
import "./style.css";
import { Contributions } from "../contributions";
import type { Explorer } from "../explorer";
import { LensView } from "../lens";
import type { FlowFacts, ViewName } from "../protocol";
import { AttentionView } from "./attention";
import { EmbeddingView } from "./embedding";
import { LogitsView } from "./logits";
import { MlpView } from "./mlp";
import { OutputView } from "./output";
import { QkvView } from "./qkv";
import { type Here, useHere, useStages } from "./reading";

type View = FunctionComponent<{ explorer: Explorer; here: Here; facts: FlowFacts | null }>;

/** What trait `view` opens. The others, "heads" and nothing, are drawn elsewhere. */
const VIEWS: Partial<Record<ViewName, View>> = {
  embedding: EmbeddingView,
  qkv: QkvView,
  attention: AttentionView,
  output: OutputView,
  mlp: MlpView,
  logits: LogitsView,
  lens: LensView,
  contributions: Contributions,
};

/** The drill-down that is open. */
export function Detail({ explorer }: { explorer: Explorer }) {
  const here = useHere(explorer);
  const name = explorer.store.get("view");
  const View = VIEWS[name];
  if (!View || !here) return null;
  return (
    <div class="attrium-detail" data-view={name} style={roleProperties(explorer.theme)}>
      <Shown explorer={explorer} here={here} View={View} />
    </div>
  );
}

function Shown({ explorer, here, View }: { explorer: Explorer; here: Here; View: View }) {
  return <View explorer={explorer} here={here} facts={useStages(explorer, here)} />;
}
