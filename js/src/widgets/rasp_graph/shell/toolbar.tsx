import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { Button, type Fullscreen, Segmented, Toggle } from "../../../lib";
import type { Explorer } from "../explorer";
import type { Picture } from "../graph/picture";
import type { CameraControl } from "../graph/use-camera";
import { graphScene, savePng, saveSvg } from "./export";
import { GlyphButton } from "../../../lib/glyph";
import { Search } from "./search";

interface Props {
  explorer: Explorer;
  picture: Picture | null;
  camera: { current: CameraControl | null };
}

/** How the graph is arranged, and the way to a node. */
export function Toolbar({ explorer, picture, camera }: Props) {
  const { store } = explorer;
  const minor = picture?.graph.nodes.filter((node) => node.minor).length ?? 0;
  const focus = store.get("focus");
  const node = store.get("node");
  return (
    <div class="attrium-rasp-toolbar">
      <Segmented
        label="Arrangement"
        options={[
          { value: "lanes", label: "Layers", doc: "Where the compiler put each node" },
          { value: "written", label: "As written", doc: "Each node below what it is made from" },
        ]}
        value={store.get("arrangement")}
        onChange={(arrangement) => store.set("arrangement", arrangement)}
      />
      {minor > 0 && (
        <Toggle
          label={`Minor nodes (${minor})`}
          doc="Functions without a name that only one other function reads"
          value={store.get("unfolded")}
          onChange={(unfolded) => store.set("unfolded", unfolded)}
        />
      )}
      {focus !== "" ? (
        <Button kind="quiet" icon="cross" label="Show all nodes again" onClick={() => store.set("focus", "")}>
          only {focus}
        </Button>
      ) : (
        node !== "" && (
          <Button
            kind="quiet"
            label="Only what leads to and from this node (Enter)"
            onClick={() => store.set("focus", node)}
          >
            Focus
          </Button>
        )
      )}
      <Search explorer={explorer} />
      <span class="attrium-rasp-zoom">
        <Button kind="quiet" icon="minus" label="Farther (-)" onClick={() => camera.current?.zoom(0.8)} />
        <Button kind="quiet" icon="fit" label="All of it (0)" onClick={() => camera.current?.fit()} />
        <Button kind="quiet" icon="plus" label="Closer (+)" onClick={() => camera.current?.zoom(1.25)} />
      </span>
    </div>
  );
}

interface CornerProps {
  explorer: Explorer;
  picture: Picture | null;
  screen: Fullscreen;
  help: { value: boolean };
}

/** Saving, help and full screen. */
export function Corner({ explorer, picture, screen, help }: CornerProps) {
  const open = useSignal(false);
  const holder = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    if (!open.value) return undefined;
    const document = holder.current?.ownerDocument;
    const close = (event: Event) => {
      if (!holder.current?.contains(event.target as Node)) open.value = false;
    };
    document?.addEventListener("pointerdown", close);
    return () => document?.removeEventListener("pointerdown", close);
  }, [open.value]);
  const save = (write: typeof saveSvg) => () => {
    open.value = false;
    if (!picture) return;
    const title = explorer.store.get("title") || picture.graph.label;
    write(holder.current?.ownerDocument ?? document, graphScene(picture, title), title || "program");
  };
  return (
    <span class="attrium-rasp-corner" ref={holder}>
      <GlyphButton
        glyph="save"
        label="Save the picture"
        expanded={open.value}
        disabled={!picture}
        onClick={() => {
          open.value = !open.value;
        }}
      />
      {open.value && (
        <div class="attrium-rasp-menu" role="menu">
          <button type="button" role="menuitem" onClick={save(savePng)}>
            Picture, PNG
          </button>
          <button type="button" role="menuitem" onClick={save(saveSvg)}>
            Picture, SVG
          </button>
        </div>
      )}
      <GlyphButton
        glyph="help"
        label="Keys (?)"
        pressed={help.value}
        onClick={() => {
          help.value = !help.value;
        }}
      />
      <GlyphButton
        glyph={screen.on ? "shrink" : "grow"}
        label={screen.on ? "Back into the page (Escape)" : "Fill the screen"}
        pressed={screen.on}
        onClick={screen.toggle}
      />
    </span>
  );
}
