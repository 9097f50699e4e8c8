import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { onKeys } from "../../lib";

export interface MenuItem {
  label: string;
  doc?: string;
  disabled?: boolean;
  run(): void;
}

interface MenuProps {
  label: string;
  items: readonly MenuItem[];
  /** Where it opens, in pixels of the positioned element around it; below that element's start by default. */
  at?: { x: number; y: number };
  /** Closes it; `back` where the focus should return to where it was. */
  onClose(back: boolean): void;
  children?: ComponentChildren;
}

/** A short list of things to do, beside what they are done to. Arrows move, Enter does, Escape closes. */
export function Menu({ label, items, at, onClose, children }: MenuProps) {
  const list = useRef<HTMLDivElement>(null);
  const buttons = () => [...(list.current?.querySelectorAll<HTMLButtonElement>("button:not(:disabled)") ?? [])];
  useLayoutEffect(() => {
    const menu = list.current;
    if (!menu) return undefined;
    // Near the right edge it opens to the left, so that nothing is cut off.
    const around = menu.offsetParent?.clientWidth ?? 0;
    if (around > 0 && menu.offsetLeft + menu.offsetWidth > around) {
      menu.style.left = `${Math.max(0, around - menu.offsetWidth)}px`;
    }
    buttons()[0]?.focus();
    const outside = (event: Event) => {
      if (!event.composedPath().includes(menu)) onClose(false);
    };
    const document = menu.ownerDocument;
    document.addEventListener("pointerdown", outside, true);
    return () => document.removeEventListener("pointerdown", outside, true);
  }, []);
  const move = (by: number) => {
    const all = buttons();
    const now = all.findIndex((button) => button.matches(":focus"));
    all[(now + by + all.length) % all.length]?.focus();
  };
  const keys = onKeys({
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    Escape: () => onClose(true),
    Tab: () => onClose(true),
  });
  return (
    <div
      ref={list}
      class="attrium-menu"
      role="menu"
      aria-label={label}
      tabIndex={-1}
      style={at && { left: `${at.x}px`, top: `${at.y}px` }}
      onKeyDown={keys}
    >
      {children}
      {items.map((item) => (
        <button
          key={item.label}
          type="button"
          role="menuitem"
          title={item.doc}
          disabled={item.disabled}
          onClick={() => {
            onClose(true);
            item.run();
          }}
        >
          {item.label}
        </button>
      ))}
    </div>
  );
}
