import { type Signal, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import {
  Button,
  CaptionList,
  Legend,
  ModeControl,
  OverlayLegend,
  onKeys,
  PictureStage,
  type Pointed,
  type Rectangle,
  TokenStrip,
  type ViewProps,
} from "../../lib";
import { type Explained, useExplained } from "./explained";
import { OutcomeMark, ProbabilityBars } from "./prediction";
import type { Card, Traits } from "./protocol";

interface DetailProps extends ViewProps<Traits> {
  /** Place of the open card on the page. */
  at: number;
}

/** One example, large. Escape goes back to the page; with Alt, left and right go to its neighbours. */
export function Detail(props: DetailProps) {
  const { store, at } = props;
  const cards = store.get("cards");
  const card = cards[at];
  const section = useRef<HTMLElement>(null);
  useEffect(() => {
    const opener = section.current?.querySelector<HTMLElement>("button");
    opener?.focus({ preventScroll: true });
  }, []);
  const close = () => store.set("selection", null);
  const go = (by: number) => () => {
    const next = cards[at + by];
    if (next) store.set("selection", next.index);
  };
  if (!card) return null;
  const keys = onKeys({ Escape: close, "Alt+ArrowLeft": go(-1), "Alt+ArrowRight": go(1) });
  return (
    <section ref={section} class="attrium-detail" aria-label={`Example ${card.index}`} onKeyDown={keys}>
      <header class="attrium-head">
        <Button kind="quiet" icon="left" onClick={close}>
          All examples
        </Button>
        <h3 class="attrium-title">
          Example {card.index} <OutcomeMark card={card} classes={store.get("classes")} />
        </h3>
        {store.get("kind") === "image" && (
          <ModeControl mode={store.get("mode")} onChange={(mode) => store.set("mode", mode)} />
        )}
        <span class="attrium-detail-steps">
          <Button kind="quiet" icon="left" label="Example before (Alt Left)" disabled={at === 0} onClick={go(-1)} />
          <Button
            kind="quiet"
            icon="right"
            label="Next example (Alt Right)"
            disabled={at >= cards.length - 1}
            onClick={go(1)}
          />
        </span>
      </header>
      <DetailBody key={card.index} {...props} card={card} />
    </section>
  );
}

function DetailBody(props: DetailProps & { card: Card }) {
  const { store, theme, card, at } = props;
  const explained = useExplained(store, theme, card, store.get("heats")[at] ?? null);
  const { target, explanation, error } = explained;
  const pointed = useSignal<Pointed | null>(null);
  const pointedUnit = useSignal<number | null>(null);
  const unit = pointedUnit.value;
  const marked = explained.image
    ? (pointed.value?.value ?? null)
    : unit === null
      ? null
      : (explained.field?.values[unit] ?? null);
  return (
    <div class={explained.image ? "attrium-split-layout" : "attrium-split-layout attrium-detail-text"}>
      {explained.image ? (
        <DetailPicture {...props} explained={explained} pointed={pointed} />
      ) : (
        <DetailText explained={explained} pointed={pointedUnit} />
      )}
      <aside class="attrium-side">
        <ProbabilityBars store={store} card={card} target={target} />
        {error && <p class="attrium-card-error">{error}</p>}
        {explanation && (
          <CaptionList
            caption={{
              target: store.get("classes")[target] ?? target,
              score: explanation.score,
              method: labelOf(store.get("methods"), explanation.method),
              gap: explanation.gap,
            }}
          />
        )}
        <DetailLegend explained={explained} clip={store.get("clip_percentile")} marked={marked} />
      </aside>
    </div>
  );
}

function labelOf(methods: Traits["methods"], name: string): string {
  return methods.find((method) => method.name === name)?.label ?? name;
}

interface LegendProps {
  explained: Explained;
  clip: number;
  marked: number | null;
}

function DetailLegend({ explained, clip, marked }: LegendProps) {
  const { field, shading, overlay, image } = explained;
  if (!field || !shading) return null;
  const shared = { field, shading, clipPercentile: clip, marked };
  return image ? (
    <OverlayLegend {...shared} overlay={overlay} />
  ) : (
    <Legend {...shared} notes={["scores of a word's pieces are added up"]} />
  );
}

interface PictureProps extends DetailProps {
  explained: Explained;
  pointed: Signal<Pointed | null>;
}

function DetailPicture({ explained, pointed, channel, announce }: PictureProps) {
  const rectangle = useSignal<Rectangle | null>(null);
  const { image, field, shading, overlay, card } = explained;
  return (
    <PictureStage
      image={image}
      field={field}
      shading={shading}
      overlay={overlay}
      channel={channel}
      pointed={pointed}
      maxHeight={512}
      label={`Example ${card.index}`}
      announce={announce}
      split={null}
      onSplit={() => undefined}
      selection={rectangle.value}
      onSelection={(chosen) => {
        rectangle.value = chosen;
      }}
    />
  );
}

interface TextProps {
  explained: Explained;
  pointed: Signal<number | null>;
}

function DetailText({ explained, pointed }: TextProps) {
  const chosen = useSignal<number[]>([]);
  const { units, field, shading, card } = explained;
  return (
    <TokenStrip
      units={units}
      values={field?.values ?? null}
      shading={shading}
      showValues={false}
      showSpaces={false}
      pointed={pointed}
      selection={chosen.value}
      onSelection={(tokens) => {
        chosen.value = tokens;
      }}
      label={`Example ${card.index}`}
    />
  );
}
