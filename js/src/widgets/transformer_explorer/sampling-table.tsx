import { type Signal, useSignal } from "@preact/signals";
import { Fragment } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { formatCount, formatNumber, onKeys, TokenText } from "../../lib";
import type { Explorer } from "./explorer";
import { type Distribution, formatTemperature, listedIds, percentText } from "./probabilities-data";
import { FILTERS } from "./probabilities-formula";
import { Share, useFollowed } from "./probabilities-list";
import { canWrite, takeToken } from "./prompt-generate";
import { type Drawn, takesTheBest, type TokenRow } from "./sampler";

interface Props {
  explorer: Explorer;
  distribution: Distribution;
  /** Id of the token under the pointer or the focus. */
  pointed: Signal<number | null>;
}

const ROW_PX = 28;
const VIEW_PX = ROW_PX * 13;
/** Rows drawn above and below those in sight. */
const SPARE = 4;
/** Height of the line where a filter cuts. */
const CUT_PX = 22;

/**
 * The likeliest tokens, one a row, with what each step of sampling makes of them; only rows in sight are drawn.
 *
 * Keys: up, down, Page Up, Page Down, Home and End move, Enter follows, Ctrl+Enter takes.
 */
export function SamplingTable({ explorer, distribution, pointed }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const top = useSignal(0);
  const current = useSignal(0);
  const ids = listedIds(distribution);
  const followed = useFollowed(explorer);
  const { facts, drawn, sampled } = distribution;
  const canTake = canWrite(explorer);
  const first = Math.max(0, Math.floor(top.value / ROW_PX) - SPARE);
  const seen = ids.slice(first, first + Math.ceil(VIEW_PX / ROW_PX) + 2 * SPARE);
  const focus = (at: number) => {
    current.value = Math.min(ids.length - 1, Math.max(0, at));
    if (box.current) scrollTo(box.current, current.value);
    top.value = box.current?.scrollTop ?? 0;
    pointed.value = ids[current.value] ?? null;
    requestAnimationFrame(() => box.current?.querySelector<HTMLElement>(`[data-at="${current.value}"]`)?.focus());
  };
  useBackToTop(box, top, facts);
  const focused = () => ids[current.value] ?? 0;
  const page = Math.floor(VIEW_PX / ROW_PX) - 2;
  const keys = onKeys({
    ArrowDown: () => focus(current.value + 1),
    ArrowUp: () => focus(current.value - 1),
    PageDown: () => focus(current.value + page),
    PageUp: () => focus(current.value - page),
    Home: () => focus(0),
    End: () => focus(ids.length - 1),
    Enter: () => followed.follow(focused()),
    " ": () => followed.follow(focused()),
    "Ctrl+Enter": () => canTake && takeToken(explorer, focused()),
  });
  const cut = sampled ? cutOf(drawn, ids.length) : null;
  const above = first * ROW_PX + (cut && cut.kept <= first ? CUT_PX : 0);
  const below = (ids.length - first - seen.length) * ROW_PX + (cut && cut.kept > first + seen.length ? CUT_PX : 0);
  return (
    <div
      ref={box}
      class="attrium-odds-table attrium-number"
      style={{ maxHeight: `${VIEW_PX + 48}px` }}
      onScroll={(event) => {
        top.value = event.currentTarget.scrollTop;
      }}
      onPointerLeave={() => {
        pointed.value = null;
      }}
    >
      <table aria-rowcount={ids.length + 1} aria-label="Likeliest tokens and how they are sampled" onKeyDown={keys}>
        <HeadRow distribution={distribution} />
        <tbody>
          <Gap height={above} />
          {seen.map((id, n) => {
            const at = first + n;
            return (
              <Fragment key={id}>
                <BodyRow
                  at={at}
                  row={distribution.row(id)}
                  distribution={distribution}
                  followed={followed.id === id}
                  pointed={pointed.value === id}
                  focusable={Math.min(current.value, ids.length - 1) === at}
                  onPoint={() => {
                    pointed.value = id;
                  }}
                  onFollow={() => {
                    current.value = at;
                    followed.follow(id);
                  }}
                  onTake={canTake ? () => takeToken(explorer, id) : null}
                />
                {cut?.kept === at + 1 && <CutRow words={cut.words} />}
              </Fragment>
            );
          })}
          <Gap height={below} />
        </tbody>
      </table>
    </div>
  );
}

/** Rows that are out of sight. */
function Gap({ height }: { height: number }) {
  return height > 0 ? <tr style={{ height: `${height}px` }} /> : null;
}

/** Another position's table is read from its top. */
function useBackToTop(
  box: { current: HTMLDivElement | null },
  top: Signal<number>,
  facts: Distribution["facts"],
): void {
  useLayoutEffect(() => {
    if (box.current) box.current.scrollTop = 0;
    top.value = 0;
  }, [facts.position]);
}

function scrollTo(box: HTMLElement, at: number): void {
  const high = at * ROW_PX;
  if (high < box.scrollTop) box.scrollTop = high;
  if (high + ROW_PX > box.scrollTop + VIEW_PX) box.scrollTop = high + ROW_PX - VIEW_PX;
}

