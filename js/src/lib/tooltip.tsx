import type { ComponentChildren } from "preact";

interface TooltipProps {
  /** Where it points, in pixels of the positioned element around it. */
  x: number;
  y: number;
  /** Width of that element: near its right edge the tooltip opens to the left. */
  within: number;
  children: ComponentChildren;
}

/** A small note beside the pointer; it never takes the pointer itself. */
export function Tooltip({ x, y, within, children }: TooltipProps) {
  const flipped = x > within / 2;
  return (
    <div
      class="attrium-tooltip"
      role="tooltip"
      style={{
        left: `${x}px`,
        top: `${y}px`,
        transform: `translate(${flipped ? "calc(-100% - 12px)" : "12px"}, 12px)`,
      }}
    >
      {children}
    </div>
  );
}
