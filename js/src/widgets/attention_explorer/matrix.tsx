import { type Answered, type Frame, type MatrixPainter, MatrixView, thumbnailOf } from "../../lib";
import { type Explorer, headWords, tensorName } from "./explorer";
import type { FieldFacts } from "./protocol";

interface MatrixProps {
  explorer: Explorer;
  field: Answered<FieldFacts>;
  painter: { current: MatrixPainter | null };
  height_px: number;
}

/** One head as a heat map: queries down, keys across. */
export function MatrixPanel({ explorer, field, painter, height_px }: MatrixProps) {
  const { store, channel, shown, theme, announce } = explorer;
  return (
    <MatrixView
      channel={channel}
      tensor={tensorName(store, shown, shown.layer)}
      head={shown.head}
      version={shown.version}
      rows={shown.rows}
      columns={shown.columns}
      colors={shown.colors}
      theme={theme}
      cell={explorer.cell}
      pinned={store.get("cell")}
      onPick={explorer.pin}
      onClear={explorer.clear}
      selected={store.get("selection")}
      onSelectRow={explorer.select}
      preview={previewOf(explorer, field)}
      height_px={height_px}
      label={`${shown.kind.title}, layer ${shown.layer}, ${headWords(shown, shown.layer, shown.head)}`}
      absent={shown.absent}
      announce={announce}
      painter={painter}
    />
  );
}

/** The head's thumbnail, to be painted at once; null where the field is of something else. */
function previewOf({ shown }: Explorer, field: Answered<FieldFacts>): Frame | null {
  const frame = field.frames.field;
  if (!frame || field.waiting || field.version !== shown.version || field.facts?.measure !== shown.measure) return null;
  return thumbnailOf(frame, shown.kind.layers.indexOf(shown.layer), shown.head);
}
