import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { formatCount, onKeys, type Selecting, selectUnit, spokenText, TokenText, type Unit } from "../../lib";
import type { Explorer } from "./explorer";
import { branchAt, cutFrom, readsOn } from "./prompt-generate";
import { Menu, type MenuItem } from "./prompt-menu";
import type { TokenFacts } from "./protocol";

/** Chips that are drawn at once; of a longer prompt a window of so many. */
const WINDOW = 100;

/**
 * The tokens of the run as chips: the reader's position framed, selected ones marked, generated ones in accent.
 *
 * Keys: left, right, Home and End move, Enter goes to the token, Shift selects on the way, Ctrl+Enter selects one
 * more, Delete cuts here, Shift+F10 opens the menu.
 */
export function PromptTokens({ explorer }: { explorer: Explorer }) {
  const { store, lane } = explorer;
  const strip = useRef<HTMLDivElement>(null);
  const anchor = useRef(0);
  const menu = useSignal<{ at: number; x: number; y: number } | null>(null);
  const tokens = store.get("tokens");
  const position = store.get("position");
  const selection = store.get("selection");
  const chosen = new Set(selection);
  const current = useSignal(position);
  const { start, stop, show } = useWindow(position, tokens.length);
  const units: Unit[] = tokens.map((token, at) => ({ text: token.text, tokens: [at], special: token.special }));
  useSight(strip, position, start);
  const choose = (at: number, how: Selecting) => {
    if (how !== "extend") anchor.current = at;
    current.value = at;
    store.set("selection", selectUnit(units, selection, at, how, anchor.current));
    if (how === "only" && at !== position) explorer.go({ position: at });
  };
  const focusOn = (at: number) =>
    requestAnimationFrame(() => strip.current?.querySelector<HTMLElement>(`[data-unit="${at}"]`)?.focus());
  const move = (by: number, extend: boolean) => {
    const next = Math.min(tokens.length - 1, Math.max(0, current.value + by));
    current.value = next;
    if (next < start || next >= stop) show(next);
    if (extend) choose(next, "extend");
    else anchor.current = next;
    focusOn(next);
  };
  const openMenu = (at: number) => {
    const chip = strip.current?.querySelector<HTMLElement>(`[data-unit="${at}"]`);
    if (chip && !store.saved) menu.value = { at, x: chip.offsetLeft, y: chip.offsetTop + chip.offsetHeight + 2 };
  };
  const keys = onKeys({
    ArrowLeft: () => move(-1, false),
    ArrowRight: () => move(1, false),
    "Shift+ArrowLeft": () => move(-1, true),
    "Shift+ArrowRight": () => move(1, true),
    Home: () => move(-tokens.length, false),
    End: () => move(tokens.length, false),
    Enter: () => choose(current.value, "only"),
    " ": () => choose(current.value, "only"),
    "Ctrl+Enter": () => choose(current.value, "toggle"),
    Delete: () => !store.saved && cutFrom(explorer, current.value),
    ContextMenu: () => openMenu(current.value),
    "Shift+F10": () => openMenu(current.value),
    Escape: () => (selection.length > 0 ? store.set("selection", []) : false),
  });
  return (
    <div class="attrium-prompt-tokens" data-tour="tokens">
      <div
        ref={strip}
        class="attrium-strip"
        role="listbox"
        aria-multiselectable="true"
        aria-label="Tokens of the prompt"
        onKeyDown={keys}
        onPointerLeave={() => {
          lane.value = null;
        }}
      >
        <More count={start} where="before" onShow={() => show(start - WINDOW / 2 + 1)} />
        {tokens.slice(start, stop).map((token, n) => {
          const at = start + n;
          return (
            <Chip
              key={at}
              at={at}
              token={token}
              here={at === position}
              selected={chosen.has(at)}
              pointed={lane.value === at}
              focusable={Math.min(Math.max(current.value, start), stop - 1) === at}
              onChoose={(how) => choose(at, how)}
              onPoint={() => {
                lane.value = at;
              }}
              onFocus={() => {
                current.value = at;
              }}
              onMenu={() => openMenu(at)}
            />
          );
        })}
        <More count={tokens.length - stop} where="after" onShow={() => show(stop + WINDOW / 2 - 1)} />
      </div>
      {menu.value && (
        <Menu
          label={`Token ${menu.value.at}`}
          items={tokenItems(explorer, menu.value.at)}
          at={menu.value}
          onClose={(back) => {
            const at = menu.value?.at ?? 0;
            menu.value = null;
            if (back) focusOn(at);
          }}
        />
      )}
    </div>
  );
}

