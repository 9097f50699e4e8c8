import { Button } from "./controls";
import { type Cell, type Rectangle, spanning } from "./rectangle";
import { type StageActions, ZOOM_STEP } from "./stage-keys";

interface BarProps {
  width_px: number;
  /** The value read; null while nothing is pointed at. */
  text: string | null;
  hint: string;
  zoomed: boolean;
  selecting: boolean;
  actions: StageActions;
}

const NARROWEST_PX = 280;

/** Under the picture: the value read, and the tools. */
export function StageBar({ width_px, text, hint, zoomed, selecting, actions }: BarProps) {
  return (
    <div class="attrium-stage-bar" style={{ maxWidth: `${Math.max(width_px, NARROWEST_PX)}px` }}>
      <output class="attrium-readout attrium-number" data-readout>
        {text ?? <span class="attrium-faint">{hint}</span>}
      </output>
      <span class="attrium-stage-tools">
        <Button
          kind="quiet"
          icon="select"
          label="Select a rectangle (s, or Shift and drag)"
          pressed={selecting}
          onClick={actions.switchTool}
        />
        <Button
          kind="quiet"
          icon="minus"
          label="Zoom out (-)"
          disabled={!zoomed}
          onClick={() => actions.zoom(1 / ZOOM_STEP)}
        />
        <Button kind="quiet" icon="plus" label="Zoom in (+)" onClick={() => actions.zoom(ZOOM_STEP)} />
        <Button kind="quiet" icon="fit" label="Show all (0)" disabled={!zoomed} onClick={actions.showAll} />
      </span>
    </div>
  );
}

interface MarksProps {
  shape: readonly [height: number, width: number];
  cell: Cell | null;
  selection: Rectangle | null;
}

/** Crosshair and selection, in cells of the picture. */
export function Marks({ shape: [height, width], cell, selection }: MarksProps) {
  const share = (part: number, whole: number) => `${(100 * part) / whole}%`;
  const box = ([rows, columns]: Rectangle) => ({
    top: share(rows[0], height),
    left: share(columns[0], width),
    height: share(rows[1] - rows[0], height),
    width: share(columns[1] - columns[0], width),
  });
  return (
    <div class="attrium-marks" aria-hidden="true">
      {selection && <span class="attrium-mark-selection" style={box(selection)} />}
      {cell && (
        <>
          <span class="attrium-mark-row" style={{ top: share(cell[0] + 0.5, height) }} />
          <span class="attrium-mark-column" style={{ left: share(cell[1] + 0.5, width) }} />
          <span class="attrium-mark-cell" style={box(spanning(cell, cell))} />
        </>
      )}
    </div>
  );
}
