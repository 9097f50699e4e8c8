import { Button } from "../../../lib";
import type { Explorer } from "../explorer";

/** Prompts offered here; the box above has all of them. */
const OFFERED = 3;

/** Before there is a picture: what will be here, and how it comes. */
export function FlowEmpty({ explorer, error }: { explorer: Explorer; error: string | null }) {
  const { store } = explorer;
  const { state, label } = store.get("status");
  const running = state === "running";
  const examples = running ? [] : store.get("examples").slice(0, OFFERED);
  return (
    <div class="attrium-flow-empty" data-running={running}>
      <Sketch />
      <div class="attrium-flow-empty-words">
        <p>{words(state, label, error)}</p>
        {examples.length > 0 && !store.saved && (
          <p class="attrium-flow-empty-examples">
            {examples.map((text) => (
              <Button key={text} onClick={() => store.set("text", text)}>
                {text}
              </Button>
            ))}
          </p>
        )}
      </div>
    </div>
  );
}

function words(state: string, label: string, error: string | null): string {
  if (error !== null) return error;
  if (state === "running") return `${label || "Running the model"}\u2026`;
  if (state === "error") return "The picture comes with the first run that succeeds.";
  return "Write a prompt and press Enter: every token becomes a lane, and every mark on it is a number of the model.";
}

const LANES = [26, 58, 90, 122];

/** Lanes, a card and what leads to it, in outline: there are no numbers yet. */
function Sketch() {
  return (
    <svg class="attrium-flow-sketch" viewBox="0 0 560 150" aria-hidden="true">
      {LANES.map((y) => (
        <g key={y}>
          <path d={`M30 ${y}H196M330 ${y}H530`} />
          <path d={`M104 ${y}c14 0 12 14 26 14h240c14 0 12 -14 26 -14`} />
          {[24, 84, 150, 352, 412, 462, 524].map((x) => (
            <rect key={x} x={x} y={y - 8} width="7" height="16" rx="2.5" />
          ))}
        </g>
      ))}
      <rect class="attrium-flow-sketch-card" x="196" y="6" width="134" height="138" rx="10" />
      {LANES.flatMap((y, query) =>
        LANES.slice(0, query + 1).map((_, key) => <circle key={`${query} ${key}`} cx={220 + key * 29} cy={y} r="8" />),
      )}
    </svg>
  );
}