function showsScaled({ settings }: Drawn): boolean {
  return !takesTheBest(settings) && settings.temperature !== 1;
}

function HeadRow({ distribution: { drawn, sampled, facts } }: { distribution: Distribution }) {
  const best = takesTheBest(drawn.settings);
  return (
    <thead>
      <tr>
        <Head name={facts.kind === "class" ? "Class" : "Token"} />
        <Head name="id" column="id" />
        <Head name="Logit" />
        {showsScaled(drawn) && <Head name="Scaled" note={`/ ${formatTemperature(drawn.settings.temperature)}`} />}
        {!best &&
          drawn.filters.map(({ name, kept }) => (
            <Head key={name} name={FILTERS[name]} note={`${formatCount(kept)} left`} doc={FILTER_DOCS[name]} />
          ))}
        <Head name="Model" note="softmax of the logits" column="share" />
        {sampled && <Head name="Sampler" note={best ? "greedy" : "what is drawn from"} column="share" />}
      </tr>
    </thead>
  );
}

const FILTER_DOCS = {
  top_k: "Place by likelihood",
  top_p: "Share of this token and of all before it",
  min_p: "How likely beside the likeliest",
  greedy: "",
} as const;

function Head({ name, note, doc, column }: { name: string; note?: string; doc?: string; column?: string }) {
  return (
    <th scope="col" title={doc} data-column={column}>
      {name}
      {note && <small>{note}</small>}
    </th>
  );
}

interface BodyProps {
  at: number;
  row: TokenRow;
  distribution: Distribution;
  followed: boolean;
  pointed: boolean;
  focusable: boolean;
  onPoint(): void;
  onFollow(): void;
  onTake: (() => void) | null;
}

function BodyRow({ at, row, distribution, followed, pointed, focusable, onPoint, onFollow, onTake }: BodyProps) {
  const { facts, drawn, sampled, texts } = distribution;
  const text = texts.get(row.id) ?? `#${row.id}`;
  const best = takesTheBest(drawn.settings);
  const largest = Math.max(distribution.row(drawn.order[0] ?? 0).model, sampled ? 1 / drawn.sums.kept : 0);
  return (
    <tr
      aria-rowindex={at + 2}
      aria-current={followed ? "true" : undefined}
      tabIndex={focusable ? 0 : -1}
      data-at={at}
      data-id={row.id}
      data-next={facts.next === row.id}
      data-out={sampled && row.rank >= drawn.kept}
      data-pointed={pointed}
      onClick={onFollow}
      onDblClick={onTake ?? undefined}
      onPointerEnter={onPoint}
      onFocus={onPoint}
    >
      <td class="attrium-odds-token">
        <TokenText text={text} showSpaces={true} />
        {facts.next === row.id && <small class="attrium-odds-next">next</small>}
      </td>
      <td data-column="id" class="attrium-faint">
        {row.id}
      </td>
      <td>{formatNumber(row.logit)}</td>
      {showsScaled(drawn) && <td>{formatNumber(row.scaled)}</td>}
      {!best && drawn.filters.map((filter, n) => <FilterCell key={filter.name} drawn={drawn} row={row} at={n} />)}
      <td data-column="share">
        <Share share={row.model} of={largest} kind="model" exact={true} />
      </td>
      {sampled && (
        <td data-column="share">
          <Share share={row.sampler} of={largest} kind="sampler" exact={true} />
        </td>
      )}
    </tr>
  );
}

/** What a filter looks at; struck through where it drops the token, empty where an earlier one did. */
function FilterCell({ drawn, row, at }: { drawn: Drawn; row: TokenRow; at: number }) {
  const filter = drawn.filters[at];
  const gone = at > 0 && !row.kept[at - 1];
  if (gone || !filter || filter.name === "greedy") return <td />;
  const words = {
    top_k: formatCount(row.rank + 1),
    top_p: percentText(row.running),
    min_p: formatNumber(row.weight, 3),
  };
  const shown = words[filter.name];
  return <td data-column="filter">{row.kept[at] ? shown : <s>{shown}</s>}</td>;
}

/** Where the last filter that drops a listed token does so, and the sum that top-p reached there. */
function cutOf(drawn: Drawn, rows: number): { kept: number; words: string } | null {
  const last = drawn.filters
    .filter(({ kept }, at) => kept < rows && kept < (drawn.filters[at - 1]?.kept ?? drawn.order.length))
    .at(-1);
  if (!last) return null;
  const sum = last.name === "top_p" ? ` at ${percentText(drawn.running[last.kept - 1] ?? 1)}` : "";
  return { kept: last.kept, words: `${FILTERS[last.name]} cuts here${sum}: ${formatCount(last.kept)} left` };
}

function CutRow({ words }: { words: string }) {
  return (
    <tr class="attrium-odds-cut">
      <td colSpan={9}>{words}</td>
    </tr>
  );
}
