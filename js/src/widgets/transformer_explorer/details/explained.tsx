import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import type { Explorer } from "../explorer";
import { OriginCard } from "../origin-card";
import type { NumberRef } from "../protocol";
import { spelled } from "./places";

/** What a picture tells its section of the reader's doings. */
export interface Telling {
  /** The number pointed at, or else kept, or null. */
  pointed: NumberRef | null;
  point(reference: NumberRef | null): void;
  /** Keeps a number, or lets it go when it is the one that is kept. */
  pick(reference: NumberRef): void;
}

interface Props {
  explorer: Explorer;
  title: ComponentChildren;
  /** Beside the title: controls of the section. */
  tools?: ComponentChildren;
  /** In words, what is to be seen. */
  lead?: ComponentChildren;
  /** The number to explain while none is pointed at. */
  fallback?: NumberRef | null;
  children(telling: Telling): ComponentChildren;
}

/** A section of a drill-down: a picture, and under it the formula of the number pointed at, in full once it is kept. */
export function Explained({ explorer, title, tools, lead, fallback = null, children }: Props) {
  const pointed = useSignal<NumberRef | null>(null);
  const kept = useSignal<NumberRef | null>(null);
  const shown = pointed.value ?? kept.value;
  const telling: Telling = {
    pointed: shown,
    point(reference) {
      pointed.value = reference;
      explorer.pointed.value = reference;
    },
    pick(reference) {
      kept.value = kept.value && spelled(kept.value) === spelled(reference) ? null : reference;
    },
  };
  const reference = kept.value ?? pointed.value ?? fallback;
  return (
    <section class="attrium-explained">
      <header class="attrium-explained-head">
        <h4>{title}</h4>
        {tools}
      </header>
      {lead && <p class="attrium-lead">{lead}</p>}
      {children(telling)}
      {reference && (
        <div class="attrium-explained-origin">
          <OriginCard
            explorer={explorer}
            reference={reference}
            compact={kept.value === null}
            onExpand={telling.pick}
            {...(kept.value && {
              onClose: () => {
                kept.value = null;
              },
            })}
          />
        </div>
      )}
    </section>
  );
}
