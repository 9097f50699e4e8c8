import type { Colors, Sign } from "./color-scales";
import type { ScaleSettings } from "./field";
import { OpacityControl, ScaleControls } from "./overlay-controls";
import type { Mode } from "./heatmap";
import type { Store } from "./store";

/** The traits of every widget that colours scores. */
export interface ScaleTraits {
  sign: Sign;
  clip_percentile: number;
  colors: Colors;
}

/** The traits of every widget that lays scores over pictures. */
export interface OverlayTraits extends ScaleTraits {
  mode: Mode;
  opacity: number;
}

/** The scale settings as the traits have them; subscribes the component that asks. */
export function scaleOf(store: Store<ScaleTraits>): ScaleSettings {
  return { sign: store.get("sign"), clipPercentile: store.get("clip_percentile"), colors: store.get("colors") };
}

/** Sign, colours and clip, tied to the traits. */
export function ScaleTraitControls({ store }: { store: Store<ScaleTraits> }) {
  return (
    <ScaleControls
      settings={scaleOf(store)}
      onChange={({ sign, clipPercentile, colors }) => {
        if (sign !== undefined) store.set("sign", sign);
        if (clipPercentile !== undefined) store.set("clip_percentile", clipPercentile);
        if (colors !== undefined) store.set("colors", colors);
      }}
    />
  );
}

/** Opacity, tied to the trait. */
export function OpacityTraitControl({ store }: { store: Store<OverlayTraits> }) {
  return (
    <OpacityControl
      opacity={store.get("opacity")}
      mode={store.get("mode")}
      onChange={(opacity) => store.set("opacity", opacity)}
    />
  );
}
