import type { ComponentChildren } from "preact";
import type { BaseTraits, Model } from "./model";
import type { Store } from "./store";

/** Traits that only Python answers to, on a saved page, where it cannot; none in a live notebook. */
export function unanswered<Traits extends BaseTraits>(document: Document, model: Model<Traits>): readonly string[] {
  return isSavedPage(document) ? (model.get("_needs_kernel") ?? []) : [];
}

/** Whether the page is one that `to_html` wrote: it holds the widgets' state itself. */
export function isSavedPage(document: Document): boolean {
  return document.getElementById("attrium-state") !== null;
}

interface Props<Traits extends BaseTraits> {
  store: Store<Traits>;
  /** The trait that the controls inside change. */
  trait: keyof Traits & string;
  children: ComponentChildren;
}

/** Controls that are off where their trait needs a kernel and there is none. */
export function NeedsKernel<Traits extends BaseTraits>({ store, trait, children }: Props<Traits>) {
  if (!store.unanswered.includes(trait)) return <>{children}</>;
  return (
    <fieldset class="attrium-needs-kernel" title="Needs a running kernel" disabled>
      {children}
    </fieldset>
  );
}
