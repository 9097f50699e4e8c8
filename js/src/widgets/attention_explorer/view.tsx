import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { Button, type MatrixPainter, onKeys, useFullscreen, useWidth, type ViewProps } from "../../lib";
import type { ArcsPicture } from "./arcs-canvas";
import { neighbourHead, neighbourLayer, type Shown, useExplorer, useShown } from "./explorer";
import { FieldPanel, useField } from "./field";
import { Header } from "./header";
import { HeadPanel } from "./head-panel";
import type { DrawnPatches } from "./patches";
import type { Traits } from "./protocol";

/** Attention in all its heads, and one of them closely. */
export function AttentionExplorerView(props: ViewProps<Traits>) {
  const shown = useShown(props.store);
  const title = props.store.get("title");
  return (
    <>
      {title !== "" && (
        <header class="attrium-head">
          <h2 class="attrium-title">{title}</h2>
        </header>
      )}
      {shown ? <Attention {...props} shown={shown} /> : <p class="attrium-empty">Nothing to show yet: no attention.</p>}
    </>
  );
}

const NARROW_PX = 780;
/** Of the matrix, the lines or the picture; and what stands around it when the view fills the screen. */
const HEIGHT_PX = 560;
const AROUND_PX = 300;
const NARROW_FIELD_PX = 236;
const LARGEST_TILE_PX = 72;

/** Thumbnails of a field above the matrix: so large that all layers are in sight, but not too small to see. */
function narrowTile(layers: number): number {
  return Math.max(34, Math.min(LARGEST_TILE_PX, Math.floor((NARROW_FIELD_PX - 20) / layers) - 8));
}

function screenHeight(root: HTMLElement | null): number {
  return Math.max(HEIGHT_PX, (root?.ownerDocument.defaultView?.innerHeight ?? 0) - AROUND_PX);
}

/** What was drawn last, for export. */
export interface Drawn {
  matrix: { current: MatrixPainter | null };
  arcs: { current: ArcsPicture | null };
  picture: { current: DrawnPatches | null };
}

function Attention({ shown, ...props }: ViewProps<Traits> & { shown: Shown }) {
  const explorer = useExplorer(props, shown);
  const root = useRef<HTMLDivElement>(null);
  const width = useWidth(root);
  const narrow = width > 0 && width < NARROW_PX;
  const field = useField(explorer);
  const pointed = useSignal<number | null>(null);
  const drawn: Drawn = { matrix: useRef(null), arcs: useRef(null), picture: useRef(null) };
  const screen = useFullscreen(root);
  const keys = onKeys({
    "[": () => explorer.choose(...neighbourHead(shown, -1)),
    "]": () => explorer.choose(...neighbourHead(shown, 1)),
    "{": () => explorer.choose(...neighbourLayer(shown, -1)),
    "}": () => explorer.choose(...neighbourLayer(shown, 1)),
    Escape: () => {
      if (explorer.clear() !== false) return true;
      if (screen.on) screen.leave();
      return screen.on;
    },
  });
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: shortcuts for all controls inside
    <div ref={root} class="attrium-attention" data-narrow={narrow} data-screen={screen.on} onKeyDown={keys}>
      <span class="attrium-attention-tools">
        <Button
          kind="quiet"
          icon="fit"
          pressed={screen.on}
          label={screen.on ? "Back into the page (Escape)" : "Fill the screen"}
          onClick={screen.toggle}
        />
      </span>
      <Header explorer={explorer} />
      <div class="attrium-attention-body">
        <FieldPanel
          explorer={explorer}
          field={field}
          height_px={narrow ? NARROW_FIELD_PX : 600}
          largest_px={narrow ? narrowTile(shown.kind.layers.length) : LARGEST_TILE_PX}
        />
        <HeadPanel
          explorer={explorer}
          field={field}
          pointed={pointed}
          drawn={drawn}
          height_px={screen.on ? screenHeight(root.current) : HEIGHT_PX}
        />
      </div>
    </div>
  );
}
