import { type Signal, useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { Channel } from "./channel";
import type { Shading } from "./color-scales";
import { useExact } from "./exact";
import { type Field, fieldOf } from "./field";
import type { Frame } from "./frame";
import type { OverlayStyle } from "./heatmap";
import { PictureLayers } from "./picture-layers";
import { type Pointed, readout, stageShape, valueUnder } from "./pointed";
import { type Cell, type Rectangle, spanning } from "./rectangle";
import { SplitHandle } from "./split-handle";
import { Marks, StageBar } from "./stage-bar";
import { type StageActions, stageKeys } from "./stage-keys";
import { usePointer } from "./stage-pointer";
import { fitSize, showPoint, type ViewBox, WHOLE, zoomAt } from "./view-box";
import { useWidth } from "./width";

interface StageProps {
  image: Frame | null;
  field: Field | null;
  shading: Shading | null;
  overlay: OverlayStyle;
  channel: Channel;
  /** The cell under the pointer or the keyboard's cursor, and the value there. */
  pointed: Signal<Pointed | null>;
  maxHeight: number;
  label: string;
  announce(text: string): void;
  split: number | null;
  onSplit(split: number): void;
  selection: Rectangle | null;
  onSelection(selection: Rectangle | null): void;
}

/**
 * The large picture: zoom, pan, values under the pointer, a rectangle to select, a slider between before and after.
 * Its keys are listed in `stageKeys`.
 */
export function PictureStage(props: StageProps) {
  const { image, field, pointed, selection } = props;
  const frame = useRef<HTMLDivElement>(null);
  const stage = useRef<HTMLDivElement>(null);
  const view = useSignal<ViewBox>(WHOLE);
  const selecting = useSignal(false);
  const draft = useSignal<Rectangle | null>(null);
  const shape = stageShape(image, field);
  const ratio = globalThis.devicePixelRatio || 1;
  const size_px = fitSize(...shape, props.maxHeight, useWidth(frame), ratio);
  const exactImage = useExact(props.channel, image, view.value, size_px);
  const finer = useExact(props.channel, field?.header ?? null, view.value, size_px);
  const exactHeat = useMemo(() => finer && { field: fieldOf(finer.frame), place: finer.place }, [finer]);

  const point = (cell: Cell | null) => {
    pointed.value = cell && { cell, value: valueUnder(cell, shape, field, exactHeat) };
  };
  const actions = useActions(props, { view, selecting, draft, shape, point });
  const hint = useWheelHint();
  usePointer(stage, { view, selecting, draft, shape, point, onSelection: props.onSelection, onIdleWheel: hint.show });
  useEffect(() => {
    view.value = WHOLE;
  }, [shape[0], shape[1]]);
  useEffect(() => {
    if (pointed.value) point(pointed.value.cell);
  }, [field, exactHeat]);

  return (
    <div class="attrium-stage-frame" ref={frame}>
      <div
        ref={stage}
        class="attrium-stage"
        style={{ height: `${size_px[0]}px`, width: `${size_px[1]}px`, borderRadius: `${cornerOf(size_px)}px` }}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the stage has keys of its own
        tabIndex={0}
        role="application"
        aria-label={`${props.label}. Arrows read values, plus and minus zoom, Shift with arrows selects.`}
        data-zoom={view.value.zoom}
        data-tool={selecting.value ? "select" : "pan"}
        data-smooth={size_px[1] * view.value.zoom < (image?.shape[1] ?? field?.width ?? 0)}
        onKeyDown={stageKeys(actions)}
      >
        <div class="attrium-world" style={worldStyle(view.value, size_px)}>
          <PictureLayers
            image={image}
            field={field}
            shading={props.shading}
            overlay={props.overlay}
            split={splitOnPicture(props.split, view.value)}
            exactImage={exactImage}
            exactHeat={exactHeat}
          />
          <Marks shape={shape} cell={pointed.value?.cell ?? null} selection={draft.value ?? selection} />
        </div>
        {props.split !== null && <SplitHandle split={props.split} onChange={props.onSplit} stage={stage} />}
      </div>
      <StageBar
        width_px={size_px[1]}
        text={hint.shown ? null : pointed.value && readout(pointed.value)}
        hint={hint.shown ? WHEEL_HINT : field ? "Point to read values" : "No attribution yet"}
        zoomed={view.value.zoom > 1}
        selecting={selecting.value}
        actions={actions}
      />
    </div>
  );
}

const WHEEL_HINT = "Ctrl + scroll to zoom, or click first";
const HINT_MS = 2500;

/** A word on how to zoom, for a while after a wheel that did not. */
function useWheelHint() {
  const turned = useSignal(0);
  useEffect(() => {
    if (turned.value === 0) return undefined;
    const timer = setTimeout(() => {
      turned.value = 0;
    }, HINT_MS);
    return () => clearTimeout(timer);
  }, [turned.value]);
  return {
    shown: turned.value > 0,
    show: () => {
      turned.value++;
    },
  };
}

interface StageState {
  view: Signal<ViewBox>;
  selecting: Signal<boolean>;
  draft: Signal<Rectangle | null>;
  shape: readonly [height: number, width: number];
  point(cell: Cell | null): void;
}

/** What keys and buttons do. */
function useActions(props: StageProps, { view, selecting, draft, shape, point }: StageState): StageActions {
  const { pointed, selection, onSelection } = props;
  const anchor = useRef<Cell | null>(null);
  const [height, width] = shape;
  const follow = ([row, column]: Cell) => showPoint(view.value, (column + 0.5) / width, (row + 0.5) / height);
  return {
    move(rows, columns, extend) {
      const from = pointed.value?.cell;
      const to: Cell = from
        ? [clamp(from[0] + rows, height), clamp(from[1] + columns, width)]
        : [Math.floor(height / 2), Math.floor(width / 2)];
      point(to);
      view.value = follow(to);
      anchor.current = extend ? (anchor.current ?? from ?? to) : null;
      if (anchor.current) onSelection(spanning(anchor.current, to));
      if (pointed.value) props.announce(readout(pointed.value));
    },
    zoom(factor) {
      view.value = zoomAt(view.value, factor);
      if (pointed.value) view.value = follow(pointed.value.cell);
    },
    showAll() {
      view.value = WHOLE;
    },
    switchTool() {
      selecting.value = !selecting.value;
    },
    clear() {
      if (!selection && !draft.value && !pointed.value) return false;
      anchor.current = null;
      draft.value = null;
      pointed.value = null;
      if (selection) onSelection(null);
      return true;
    },
  };
}

/** Round corners that leave a thin picture its corner cells. */
function cornerOf([height_px, width_px]: readonly [number, number]): number {
  return Math.min(10, height_px / 12, width_px / 12);
}

function clamp(at: number, length: number): number {
  return Math.min(length - 1, Math.max(0, at));
}

function worldStyle({ zoom, x, y }: ViewBox, [height_px, width_px]: readonly [number, number]) {
  return {
    height: `${height_px * zoom}px`,
    width: `${width_px * zoom}px`,
    top: `${height_px * (0.5 - y * zoom)}px`,
    left: `${width_px * (0.5 - x * zoom)}px`,
  };
}

/** The split as a share of the whole picture, from its share of the window. */
function splitOnPicture(split: number | null, view: ViewBox): number | null {
  return split === null ? null : Math.min(1, Math.max(0, view.x + (split - 0.5) / view.zoom));
}
