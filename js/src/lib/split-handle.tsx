import type { RefObject } from "preact";
import { onKeys } from "./keyboard";

interface SplitProps {
  /** Share of the window, 0 to 1. */
  split: number;
  onChange(split: number): void;
  stage: RefObject<HTMLElement>;
}

/** The handle between the bare picture (left) and the overlay (right). */
export function SplitHandle({ split, onChange, stage }: SplitProps) {
  const set = (share: number) => onChange(Math.min(1, Math.max(0, share)));
  const follow = (event: PointerEvent) => {
    const box = stage.current?.getBoundingClientRect();
    if (box && (event.currentTarget as HTMLElement).hasPointerCapture(event.pointerId)) {
      set((event.clientX - box.left) / box.width);
    }
  };
  return (
    <div
      class="attrium-split"
      style={{ left: `${100 * split}%` }}
      role="slider"
      tabIndex={0}
      aria-label="Before and after"
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(100 * split)}
      onPointerDown={(event) => {
        event.stopPropagation();
        (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
      }}
      onPointerMove={follow}
      onKeyDown={onKeys({
        ArrowLeft: () => set(split - 0.02),
        ArrowRight: () => set(split + 0.02),
        Home: () => set(0),
        End: () => set(1),
      })}
    >
      <span class="attrium-split-grip" />
    </div>
  );
}
