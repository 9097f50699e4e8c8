import type { ComponentChildren } from "preact";
import { formatCount, formatNumber } from "../../../lib";
import { isModel } from "../flow/use-flow";
import type { Explorer } from "../explorer";
import type { ModelFacts } from "../protocol";

/** Title, what the model is, how the last run went, and the tools at the right. */
export function Header({ explorer, children }: { explorer: Explorer; children: ComponentChildren }) {
  const { store } = explorer;
  const model = store.get("model");
  const { forward_ms, checked } = store.get("facts");
  return (
    <header class="attrium-head attrium-te-head">
      <div class="attrium-te-names">
        <h2 class="attrium-title">{store.get("title")}</h2>
        {isModel(model) && (
          <p class="attrium-te-facts attrium-number">
            {factsOf(model).map((fact) => (
              <span key={fact}>{fact}</span>
            ))}
            {typeof forward_ms === "number" && <span>{formatNumber(forward_ms, 3)} ms forward</span>}
            {checked && <CheckBadge text={checked} />}
          </p>
        )}
      </div>
      <div class="attrium-te-tools">{children}</div>
    </header>
  );
}

/** The model in a line: only what was read from it. */
export function factsOf(model: ModelFacts): string[] {
  const heads =
    model.kv_heads > 0 && model.kv_heads < model.heads
      ? `${model.heads} heads (${model.kv_heads} kv)`
      : `${model.heads} heads`;
  return [
    `${model.blocks} blocks`,
    heads,
    `d_model ${formatCount(model.d_model)}`,
    `${short(model.parameters)} parameters`,
    ...(model.dtype ? [`${model.dtype} on ${model.device}`] : []),
  ];
}

function short(count: number): string {
  for (const [unit, size] of [
    ["B", 1e9],
    ["M", 1e6],
    ["k", 1e3],
  ] as const) {
    if (count >= size) return `${formatNumber(count / size, 3)} ${unit}`;
  }
  return String(count);
}

/** Whether attention recomputed from query and key gives the layer's own output. */
function CheckBadge({ text }: { text: string }) {
  return (
    <span
      class="attrium-te-badge"
      title={`Attention weights are recomputed from query and key and checked against the layer's own output: ${text}`}
    >
      <svg class="attrium-icon" viewBox="0 0 16 16" width="12" height="12" aria-hidden="true">
        <path d="M3.5 8.5l3 3 6-7" />
      </svg>
      checked
    </span>
  );
}
