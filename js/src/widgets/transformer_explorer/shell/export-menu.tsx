import type { ReadonlySignal } from "@preact/signals";
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Scene } from "../../../lib/scene";
import type { Explorer } from "../explorer";
import type { Shown } from "../flow/use-flow";
import { savePng, saveSvg, saveTensor, tensorInView } from "./export";
import { GlyphButton } from "./glyph";

interface Props {
  explorer: Explorer;
  shown: Shown | null;
  scene: ReadonlySignal<Scene | null>;
}

/** Picture and numbers as files. */
export function ExportMenu({ explorer, shown, scene }: Props) {
  const open = useSignal(false);
  const failed = useSignal<string | null>(null);
  const holder = useRef<HTMLDivElement>(null);
  const { store, channel } = explorer;
  useEffect(() => {
    if (!open.value) return undefined;
    const document = holder.current?.ownerDocument;
    const close = (event: Event) => {
      if (!holder.current?.contains(event.target as Node)) open.value = false;
    };
    document?.addEventListener("pointerdown", close);
    return () => document?.removeEventListener("pointerdown", close);
  }, [open.value]);
  const name = `${store.get("title") || "flow"} block ${store.get("block")} head ${store.get("head")}`;
  const region =
    shown &&
    tensorInView(store.get("view"), shown.data.facts, store.get("which"), store.get("head"), {
      tokens: shown.data.tokens,
    });
  const document = () => holder.current?.ownerDocument ?? globalThis.document;
  const tensor = (format: "csv" | "npz") => () => {
    failed.value = null;
    if (!region) return;
    saveTensor(document(), channel, format, region).then(
      () => {
        open.value = false;
      },
      (reason: unknown) => {
        failed.value = reason instanceof Error ? reason.message : String(reason);
      },
    );
  };
  const picture = (save: typeof savePng) => () => {
    if (scene.value) save(document(), scene.value, name);
    open.value = false;
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: Escape closes the menu of the button inside
    <div
      class="attrium-te-export"
      ref={holder}
      onKeyDown={(event) => {
        if (event.key === "Escape" && open.value) {
          open.value = false;
          event.stopPropagation();
        }
      }}
    >
      <GlyphButton
        glyph="save"
        label="Save picture or numbers"
        expanded={open.value}
        onClick={() => {
          open.value = !open.value;
          failed.value = null;
        }}
      />
      {open.value && (
        <div class="attrium-te-menu" role="menu">
          <button type="button" role="menuitem" disabled={!scene.value} onClick={picture(savePng)}>
            Picture, PNG
          </button>
          <button type="button" role="menuitem" disabled={!scene.value} onClick={picture(saveSvg)}>
            Picture, SVG
          </button>
          <button type="button" role="menuitem" disabled={!region} onClick={tensor("csv")}>
            Numbers, CSV
          </button>
          <button type="button" role="menuitem" disabled={!region} onClick={tensor("npz")}>
            Numbers, NPZ
          </button>
          {region && <p class="attrium-faint">numbers of {region.tensor}</p>}
          {failed.value !== null && <p role="alert">{failed.value}</p>}
        </div>
      )}
    </div>
  );
}
