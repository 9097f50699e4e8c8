import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import {
  Button,
  Icon,
  formatCount,
  formatNumber,
  formatPercent,
  formatSigned,
  onKeys,
  spokenText,
  TokenText,
  Tooltip,
  useWidth,
} from "../../lib";
import type { Explorer } from "./explorer";
import { type Distribution, listedIds, percentText, samplerWords } from "./probabilities-data";
import { canWrite, takeToken } from "./prompt-generate";
import type { TokenRow } from "./sampler";

/** Rows of the short list. */
const SHOWN = 14;

interface Props {
  explorer: Explorer;
  distribution: Distribution;
}

/**
 * The likeliest tokens with what the model and the sampler give them, to read, follow and take.
 *
 * Keys: up and down move, Enter follows, Ctrl+Enter takes.
 */
export function ProbabilityList({ explorer, distribution }: Props) {
  const list = useRef<HTMLDivElement>(null);
  const width = useWidth(list);
  const pointed = useSignal<{ id: number; y: number } | null>(null);
  const current = useSignal(0);
  const { shown, further } = shownIds(explorer, distribution);
  const rows = [...shown, ...further].map(distribution.row);
  const largest = Math.max(...rows.map((row) => Math.max(row.model, distribution.sampled ? row.sampler : 0)), 1e-9);
  const known = useFollowed(explorer);
  const move = (by: number) => {
    current.value = Math.min(rows.length - 1, Math.max(0, current.value + by));
    list.current?.querySelectorAll<HTMLElement>("[role=option]")[current.value]?.focus();
  };
  const focused = () => rows[Math.min(current.value, rows.length - 1)]?.id ?? 0;
  const canTake = canWrite(explorer);
  const keys = onKeys({
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    Home: () => move(-rows.length),
    End: () => move(rows.length),
    Enter: () => known.follow(focused()),
    " ": () => known.follow(focused()),
    "Ctrl+Enter": () => canTake && takeToken(explorer, focused()),
    Escape: () => known.id !== null && known.follow(known.id),
  });
  return (
    <div
      ref={list}
      class="attrium-odds-list"
      role="listbox"
      aria-label="Likeliest next tokens"
      onKeyDown={keys}
      onPointerLeave={() => {
        pointed.value = null;
      }}
    >
      {rows.map((row, at) => (
        <OddsRow
          key={row.id}
          row={row}
          distribution={distribution}
          largest={largest}
          apart={at === shown.length}
          followed={known.id === row.id}
          focusable={Math.min(current.value, rows.length - 1) === at}
          canTake={canTake}
          onPoint={(y) => {
            pointed.value = { id: row.id, y };
          }}
          onFocus={() => {
            current.value = at;
          }}
          onFollow={() => known.follow(row.id)}
          onTake={() => takeToken(explorer, row.id)}
        />
      ))}
      {pointed.value && (
        <Tooltip {...beside(width, pointed.value.y)}>
          <OddsFacts distribution={distribution} row={distribution.row(pointed.value.id)} />
        </Tooltip>
      )}
    </div>
  );
}

/** Height of the numbers beside the pointer, in pixels, and how far down they still open below their row. */
const FACTS_PX = 118;
const BELOW_TO = 150;

/** Where the numbers of a row stand: over the rows of a narrow list, over the empty left of a wide one. */
function beside(width: number, row: number): { x: number; y: number; within: number } {
  const y = row > BELOW_TO ? row - FACTS_PX - 10 : row + 8;
  return width < 300 ? { x: width, y, within: width } : { x: 24, y, within: width };
}

/** The token that lens and contributions follow, and how to change it: choosing it again lets go. */
export function useFollowed({ store, go }: Explorer) {
  const id = store.get("token");
  return { id, follow: (token: number) => go({ token: id === token ? null : token }) };
}

/** The first rows, and further down those that the reader cares about. */
function shownIds({ store }: Explorer, distribution: Distribution): { shown: number[]; further: number[] } {
  const shown = listedIds(distribution).slice(0, SHOWN);
  const marked = [distribution.facts.next, store.get("token"), store.get("versus")];
  const further = marked.filter(
    (id, at): id is number =>
      id !== null && marked.indexOf(id) === at && !shown.includes(id) && distribution.texts.has(id),
  );
  return { shown, further };
}

interface RowProps {
  row: TokenRow;
  distribution: Distribution;
  largest: number;
  apart: boolean;
  followed: boolean;
  focusable: boolean;
  canTake: boolean;
  onPoint(y: number): void;
  onFocus(): void;
  onFollow(): void;
  onTake(): void;
}

