import { type Signal, useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { onKeys, spokenText, useWidth } from "../../../lib";
import type { Scene } from "../../../lib/scene";
import { drawScene } from "../../../lib/scene-canvas";
import type { Hit } from "../../../lib/scene-hit";
import type { Explorer } from "../explorer";
import { Probabilities } from "../probabilities";
import type { About } from "./about";
import { spokenAt } from "./counting";
import { FlowEmpty } from "./empty";
import { stageAfter } from "./focus";
import { FlowLegend } from "./legend";
import { type LegendWords, legendWords } from "./legend-words";
import { type Layout, layOut, scrollTo } from "./layout";
import { overlayScene } from "./overlay-marks";
import { flowScene, groundMarks } from "./picture";
import { FlowTip } from "./tip";
import { FlowTitles } from "./title-bar";
import { useCross } from "./use-cross";
import type { FlowAnswer, Shown } from "./use-flow";
import { sized, useMotion } from "./use-motion";
import { usePattern } from "./use-pattern";
import { focusAbout, type Pointing, usePointing } from "./use-pointing";

/** The picture on show, and where everything in it lies. */
export interface DrawnFlow {
  scene: Scene<About>;
  layout: Layout;
  /** What the marks mean. */
  words: LegendWords;
}

interface Props {
  explorer: Explorer;
  flow: FlowAnswer;
  /** What is on show, for export. */
  drawn: Signal<DrawnFlow | null>;
  /** Height of the whole picture, in pixels; null for what suits the width. */
  height_px: number | null;
}

/** The forward pass through one block as one picture. */
export function Flow({ explorer, flow, drawn, height_px }: Props) {
  const { shown, waiting, error } = flow;
  return (
    <section class="attrium-flow" aria-label="Flow of the forward pass" aria-busy={waiting}>
      {shown ? (
        <Picture explorer={explorer} shown={shown} drawn={drawn} height_px={height_px} />
      ) : (
        <FlowEmpty explorer={explorer} error={error} />
      )}
      {shown && error !== null && <p class="attrium-flow-error attrium-faint">{error}</p>}
    </section>
  );
}

function Picture({ explorer, shown, drawn, height_px }: Omit<Props, "flow"> & { shown: Shown }) {
  const { store, theme } = explorer;
  const box = useRef<HTMLDivElement>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const ghost = useRef<HTMLCanvasElement>(null);
  const over = useRef<HTMLCanvasElement>(null);
  const scroll = useSignal(0);
  const focus = useSignal<{ stage: string; lane: number } | null>(null);
  const width = useWidth(box);
  const { data, model, tokens, version } = shown;
  const position = Math.min(store.get("position"), data.tokens - 1);
  const head = Math.min(store.get("head"), Math.max(0, model.heads - 1));
  const edits = store.get("edits");
  const which = store.get("which");
  const layout = useMemo(
    () => layoutFor(shown, width, height_px, scroll.value),
    [shown, width, height_px, scroll.value],
  );
  const pattern = usePattern(explorer, shown, layout, head);
  const cross = useCross(explorer, shown, layout, head);
  const names = useMemo(() => tokens.map(({ text }) => spokenText(text)), [tokens]);
  const ground = useMemo(() => {
    if (!layout) return null;
    const acting = which === "run" ? edits : [];
    const seen = { data, layout, model, tokens, names, position, edits: acting, theme, encoder: cross.keys };
    return { seen, marks: groundMarks(seen) };
  }, [layout, position, edits, which, theme, cross.keys]);
  const scene = useMemo(
    () => ground && flowScene({ ...ground.seen, pattern, head, cross: cross.pattern }, ground.marks),
    [ground, pattern, head, cross.pattern],
  );
  useLayoutEffect(() => {
    drawn.value = scene && layout && { scene, layout, words: legendWords(data, layout, pattern) };
  }, [scene, layout]);
  const moment = useMemo(
    () => ({ version, tokens: tokens.map(({ text }) => text), block: data.facts.block, head }),
    [version, tokens, data, head],
  );
  const motion = useMotion(canvas, ghost, scene, layout, layout && moment);
  const told = { data, model, tokens, pattern, cross: cross.pattern, encoder: cross.keys, head, which };
  const pointing = usePointing(explorer, scene, told, box);
  useSight(scroller, layout, position);
  useOverlay(over, layout, explorer, shown, pointing, focus);

  const move = (lane: number, stage: string | null) => {
    const to = Math.min(data.tokens - 1, Math.max(0, lane));
    if (to !== position) explorer.go({ position: to });
    if (!stage || !layout) return;
    focus.value = { stage, lane: to };
    pointing.tell(focusAbout(layout, stage, to, told), true);
  };
  const stage = focus.value?.stage ?? null;
  // The list says nothing of the head: it is drawn again only when it is another one.
  const list = useMemo(() => <Probabilities explorer={explorer} compact />, [explorer]);
  // What was said belongs to the picture before: say it of this one, or nothing.
  useEffect(() => {
    if (!focus.value || !layout) pointing.leave();
    else pointing.tell(focusAbout(layout, focus.value.stage, position, told), false);
  }, [data, head, which]);
  const aside = (by: number) => layout && move(position, stageAfter(layout, stage, by));
  const keys = onKeys({
    ArrowUp: () => move(position - 1, stage),
    ArrowDown: () => move(position + 1, stage),
    ArrowLeft: () => aside(-1),
    ArrowRight: () => aside(1),
    Home: () => move(0, stage),
    End: () => move(data.tokens - 1, stage),
    Enter: () => pointing.act(),
  });
  const pointed = (event: MouseEvent): [number, number] => {
    const bounds = (event.currentTarget as HTMLElement).getBoundingClientRect();
    return [event.clientX - bounds.left, event.clientY - bounds.top];
  };
  const hidden = layout ? layout.total - layout.lanes.height : 0;
  return (
    <>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: any key or click ends a motion, and does what it does besides */}
      <div
        class="attrium-flow-box"
        ref={box}
        data-run={version}
        data-block={data.facts.block}
        data-head={head}
        onPointerDown={motion.skip}
        onKeyDown={motion.skip}
      >
        {layout && (
          <FlowTitles explorer={explorer} layout={layout} model={model} block={data.facts.block} head={head} />
        )}
        <div
          class="attrium-flow-scroll"
          ref={scroller}
          data-scrolls={hidden > 0.5}
          style={{ height: `${layout?.height ?? 0}px`, width: layout?.list ? `${layout.list.x}px` : "100%" }}
          onScroll={(event) => {
            scroll.value = event.currentTarget.scrollTop;
          }}
        >
          <div style={{ height: `${(layout?.height ?? 0) + hidden}px` }}>
            {/* biome-ignore lint/a11y/useSemanticElements: a picture with a cursor of its own is no form's fieldset */}
            <div
              class="attrium-flow-stage"
              role="group"
              aria-label={`Picture of ${spokenAt("block", data.facts.block, model.blocks)}: arrows go through tokens and stages, Enter opens`}
              // biome-ignore lint/a11y/noNoninteractiveTabindex: the picture takes keys
              tabIndex={0}
              data-pointing={
                pointing.hit.value?.about !== undefined &&
                (pointing.hint.value?.click !== null || pointing.hint.value.opensTerm)
              }
              onKeyDown={keys}
              onBlur={() => {
                focus.value = null;
                pointing.leave();
              }}
              onPointerMove={(event) => pointing.at(...pointed(event))}
              onPointerLeave={() => pointing.leave()}
              onClick={(event) => {
                pointing.at(...pointed(event));
                pointing.act();
              }}
            >
              <canvas ref={canvas} />
              <canvas ref={ghost} class="attrium-flow-over attrium-flow-ghost" />
              <canvas ref={over} class="attrium-flow-over" />
              {layout && <FlowTip explorer={explorer} pointing={pointing} layout={layout} />}
            </div>
          </div>
        </div>
        {layout?.list && (
          <div
            class="attrium-flow-list"
            style={{ left: `${layout.list.x}px`, width: `${layout.list.width}px`, height: `${layout.height}px` }}
          >
            {list}
          </div>
        )}
      </div>
      <FlowLegend explorer={explorer} shown={shown} pattern={pattern} layout={layout} cross={cross} />
      {layout && !layout.list && list}
    </>
  );
}