/** What can be done at one token, for its menu and for the line below the strip. */
export function tokenItems(explorer: Explorer, at: number): MenuItem[] {
  const first = at === 0;
  return [
    {
      label: readsOn(explorer) ? "What comes after it" : "What the model says here",
      doc: "The table of probabilities at this position",
      run: () => explorer.go({ position: at, view: "logits" }),
    },
    {
      label: "Branch: choose another token here",
      doc: "The table of the position before, from which another token can be put here",
      disabled: first || !readsOn(explorer),
      run: () => branchAt(explorer, at),
    },
    {
      label: "Cut here",
      doc: "Drop this token and all after it (Delete)",
      disabled: first || explorer.store.get("ids").length === 0,
      run: () => cutFrom(explorer, at),
    },
  ];
}

/** Scrolls the strip, and nothing around it, so that the reader's token is in sight. */
function useSight(strip: { current: HTMLElement | null }, position: number, start: number): void {
  useLayoutEffect(() => {
    const box = strip.current;
    const chip = box?.querySelector<HTMLElement>(`[data-unit="${position}"]`);
    if (!box || !chip) return;
    const top = chip.offsetTop - box.offsetTop;
    const bottom = top + chip.offsetHeight - box.clientHeight;
    if (top < box.scrollTop || bottom > box.scrollTop)
      box.scrollTop = Math.max(0, top < box.scrollTop ? top - 3 : bottom + 3);
  }, [position, start]);
}

/** The window of chips on show: it stays while it holds the reader's position, and goes where it is sent. */
function useWindow(position: number, count: number) {
  const held = useRef({ start: 0, position: -1, count: -1 });
  const sent = useSignal(0);
  sent.value; // a window that was sent elsewhere is drawn again
  const now = held.current;
  if (now.position !== position || now.count !== count) {
    const inside = now.count > 0 && position >= now.start && position < now.start + WINDOW;
    const start = inside ? Math.min(now.start, Math.max(0, count - WINDOW)) : windowAround(position, count)[0];
    held.current = { start, position, count };
  }
  const { start } = held.current;
  return {
    start,
    stop: Math.min(count, start + WINDOW),
    show(middle: number) {
      held.current.start = windowAround(Math.min(count - 1, Math.max(0, middle)), count)[0];
      sent.value += 1;
    },
  };
}

/** Which chips are drawn: all, or a window that holds `middle`. */
export function windowAround(middle: number, count: number): [start: number, stop: number] {
  if (count <= WINDOW) return [0, count];
  const start = Math.min(Math.max(0, middle - WINDOW / 2), count - WINDOW);
  return [start, start + WINDOW];
}

function More({ count, where, onShow }: { count: number; where: "before" | "after"; onShow(): void }) {
  if (count <= 0) return null;
  return (
    <button type="button" class="attrium-link attrium-prompt-more attrium-number" onClick={onShow}>
      {where === "before" ? `${formatCount(count)} more before \u2026` : `\u2026 ${formatCount(count)} more after`}
    </button>
  );
}

interface ChipProps {
  at: number;
  token: TokenFacts;
  here: boolean;
  selected: boolean;
  pointed: boolean;
  focusable: boolean;
  onChoose(how: Selecting): void;
  onPoint(): void;
  onFocus(): void;
  onMenu(): void;
}

function Chip({ at, token, here, selected, pointed, focusable, ...on }: ChipProps) {
  const id = token.id >= 0 ? `, id ${token.id}` : "";
  return (
    <>
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: keys are the strip's */}
      <span
        class={`attrium-token attrium-prompt-token${token.special ? " attrium-token-special" : ""}`}
        role="option"
        aria-selected={selected}
        aria-current={here ? "true" : undefined}
        aria-label={`${spokenText(token.text)}, position ${at}${token.generated ? ", generated" : ""}`}
        tabIndex={focusable ? 0 : -1}
        title={`position ${at}${id}${token.generated ? ", generated" : ""}`}
        data-unit={at}
        data-here={here}
        data-generated={token.generated}
        data-pointed={pointed}
        onClick={(event) => on.onChoose(event.shiftKey ? "extend" : event.ctrlKey || event.metaKey ? "toggle" : "only")}
        onContextMenu={(event) => {
          event.preventDefault();
          on.onMenu();
        }}
        onPointerEnter={on.onPoint}
        onFocus={on.onFocus}
      >
        <TokenText text={token.text} showSpaces={!token.special} />
      </span>
      {token.text.endsWith("\n") && <br />}
    </>
  );
}
