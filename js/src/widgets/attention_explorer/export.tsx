import { useSignal } from "@preact/signals";
import { Button, type Range } from "../../lib";
import { download } from "../../lib/download";
import type { Scene } from "../../lib/scene";
import { drawScene } from "../../lib/scene-canvas";
import { sceneToSvg } from "../../lib/scene-svg";
import { type Explorer, tensorName } from "./explorer";

interface ExportProps {
  explorer: Explorer;
  /** What a saved page would leave out. */
  saved: string;
  /** What is on show, as marks; null while there is nothing. */
  scene(): Scene | null;
}

const SHARPNESS = 2;

/** What is on show as a picture, or the head's numbers as a file. */
export function Export({ explorer, saved: leftOut, scene }: ExportProps) {
  const { store, shown } = explorer;
  const problem = useSignal("");
  const name = `attention_layer_${shown.layer}_head_${shown.head}`;
  const report = (reason: unknown) => {
    if (reason instanceof DOMException && reason.name === "AbortError") return;
    problem.value = reason instanceof Error ? reason.message : String(reason);
  };
  const picture = (kind: "svg" | "png") => async () => {
    problem.value = "";
    const marks = scene();
    if (!marks) return;
    if (kind === "svg") download(document, `${name}.svg`, sceneToSvg(marks, name), "image/svg+xml");
    else await saved(marks, `${name}.png`).catch(report);
  };
  const numbers = (format: "csv" | "npz") => async () => {
    problem.value = "";
    const tensor = tensorName(store, shown, shown.layer);
    const index: Range[] = [
      [shown.head, shown.head + 1],
      [0, shown.rows.length],
      [0, shown.columns.length],
    ];
    try {
      const { facts, frames } = await explorer.channel.ask("download", { format, tensor, index });
      const { stored } = frames.file ?? {};
      if (!(stored instanceof Uint8Array)) throw new Error("The answer holds no file.");
      download(document, (facts as { name: string }).name, stored.slice());
    } catch (reason) {
      report(reason);
    }
  };
  return (
    <div class="attrium-attention-export">
      <Button onClick={picture("png")}>PNG</Button>
      <Button onClick={picture("svg")}>SVG</Button>
      <Button onClick={numbers("csv")}>CSV</Button>
      <Button onClick={numbers("npz")}>NPZ</Button>
      {leftOut !== "" && <p class="attrium-attention-note">{leftOut}</p>}
      {problem.value !== "" && <p class="attrium-attention-note">{problem.value}</p>}
    </div>
  );
}

async function saved(scene: Scene, name: string): Promise<void> {
  const canvas = document.createElement("canvas");
  canvas.width = Math.ceil(scene.width * SHARPNESS);
  canvas.height = Math.ceil(scene.height * SHARPNESS);
  const context = canvas.getContext("2d");
  if (!context) throw new Error("This browser gives no canvas to draw on.");
  context.scale(SHARPNESS, SHARPNESS);
  context.fillStyle = `rgb(${scene.paper.join(" ")})`;
  drawScene(context, scene);
  context.globalCompositeOperation = "destination-over";
  context.fillRect(0, 0, scene.width, scene.height);
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/png"));
  if (!blob) throw new Error("The picture is too large for this browser.");
  download(document, name, blob);
}
