import type { ComponentChildren } from "preact";
import { Button } from "./controls";

interface Props {
  /** The sheet's own class. */
  class: string;
  label: string;
  keys: readonly (readonly [keys: string, does: string])[];
  /** What else there is to know. */
  children: ComponentChildren;
  onClose(): void;
}

/** All keys of a widget. */
export function KeySheet({ class: name, label, keys, children, onClose }: Props) {
  return (
    <section class={name} aria-label={label}>
      <header>
        <h3>Keys</h3>
        <Button kind="quiet" icon="cross" label="Close (Escape)" onClick={onClose} />
      </header>
      <dl>
        {keys.map(([pressed, does]) => (
          <div key={pressed}>
            <dt>
              <kbd>{pressed}</kbd>
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <p class="attrium-faint">{children}</p>
    </section>
  );
}
