import { useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import {
  CaptionList,
  Button,
  decodeFrame,
  type Field,
  fieldOf,
  formatSigned,
  OverlayLegend,
  ModeControl,
  OpacityTraitControl,
  overlayStyle,
  PictureStage,
  type Pointed,
  type Rectangle,
  ScaleTraitControls,
  Selected,
  scaleOf,
  shadingOf,
  stageShape,
  sumInside,
  Toggle,
  type ViewProps,
} from "../../lib";
import type { Traits } from "./protocol";

/** The picture with its overlay, its legend, and a slim row of controls. */
export function ImageAttributionView({ store, channel, theme, announce }: ViewProps<Traits>) {
  const wireImage = store.get("image");
  const wireHeat = store.get("heat");
  const image = useMemo(() => wireImage && decodeFrame(wireImage), [wireImage]);
  const field = useMemo(() => wireHeat && fieldOf(decodeFrame(wireHeat)), [wireHeat]);
  const settings = scaleOf(store);
  const shading = useMemo(
    () => field && shadingOf(field, settings),
    [field, settings.sign, settings.clipPercentile, settings.colors],
  );
  const pointed = useSignal<Pointed | null>(null);
  const open = useSignal(false);
  const mode = store.get("mode");
  const overlay = overlayStyle(mode, store.get("opacity"), theme, image !== null);
  const height = store.get("height_px");
  const selection = store.get("selection");
  const empty = image === null && field === null;
  return (
    <>
      <header class="attrium-head">
        <h2 class="attrium-title">{store.get("title")}</h2>
        <ModeControl mode={mode} onChange={(value) => store.set("mode", value)} disabled={empty} />
        <Button
          kind="quiet"
          icon="sliders"
          label="Colours, clip and opacity"
          expanded={open.value}
          onClick={() => {
            open.value = !open.value;
          }}
        />
      </header>
      {open.value && <Settings store={store} />}
      {empty ? (
        <p class="attrium-empty">Nothing to show yet: neither a picture nor scores.</p>
      ) : (
        <div class="attrium-split-layout">
          <PictureStage
            image={image}
            field={field}
            shading={shading}
            overlay={overlay}
            channel={channel}
            pointed={pointed}
            maxHeight={height > 0 ? Math.max(160, height - 150) : 512}
            label={store.get("title") || "Picture with attribution"}
            announce={announce}
            split={store.get("split")}
            onSplit={(split) => store.set("split", split)}
            selection={selection}
            onSelection={(value) => store.set("selection", value)}
          />
          <aside class="attrium-side">
            <CaptionList caption={store.get("caption")} />
            {field && shading && (
              <OverlayLegend
                field={field}
                shading={shading}
                clipPercentile={settings.clipPercentile}
                marked={pointed.value?.value ?? null}
                overlay={overlay}
              />
            )}
            {selection && (
              <Selected
                text={selectionText(selection, field, stageShape(image, field))}
                onClear={() => store.set("selection", null)}
              />
            )}
          </aside>
        </div>
      )}
    </>
  );
}

function Settings({ store }: Pick<ViewProps<Traits>, "store">) {
  return (
    <section class="attrium-panel" aria-label="Overlay settings">
      <ScaleTraitControls store={store} />
      <div class="attrium-together">
        <OpacityTraitControl store={store} />
        <Toggle
          label="Before and after"
          doc="A slider: left of it the bare picture, right of it the overlay"
          value={store.get("split") !== null}
          onChange={(on) => store.set("split", on ? 0.5 : null)}
        />
      </div>
    </section>
  );
}

/** The selected rectangle in numbers. */
function selectionText(
  [rows, columns]: Rectangle,
  field: Field | null,
  shape: [height: number, width: number],
): string {
  const place = `rows ${rows[0]}\u2009:\u2009${rows[1]}, columns ${columns[0]}\u2009:\u2009${columns[1]}`;
  return field ? `${place}, sum ${formatSigned(sumInside(field, [rows, columns], ...shape))}` : place;
}
