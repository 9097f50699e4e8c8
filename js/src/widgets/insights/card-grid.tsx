import { type MutableRef, useEffect, useRef } from "preact/hooks";
import {
  formatNumber,
  formatSigned,
  GAP_DOC,
  isLargeGap,
  onKeys,
  PictureLayers,
  type Store,
  type Theme,
  TokenRun,
  type ViewProps,
} from "../../lib";
import { type Explained, sharedError, useExplained } from "./explained";
import { goToPage, pageCount } from "./pager";
import { OutcomeMark, ProbabilityBars } from "./prediction";
import type { Card, Explanation, Heat, Traits } from "./protocol";

interface GridProps extends ViewProps<Traits> {
  /** Index of the example that was open last; the focus goes back to its card. */
  opened: MutableRef<number | null>;
}

/**
 * The page of examples.
 *
 * Keys on a card: left and right move, and turn the page at its ends; Page Up and Down turn it; Home and End go to the
 * first and last; Enter opens the card.
 */
export function CardGrid({ store, theme, opened }: GridProps) {
  const grid = useRef<HTMLDivElement>(null);
  const cards = store.get("cards");
  const heats = store.get("heats");
  const toldAbove = sharedError(heats) !== null;
  const openers = () => [...(grid.current?.querySelectorAll<HTMLElement>("[data-open]") ?? [])];
  const refocus = useRef<"first" | "last" | null>(null);

  useEffect(() => {
    if (!refocus.current) return;
    openers()
      .at(refocus.current === "first" ? 0 : -1)
      ?.focus();
    refocus.current = null;
  }, [cards]);

  useEffect(() => {
    if (opened.current === null) return;
    grid.current?.querySelector<HTMLElement>(`[data-card="${opened.current}"] [data-open]`)?.focus();
    opened.current = null;
  }, []);

  const turn = (page: number, focus: "first" | "last") => {
    if (goToPage(store, page)) refocus.current = focus;
  };
  const step = (by: 1 | -1) => (event: KeyboardEvent) => {
    const all = openers();
    const card = (event.target as HTMLElement).closest("[data-card]");
    const at = all.findIndex((opener) => card?.contains(opener));
    const next = all[at + by];
    if (next) next.focus();
    else turn(store.get("page") + by, by > 0 ? "first" : "last");
  };
  const keys = onKeys({
    ArrowLeft: step(-1),
    ArrowRight: step(1),
    PageUp: () => turn(store.get("page") - 1, "first"),
    PageDown: () => turn(store.get("page") + 1, "first"),
    Home: () => turn(0, "first"),
    End: () => turn(pageCount(store) - 1, "first"),
  });
  if (cards.length === 0) return <Empty store={store} />;
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: keys bubble here from the cards' own buttons
    <div ref={grid} class="attrium-cards" data-kind={store.get("kind")} onKeyDown={keys}>
      {cards.map((card, at) => (
        <CardView
          key={card.index}
          store={store}
          theme={theme}
          card={card}
          heat={heats[at] ?? null}
          toldAbove={toldAbove}
        />
      ))}
    </div>
  );
}

function Empty({ store }: { store: Store<Traits> }) {
  if (store.get("status").state !== "running") {
    return <p class="attrium-empty">No example passes the filter. Choose more classes, or all predictions.</p>;
  }
  return (
    <div class="attrium-cards" data-kind={store.get("kind")} aria-busy="true">
      {Array.from({ length: Math.min(12, store.get("page_size")) }, (_, at) => (
        <div key={at} class="attrium-card">
          <div class="attrium-card-picture attrium-loading" />
        </div>
      ))}
    </div>
  );
}

interface CardProps {
  store: Store<Traits>;
  theme: Theme;
  card: Card;
  heat: Heat;
  /** Whether the page tells this card's error, once for all. */
  toldAbove: boolean;
}

function CardView({ store, theme, card, heat, toldAbove }: CardProps) {
  const explained = useExplained(store, theme, card, heat);
  const { explanation, error, target } = explained;
  const waiting = !explanation && !error;
  const classes = store.get("classes");
  return (
    <article class="attrium-card" data-card={card.index} data-state={error ? "error" : waiting ? "waiting" : "done"}>
      <button
        type="button"
        class="attrium-card-open"
        data-open
        aria-label={`Open example ${card.index}, predicted ${classes[card.predicted] ?? card.predicted}`}
        aria-busy={waiting}
        onClick={() => store.set("selection", card.index)}
      >
        <CardFace explained={explained} waiting={waiting && store.get("status").state === "running"} />
      </button>
      <div class="attrium-card-head">
        <OutcomeMark card={card} classes={classes} />
        <span class="attrium-faint attrium-number">#{card.index}</span>
      </div>
      <ProbabilityBars store={store} card={card} target={target} />
      {error && !toldAbove && <p class="attrium-card-error">{error}</p>}
      {!error && <CardFacts explanation={explanation} />}
    </article>
  );
}

function CardFacts({ explanation }: { explanation: Explanation | null }) {
  if (!explanation) return <p class="attrium-card-facts">{"\u2026"}</p>;
  const { score, gap } = explanation;
  return (
    <p class="attrium-card-facts attrium-number">
      score {formatNumber(score, 3)}
      {gap !== null && (
        <span title={GAP_DOC} data-gap={isLargeGap(gap, score) ? "large" : "small"}>
          {"\u2002"}gap {formatSigned(gap, 1)}
        </span>
      )}
    </p>
  );
}

/** The example itself: picture with overlay, or coloured text. */
function CardFace({ explained, waiting }: { explained: Explained; waiting: boolean }) {
  const { image, field, shading, overlay, units } = explained;
  const busy = waiting ? " attrium-loading" : "";
  if (!image) {
    return (
      <div class={`attrium-card-text${busy}`}>
        <TokenRun units={units} values={field?.values ?? null} shading={shading} />
      </div>
    );
  }
  const [height = 1, width = 1] = image.shape;
  return (
    <div
      class={`attrium-card-picture${busy}`}
      style={{ aspectRatio: `${width} / ${height}` }}
      data-smooth={width > 320}
    >
      <PictureLayers image={image} field={field} shading={shading} overlay={overlay} />
    </div>
  );
}
