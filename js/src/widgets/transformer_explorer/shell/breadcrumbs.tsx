import { spokenText } from "../../../lib";
import type { Explorer } from "../explorer";
import { isModel } from "../flow/use-flow";
import { headWords, positionName, withName } from "../names";
import type { ViewName } from "../protocol";

/** What the open parts are called. */
export const VIEW_TITLES: Record<Exclude<ViewName, "">, string> = {
  embedding: "Embedding",
  qkv: "Query, key, value",
  attention: "Attention",
  output: "Output of attention",
  mlp: "MLP",
  logits: "Probabilities",
  lens: "Logit lens",
  contributions: "Contributions",
  heads: "All heads",
};

/** Views of one head, and of one block. */
const OF_HEAD: readonly ViewName[] = ["qkv", "attention", "output"];
const OF_BLOCK: readonly ViewName[] = [...OF_HEAD, "mlp"];

/** A title in the middle of a line: small letters, but for what is written in capitals. */
function inLine(title: string): string {
  return title === title.toUpperCase() ? title : title.toLowerCase();
}

/** Where the reader is: model, block, head, part and position; each step leads back to itself. */
export function Breadcrumbs({ explorer }: { explorer: Explorer }) {
  const { store, go } = explorer;
  const model = store.get("model");
  if (!isModel(model)) return null;
  const view = store.get("view");
  const position = store.get("position");
  const steps: { text: string; open(): void }[] = [{ text: model.name, open: () => go({ view: "" }) }];
  if (view === "" || OF_BLOCK.includes(view)) {
    steps.push({ text: `block ${store.get("block")}`, open: () => go({ view: "" }) });
    if (view === "" || OF_HEAD.includes(view))
      steps.push({
        text: headWords(model, store.get("block"), store.get("head")),
        open: () => go({ view: "attention" }),
      });
  }
  if (view !== "") steps.push({ text: inLine(VIEW_TITLES[view]), open: () => undefined });
  const token = store.get("tokens")[position];
  return (
    <nav class="attrium-te-crumbs" aria-label="Where you are">
      <ol>
        {steps.map(({ text, open }, at) => (
          <li key={text}>
            <button type="button" aria-current={at === steps.length - 1 ? "location" : undefined} onClick={open}>
              {text}
            </button>
          </li>
        ))}
        {token && (
          <li class="attrium-number attrium-te-crumbs-token">
            <q>{spokenText(token.text)}</q> at {withName(String(position), positionName(model, position))}
          </li>
        )}
      </ol>
    </nav>
  );
}
