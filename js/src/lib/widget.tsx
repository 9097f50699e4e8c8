import { useSignalEffect } from "@preact/signals";
import { type ComponentType, h, render } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Channel } from "./channel";
import { keepKeys } from "./keyboard";
import { LiveRegion } from "./live-region";
import type { BaseTraits, RenderContext } from "./model";
import { isSavedPage, unanswered } from "./saved-page";
import { StatusBar, StatusError } from "./status-bar";
import { Store } from "./store";
import { type Theme, watchTheme } from "./theme";

/** What every view is given. */
export interface ViewProps<Traits extends BaseTraits> {
  store: Store<Traits>;
  channel: Channel;
  /** Ends when the view goes. */
  abort: AbortSignal;
  theme: Theme;
  /** Tells readers of the screen. */
  announce(text: string): void;
}

/**
 * An anywidget module that draws one component per view.
 *
 * `name` is the widget's root class. One AbortController per view ends its listeners, observers and requests; the
 * channel is the view's too, since hosts hand every view a model object of its own.
 */
export function widget<Traits extends BaseTraits>(name: string, View: ComponentType<ViewProps<Traits>>) {
  return {
    render({ model, el, signal }: RenderContext<Traits>): () => void {
      const controller = new AbortController();
      const end = () => controller.abort();
      signal?.addEventListener("abort", end, { once: true, signal: controller.signal });
      const page = { saved: isSavedPage(el.ownerDocument), unanswered: unanswered(el.ownerDocument, model) };
      const store = new Store(model, controller.signal, page);
      const channel = new Channel(model, controller.signal);
      const theme = watchTheme(el.ownerDocument, store.trait("theme"), controller.signal);
      render(h(Root<Traits>, { name, View, store, channel, theme, abort: controller.signal }), el);
      controller.signal.addEventListener("abort", () => render(null, el), { once: true });
      return end;
    },
  };
}

interface RootProps<Traits extends BaseTraits> extends Omit<ViewProps<Traits>, "theme" | "announce"> {
  name: string;
  View: ComponentType<ViewProps<Traits>>;
  theme: { readonly value: Theme };
}

function Root<Traits extends BaseTraits>({ name, View, theme, ...shared }: RootProps<Traits>) {
  const root = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (root.current) keepKeys(root.current, shared.abort);
  }, []);
  const spoken = useRef<HTMLDivElement>(null);
  const height = shared.store.get("height_px");
  const announce = (text: string) => {
    if (spoken.current) spoken.current.textContent = text;
  };
  useSignalEffect(() => {
    const { state, label, message } = shared.store.get("status");
    if (state === "error") announce(`${label} failed: ${message}`);
  });
  return (
    <div
      ref={root}
      class={`attrium ${name}`}
      data-theme={theme.value}
      style={height > 0 ? { height: `${height}px` } : undefined}
    >
      <StatusError store={shared.store} channel={shared.channel} />
      <View {...shared} theme={theme.value} announce={announce} />
      <StatusBar store={shared.store} channel={shared.channel} />
      <LiveRegion hold={spoken} />
    </div>
  );
}
