import { useSignal } from "@preact/signals";
import { Button, Select, SettingsForm, type Store } from "../../lib";
import type { MethodInfo, Traits } from "./protocol";

function currentMethod(store: Store<Traits>): MethodInfo | undefined {
  return store.get("methods").find((method) => method.name === store.get("method"));
}

/** The attribution method; a new one starts from its own defaults. */
export function MethodChoice({ store }: { store: Store<Traits> }) {
  const choose = (name: string) => {
    const method = store.get("methods").find((other) => other.name === name);
    store.set("method", name);
    store.set("settings", defaultsOf(method));
  };
  return (
    <div class="attrium-method">
      <Select label="Method" options={options(store)} value={store.get("method")} onChange={choose} />
    </div>
  );
}

/** What the method does and its settings, drawn from its own fields. */
export function MethodSettings({ store }: { store: Store<Traits> }) {
  const method = currentMethod(store);
  const resets = useSignal(0);
  if (!method) return null;
  const reset = () => {
    resets.value++; // fresh fields: what was typed and refused goes too
    store.set("settings", defaultsOf(method));
  };
  return (
    <section class="attrium-panel attrium-method-panel" aria-label={`Settings of ${method.label}`}>
      <div class="attrium-method-about">
        <p>
          {method.doc}
          {method.needs && <span class="attrium-faint"> Needs {method.needs}.</span>}
        </p>
        {method.settings.length > 0 && (
          <Button kind="quiet" onClick={reset}>
            Defaults
          </Button>
        )}
      </div>
      <SettingsForm
        key={`${method.name} ${resets.value}`}
        settings={method.settings}
        values={store.get("settings")}
        methods={options(store).filter(({ value }) => value !== method.name)}
        onChange={(name, value) => store.set("settings", { ...store.get("settings"), [name]: value })}
      />
    </section>
  );
}

function options(store: Store<Traits>) {
  return store.get("methods").map(({ name, label, doc }) => ({ value: name, label, doc }));
}

function defaultsOf(method: MethodInfo | undefined): Traits["settings"] {
  return Object.fromEntries((method?.settings ?? []).map((setting) => [setting.name, setting.default]));
}
