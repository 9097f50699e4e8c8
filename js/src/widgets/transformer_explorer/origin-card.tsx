import { useSignal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { Button, formatNumber, formatSigned, useAnswer } from "../../lib";
import { OperandBars } from "./details/operand-bars";
import { spelled } from "./details/places";
import type { Explorer } from "./explorer";
import { numberName } from "./names";
import type { NumberRef, OriginFacts } from "./protocol";

interface Props {
  explorer: Explorer;
  /** The number to explain; null for none. */
  reference: NumberRef | null;
  /** Only the value and its formula, after the pointer has come to rest. */
  compact?: boolean;
  /** Of a compact card: shows all terms. */
  onExpand?(shown: NumberRef): void;
  onClose?(): void;
}

const REST_MS = 150;
const IN_THE_NOTEBOOK = "What made a number is worked out in the notebook: this saved page has no kernel.";

/** "What made this number": its value and its formula with the true numbers; in full also every operand, to follow. */
export function OriginCard({ explorer, reference, compact = false, onExpand, onClose }: Props) {
  const rested = useRested(reference, compact ? REST_MS : 0);
  const steps = useSignal<{ from: NumberRef | null; trail: NumberRef[] }>({ from: null, trail: [] });
  const trail = steps.value.from && same(steps.value.from, rested) ? steps.value.trail : [];
  const shown = trail[trail.length - 1] ?? rested;
  const answer = useAnswer<OriginFacts>(explorer.channel, "origin", shown, explorer.store.get("run"));
  const { facts, error } = answer;
  if (!shown) return null;
  const nameOf = (number: Pick<NumberRef, "name" | "index">) => numberName(explorer.store.get("model"), number);
  const follow = (next: NumberRef[]) => {
    steps.value = { from: rested, trail: next };
  };
  return (
    <section
      class="attrium-origin"
      data-compact={compact}
      aria-label="What made this number"
      aria-busy={answer.waiting}
    >
      {(trail.length > 0 || onClose) && (
        <header class="attrium-origin-head">
          {trail.length > 0 && (
            <Button kind="quiet" icon="left" onClick={() => follow(trail.slice(0, -1))}>
              Back to {spelled(trail[trail.length - 2] ?? rested ?? shown)}
            </Button>
          )}
          {onClose && <Button kind="quiet" icon="cross" label="Close what made this number" onClick={onClose} />}
        </header>
      )}
      {error !== null && <p class="attrium-missing">{explorer.store.saved ? IN_THE_NOTEBOOK : error}</p>}
      {facts && error === null && (
        <>
          <Formulas facts={facts} name={nameOf(facts)} />
          {compact && onExpand && (
            <Button kind="quiet" icon="expand" onClick={() => onExpand(shown)}>
              All terms
            </Button>
          )}
          {!compact && (
            <>
              <OperandBars
                facts={facts}
                nameOf={nameOf}
                onFollow={(name, index) => follow([...trail, { name, index, which: shown.which }])}
              />
              <Check facts={facts} />
            </>
          )}
        </>
      )}
    </section>
  );
}

/** The number, how it came about with the true numbers, then in general. */
export function Formulas({ facts, name = "" }: { facts: OriginFacts; name?: string }) {
  return (
    <div class="attrium-formulas">
      <p class="attrium-origin-title">
        <code>{spelled(facts)}</code>
        {name !== "" && <span class="attrium-part-name">{name}</span>}
        <b class="attrium-number">{formatSigned(facts.value)}</b>
        <span>{facts.title}</span>
        <span class="attrium-faint">{shapeWords(facts)}</span>
      </p>
      {facts.worked && <p class="attrium-origin-worked attrium-number">{facts.worked}</p>}
      {facts.formula && <p class="attrium-origin-formula">{facts.formula}</p>}
    </div>
  );
}

/** "(position 12, head 8, d_head 64)" */
function shapeWords({ axes, shape }: OriginFacts): string {
  return `of (${axes.map((axis, at) => `${axis} ${shape[at] ?? "?"}`).join(", ")})`;
}

/** How far the formula is from the captured number. */
function Check({ facts }: { facts: OriginFacts }) {
  if (facts.recomputed === null) return null;
  const miss = facts.recomputed - facts.value;
  return (
    <p class="attrium-faint attrium-number">
      Recomputed {formatSigned(facts.recomputed, 6)}, captured {formatSigned(facts.value, 6)}: a difference of{" "}
      {formatNumber(miss, 2)}.
    </p>
  );
}

function same(one: NumberRef | null, other: NumberRef | null): boolean {
  return spelledOrNone(one) === spelledOrNone(other);
}

function spelledOrNone(reference: NumberRef | null): string {
  return reference ? `${reference.which} ${spelled(reference)}` : "";
}

/** A reference once it has stayed the same for a while. */
function useRested(reference: NumberRef | null, rest_ms: number): NumberRef | null {
  const [rested, setRested] = useState(reference);
  const key = spelledOrNone(reference);
  useEffect(() => {
    if (rest_ms === 0) return undefined;
    const timer = setTimeout(() => setRested(reference), rest_ms);
    return () => clearTimeout(timer);
  }, [key, rest_ms]);
  return rest_ms === 0 ? reference : rested;
}
