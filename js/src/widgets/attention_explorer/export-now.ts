import { formatNumber, formatSigned, matrixNotes } from "../../lib";
import type { Scene } from "../../lib/scene";
import { arcsNotes } from "./arcs-legend";
import { type Explorer, headWords, isJoint } from "./explorer";
import { arcsExport, type Caption, matrixExport, pixelsExport } from "./export-scenes";
import type { Show } from "./protocol";
import type { Drawn } from "./view";
import { MEASURES, SCALES } from "./words";

/** What is on show, as marks; null while nothing is drawn. */
export function sceneOf(explorer: Explorer, show: Show, drawn: Drawn): Scene | null {
  const { shown, theme, store } = explorer;
  const what = [MEASURES[shown.measure].label, shown.scale === "linear" ? "" : SCALES[shown.scale].label.toLowerCase()];
  const heads = isJoint(shown.measure) ? "" : `, ${headWords(shown, shown.layer, shown.head)}`;
  const label = store.get("runs")[store.get("shown")]?.label ?? "";
  const title = [label, `Layer ${shown.layer}${heads}`, what.filter(Boolean).join(", ")]
    .filter(Boolean)
    .join(" \u00b7 ");
  const caption: Caption = {
    title,
    ends: null,
    colors: shown.colors,
    theme,
    note: "",
  };
  const arcs = drawn.arcs.current;
  if (show === "arcs") {
    const note = arcsNotes(arcs?.lines ?? [], false).join("; ");
    return arcs && arcsExport(arcs, shown.rows, shown.columns, { ...caption, note });
  }
  if (show === "picture") return pictureScene(drawn, caption);
  const painter = drawn.matrix.current;
  if (!painter?.scene) return null;
  const { domain, header } = painter;
  const write = domain && domain.low < 0 ? formatSigned : formatNumber;
  const note = matrixNotes(header).join(", ");
  return matrixExport(painter.scene, {
    ...caption,
    ends: domain && [write(domain.low, 3), write(domain.high, 3)],
    note,
  });
}

function pictureScene({ picture }: Drawn, caption: Caption): Scene | null {
  const { scene, canvas } = picture.current ?? {};
  const pixels = canvas?.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height);
  return scene && pixels ? pixelsExport(pixels, [scene.width_px, scene.height_px], caption) : null;
}
