import type { ReadonlySignal } from "@preact/signals";
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Explorer } from "../explorer";
import type { Shown } from "../flow/use-flow";
import type { DrawnFlow } from "../flow/flow";
import { rangeOf } from "../flow/counting";
import { titlesOf } from "../flow/titles";
import { useDistribution } from "../probabilities-data";
import { exportList } from "./export-list";
import { exportScene } from "./export-scene";
import { factsOf } from "./header";
import { savePng, saveSvg, saveTensor, tensorInView } from "./export";
import { GlyphButton } from "../../../lib/glyph";

interface Props {
  explorer: Explorer;
  shown: Shown | null;
  drawn: ReadonlySignal<DrawnFlow | null>;
}

/** Picture and numbers as files. */
export function ExportMenu({ explorer, shown, drawn }: Props) {
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
          <PictureItems
            explorer={explorer}
            shown={shown}
            drawn={drawn.value}
            name={name}
            onSaved={() => {
              open.value = false;
            }}
          />
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

interface PictureProps {
  explorer: Explorer;
  shown: Shown | null;
  drawn: DrawnFlow | null;
  name: string;
  onSaved(): void;
}

/** The picture with all of its words, as a bitmap or as curves. The list is read here, when it is wanted. */
function PictureItems({ explorer, shown, drawn, name, onSaved }: PictureProps) {
  const holder = useRef<HTMLButtonElement>(null);
  const { distribution } = useDistribution(explorer);
  const whole = () => {
    if (!drawn || !shown) return null;
    const { scene, layout, words } = drawn;
    const { store, theme } = explorer;
    const { model, data } = shown;
    const edited = data.edited ? [store.get("which") === "run" ? "with the interventions" : "without them"] : [];
    const titles = {
      title: store.get("title"),
      facts: [...factsOf(model), ...edited],
      block: [`Block ${data.facts.block}`, rangeOf(model.blocks)] as const,
      parts: titlesOf(layout),
      notes: Object.values(words).filter((note): note is string => note !== null),
    };
    return exportScene(scene, layout, titles, distribution && exportList(explorer, distribution), theme);
  };
  const picture = (save: typeof savePng) => () => {
    const scene = whole();
    if (scene) save(holder.current?.ownerDocument ?? globalThis.document, scene, name);
    onSaved();
  };
  return (
    <>
      <button ref={holder} type="button" role="menuitem" disabled={!drawn} onClick={picture(savePng)}>
        Picture, PNG
      </button>
      <button type="button" role="menuitem" disabled={!drawn} onClick={picture(saveSvg)}>
        Picture, SVG
      </button>
    </>
  );
}