function layoutFor({ data, model }: Shown, width: number, most: number | null, scroll: number): Layout | null {
  if (width < 100) return null;
  const height = Math.min(660, Math.max(430, width * 0.46));
  const { stages, sizes, block } = data.facts;
  return layOut({ width, height, within: most, tokens: data.tokens, scroll }, { model, stages, sizes, block });
}

/** Scrolls the selected lane into sight when it changes. */
function useSight(scroller: { current: HTMLDivElement | null }, layout: Layout | null, position: number): void {
  const ready = layout !== null;
  useLayoutEffect(() => {
    if (!layout || !scroller.current) return;
    const to = scrollTo(layout, position);
    if (Math.abs(to - scroller.current.scrollTop) > 1) scroller.current.scrollTop = to;
  }, [position, ready, layout?.tokens, layout?.pitch, layout?.lanes.height]);
}

/** Draws what is pointed at over the picture. */
function useOverlay(
  over: { current: HTMLCanvasElement | null },
  layout: Layout | null,
  { theme, lane }: Explorer,
  { tokens }: Shown,
  pointing: Pointing,
  focus: Signal<{ stage: string; lane: number } | null>,
): void {
  const hit: Hit<About> | null = pointing.hit.value;
  const hint = pointing.hint.value;
  useEffect(() => {
    if (!over.current || !layout) return;
    const scene = overlayScene({ layout, theme, tokens, hit, hint, lane: lane.value, focus: focus.value });
    const context = sized(over.current, scene.width, scene.height);
    if (context) drawScene(context, scene);
  }, [layout, theme, tokens, hit, hint, lane.value, focus.value]);
}