function OddsRow({ row, distribution, largest, apart, followed, focusable, canTake, ...on }: RowProps) {
  const { facts, sampled, texts } = distribution;
  const text = texts.get(row.id) ?? `#${row.id}`;
  const line = useRef<HTMLDivElement>(null);
  const point = () => on.onPoint(line.current?.offsetTop ?? 0);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: keys are the list's
    <div
      ref={line}
      class="attrium-odds-row"
      role="option"
      aria-selected={followed}
      aria-label={`${spokenText(text)}, ${formatPercent(row.model)}${facts.next === row.id ? ", stands next" : ""}`}
      tabIndex={focusable ? 0 : -1}
      data-id={row.id}
      data-next={facts.next === row.id}
      data-apart={apart}
      data-out={sampled && row.sampler === 0}
      onClick={on.onFollow}
      onDblClick={canTake ? on.onTake : undefined}
      onPointerEnter={point}
      onFocus={on.onFocus}
    >
      <span class="attrium-odds-token">
        <TokenText text={text} showSpaces={false} />
      </span>
      {distribution.drawn.order.length > 1 ? (
        <Share share={row.model} of={largest} kind="model" />
      ) : (
        // Of one logit the share is always the whole.
        <span class="attrium-odds-share attrium-number">{formatSigned(row.logit)}</span>
      )}
      {sampled && <Share share={row.sampler} of={largest} kind="sampler" />}
      {canTake && (
        <span
          class="attrium-odds-take"
          aria-hidden="true"
          title={`Take \u201c${spokenText(text)}\u201d (double click, Ctrl+Enter)`}
          onClick={(event) => {
            event.stopPropagation();
            on.onTake();
          }}
        >
          <Icon name="plus" size={12} />
        </span>
      )}
    </div>
  );
}

interface ShareProps {
  share: number;
  /** What fills the bar. */
  of: number;
  kind: "model" | "sampler";
  /** Whether small shares are written out rather than as "<0.01%". */
  exact?: boolean;
}

/** A bar and a percentage. */
export function Share({ share, of, kind, exact = false }: ShareProps) {
  return (
    <span class="attrium-odds-share" data-kind={kind}>
      <span class="attrium-odds-bar" aria-hidden="true">
        <span style={{ width: `${(100 * share) / of}%` }} />
      </span>
      <span class="attrium-odds-percent attrium-number">{exact ? percentText(share) : formatPercent(share)}</span>
    </span>
  );
}

/** All numbers of a token, as they show beside the pointer. */
function OddsFacts({ distribution, row }: { distribution: Distribution; row: TokenRow }) {
  const { facts, sampled, drawn, texts } = distribution;
  return (
    <dl class="attrium-odds-facts attrium-number">
      <dt>{facts.kind === "class" ? "class" : "token"}</dt>
      <dd>
        {spokenText(texts.get(row.id) ?? "")} <span>id {row.id}</span>
      </dd>
      <dt>place</dt>
      <dd>
        {formatCount(row.rank + 1)} of {formatCount(drawn.order.length)}
      </dd>
      <dt>logit</dt>
      <dd>{formatNumber(row.logit)}</dd>
      <dt>model</dt>
      <dd>{percentText(row.model)}</dd>
      {sampled && (
        <>
          <dt>sampler</dt>
          <dd>{row.sampler === 0 && drawn.filters.length > 0 ? "filtered out" : percentText(row.sampler)}</dd>
        </>
      )}
    </dl>
  );
}

/** The heading of the short list, which opens the long one. */
export function ListHead({ explorer, distribution }: Props) {
  const { facts, sampled, drawn } = distribution;
  const spoken = useRef("");
  const first = listedIds(distribution)[0];
  const words =
    first === undefined
      ? ""
      : `Likeliest: ${spokenText(distribution.texts.get(first) ?? "")}, ${formatPercent(distribution.row(first).model)}`;
  useEffect(() => {
    if (spoken.current !== "" && spoken.current !== words) explorer.announce(words);
    spoken.current = words;
  }, [words]);
  return (
    <div class="attrium-odds-head">
      <Button
        kind="quiet"
        icon="expand"
        label={facts.kind === "class" ? "All classes" : "Temperature, filters, and the whole table"}
        pressed={explorer.store.get("view") === "logits"}
        onClick={() => explorer.go({ view: explorer.store.get("view") === "logits" ? "" : "logits" })}
      />
      <span class="attrium-odds-of">{drawn.order.length > 1 ? "model" : "logit"}</span>
      {sampled && (
        <span class="attrium-odds-of" title={samplerWords(drawn.settings)}>
          sampler
        </span>
      )}
    </div>
  );
}
