import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { onKeys, roleProperties, useFullscreen, useWidth, type ViewProps } from "../../lib";
import { type Explorer, useExplorer } from "./explorer";
import { LARGEST_FIT, READABLE } from "./graph/camera";
import { Stage } from "./graph/stage";
import type { CameraControl } from "./graph/use-camera";
import { type PictureAnswer, usePicture } from "./graph/use-picture";
import { Panels } from "./panels";
import type { Traits } from "./protocol";
import { Header } from "./shell/header";
import { Help } from "./shell/help";
import { Input } from "./shell/input";
import { Legend } from "./shell/legend";
import { Stepper } from "./shell/stepper";
import { Tabs } from "./shell/tabs";
import { Corner, Toolbar } from "./shell/toolbar";

/** From here on the panel stands beside the graph. */
const WIDE_PX = 980;
const LEAST_PX = 300;
const MOST_PX = 720;
/** What stands over and under the graph where it fills the screen. */
const SCREEN_AROUND_PX = 262;

/** A RASP program as a graph of its transformer, with panels about the selected node. */
export function RaspGraphView(props: ViewProps<Traits>) {
  const explorer = useExplorer(props);
  const root = useRef<HTMLDivElement>(null);
  const camera = useRef<CameraControl | null>(null);
  const help = useSignal(false);
  const width = useWidth(root);
  const screen = useFullscreen(root);
  const answer = usePicture(explorer);
  const wide = width >= WIDE_PX;
  const inside = root.current?.ownerDocument.defaultView?.innerHeight ?? 0;
  const height = screen.on
    ? Math.max(LEAST_PX, inside - SCREEN_AROUND_PX)
    : heightFor(answer, wide ? width * 0.58 : width);
  const keys = useKeys(explorer, root, help, screen);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: shortcuts for all controls inside
    <div
      ref={root}
      class="attrium-rasp"
      data-wide={wide}
      data-screen={screen.on}
      style={roleProperties(props.theme)}
      onKeyDown={keys}
    >
      <Corner explorer={explorer} picture={answer.picture} screen={screen} help={help} />
      <Header explorer={explorer} />
      <Input explorer={explorer} />
      {help.value && (
        <Help
          onClose={() => {
            help.value = false;
          }}
        />
      )}
      <div class="attrium-rasp-body">
        <div class="attrium-rasp-graph-side">
          <Toolbar explorer={explorer} picture={answer.picture} camera={camera} />
          <Problem explorer={explorer} answer={answer} />
          {answer.picture ? (
            <Stage explorer={explorer} answer={answer} height_px={height} control={camera} />
          ) : (
            <Waiting answer={answer} />
          )}
          <div class="attrium-rasp-under">
            <Stepper explorer={explorer} />
            <Legend theme={props.theme} />
          </div>
        </div>
        <div class="attrium-rasp-panel-side">
          <Tabs explorer={explorer} />
          <Panels explorer={explorer} />
        </div>
      </div>
    </div>
  );
}

/** As high as the graph is where its width fits, between bounds. */
function heightFor({ picture }: PictureAnswer, width: number): number {
  const bounds = picture?.layout.bounds;
  if (!bounds || width === 0) return LEAST_PX;
  const scale = Math.max(READABLE, Math.min(LARGEST_FIT, width / bounds.width));
  return Math.round(Math.max(LEAST_PX, Math.min(MOST_PX, bounds.height * scale + 14)));
}

function Waiting({ answer }: { answer: PictureAnswer }) {
  return (
    <p class="attrium-empty" aria-busy={answer.error === null}>
      {answer.error ?? "Waiting for the program."}
    </p>
  );
}

/** What is wrong with the program, in place; the last one that worked stays. */
function Problem({ explorer, answer }: { explorer: Explorer; answer: PictureAnswer }) {
  const problem = explorer.store.get("problem");
  const message = problem?.message ?? (answer.picture ? answer.error : null);
  if (!message) return null;
  const place = problem && [problem.node && `at ${problem.node}`, problem.line > 0 && `line ${problem.line}`];
  return (
    <p class="attrium-rasp-problem" role="alert">
      {place?.some(Boolean) && <b>{place.filter(Boolean).join(", ")}: </b>}
      {message}
    </p>
  );
}

function useKeys(
  explorer: Explorer,
  root: { current: HTMLElement | null },
  help: { value: boolean },
  screen: ReturnType<typeof useFullscreen>,
) {
  const press = (selector: string) => () => {
    const button = root.current?.querySelector<HTMLButtonElement>(selector);
    if (!button || button.disabled) return;
    button.click();
  };
  const outside = (action: (event: KeyboardEvent) => unknown) => (event: KeyboardEvent) =>
    isTyping(event) ? false : action(event);
  return onKeys({
    "[": outside(press(".attrium-rasp-stepper button:nth-of-type(1)")),
    "]": outside(press(".attrium-rasp-stepper button:nth-of-type(3)")),
    p: outside(press(".attrium-rasp-stepper button:nth-of-type(2)")),
    "/": outside(() => root.current?.querySelector<HTMLElement>(".attrium-rasp-search input")?.focus()),
    "?": outside(() => {
      help.value = !help.value;
    }),
    Escape: outside(() => {
      if (help.value) help.value = false;
      else if (explorer.clear() === false) {
        if (!screen.on) return false;
        screen.leave();
      }
      return true;
    }),
  });
}

/** Whether a key goes into a text. */
function isTyping({ target }: KeyboardEvent): boolean {
  return (
    target instanceof HTMLElement &&
    target.closest("input:not([type=range]), textarea, select, [contenteditable]") !== null
  );
}
