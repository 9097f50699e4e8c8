import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import type { ViewProps } from "../../lib";
import { useFullscreen } from "../../lib/fullscreen";
import { roleProperties } from "../../lib/roles";
import { Edits } from "./edits";
import { type DrawnFlow, Flow } from "./flow/flow";
import { useFlow } from "./flow/use-flow";
import { Prompt } from "./prompt";
import type { Traits, ViewName } from "./protocol";
import { Breadcrumbs } from "./shell/breadcrumbs";
import { ExportMenu } from "./shell/export-menu";
import { Glyph, GlyphButton, type GlyphName } from "../../lib/glyph";
import { Header } from "./shell/header";
import { Help } from "./shell/help";
import { onShellKeys, shellKeys } from "./shell/keys";
import { Panel } from "./shell/panel";
import { useScreenRoom } from "./shell/screen-room";
import { Strips } from "./shell/strips";
import { useExplorer } from "./shell/use-explorer";
import { Tour, TourButton } from "./tour";

const TABS: readonly { view: ViewName; text: string; glyph: GlyphName }[] = [
  { view: "heads", text: "All heads", glyph: "field" },
  { view: "lens", text: "Logit lens", glyph: "lens" },
  { view: "contributions", text: "Contributions", glyph: "bars" },
];

/** A transformer's forward pass as one picture, with everything that opens from it. */
export function TransformerExplorerView(props: ViewProps<Traits>) {
  const shell = useExplorer(props);
  const { explorer, history, undo, redo } = shell;
  const { store, go } = explorer;
  const root = useRef<HTMLDivElement>(null);
  const screen = useFullscreen(root);
  const flow = useFlow(explorer);
  const room = useScreenRoom(root, screen.on, flow.shown !== null);
  const drawn = useSignal<DrawnFlow | null>(null);
  const help = useSignal(false);
  // Open where there are any, until the reader decides.
  const chosen = useSignal<boolean | null>(null);
  const editing = chosen.value ?? store.get("edits").length > 0;
  const view = store.get("view");
  const keys = shellKeys(shell, {
    closeHelp: () => {
      const was = help.value;
      help.value = false;
      return was;
    },
    openHelp: () => {
      help.value = true;
    },
    leaveScreen: () => {
      if (screen.on) screen.leave();
      return screen.on;
    },
    focusPrompt: () =>
      root.current?.querySelector<HTMLElement>("[data-tour=prompt] :is(textarea, input, [contenteditable])")?.focus(),
  });
  const count = store.get("edits").filter((edit) => edit.on).length;
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: shortcuts for what has buttons
    <div
      ref={root}
      class="attrium-te"
      data-screen={screen.on}
      style={roleProperties(explorer.theme)}
      onKeyDown={onShellKeys(keys)}
    >
      <Header explorer={explorer}>
        <TourButton explorer={explorer} />
        <GlyphButton glyph="undo" label="Back (Ctrl+Z)" disabled={history.value.past.length === 0} onClick={undo} />
        <GlyphButton
          glyph="redo"
          label="Forward again (Ctrl+Shift+Z)"
          disabled={history.value.future.length === 0}
          onClick={redo}
        />
        <ExportMenu explorer={explorer} shown={flow.shown} drawn={drawn} />
        <GlyphButton
          glyph="help"
          label="Keys (?)"
          expanded={help.value}
          onClick={() => {
            help.value = !help.value;
          }}
        />
        <GlyphButton
          glyph={screen.on ? "shrink" : "grow"}
          label={screen.on ? "Back into the page (Escape)" : "Fill the screen"}
          onClick={screen.toggle}
        />
      </Header>
      {help.value && (
        <Help
          onClose={() => {
            help.value = false;
          }}
        />
      )}
      <Prompt explorer={explorer} />
      <Strips explorer={explorer} shown={flow.shown} />
      <Flow explorer={explorer} flow={flow} drawn={drawn} height_px={room} />
      <div class="attrium-te-tabs">
        <Breadcrumbs explorer={explorer} />
        <span class="attrium-te-tab-buttons">
          {TABS.map((tab) => (
            <button
              key={tab.view}
              type="button"
              class="attrium-button attrium-button-quiet"
              data-tour={tab.view}
              aria-expanded={view === tab.view}
              disabled={flow.shown === null}
              onClick={() => go({ view: view === tab.view ? "" : tab.view })}
            >
              <Glyph name={tab.glyph} />
              {tab.text}
            </button>
          ))}
          <button
            type="button"
            class="attrium-button attrium-button-quiet"
            data-tour="edits"
            aria-expanded={editing}
            onClick={() => {
              chosen.value = !editing;
            }}
          >
            <Glyph name="cut" />
            Interventions{count > 0 && <span class="attrium-count">{count}</span>}
          </button>
        </span>
      </div>
      <Panel explorer={explorer} />
      {editing && <Edits explorer={explorer} />}
      <Tour explorer={explorer} />
    </div>
  );
}
