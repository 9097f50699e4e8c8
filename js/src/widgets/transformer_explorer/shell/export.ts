/** What the reader may keep: the picture, and the numbers behind what is open. */
import type { Channel, Range } from "../../../lib";
import type { Scene } from "../../../lib/scene";
import { drawScene } from "../../../lib/scene-canvas";
import { sceneToSvg } from "../../../lib/scene-svg";
import { toCss } from "../../../lib";
import { download } from "../../../lib/download";
import type { FlowFacts, ViewName, Which } from "../protocol";

/** A bitmap of twice as many pixels as the picture has on screen. */
export function savePng(document: Document, scene: Scene, name: string): void {
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(scene.width * 2);
  canvas.height = Math.round(scene.height * 2);
  const context = canvas.getContext("2d");
  if (!context) return;
  context.setTransform(2, 0, 0, 2, 0, 0);
  drawScene(context, scene);
  context.globalCompositeOperation = "destination-over";
  context.fillStyle = toCss(scene.paper);
  context.fillRect(0, 0, scene.width, scene.height);
  canvas.toBlob((blob) => blob && download(document, `${name}.png`, blob));
}

export function saveSvg(document: Document, scene: Scene, name: string): void {
  download(document, `${name}.svg`, sceneToSvg(scene, name), "image/svg+xml");
}

/** The tensor that is looked at, and the region of it; the whole where no index is given. */
export function tensorInView(
  view: ViewName,
  facts: FlowFacts,
  which: Which,
  head: number,
  shape: { tokens: number },
): { tensor: string; index: Range[] | null } {
  const stage = STAGES[view] ?? "attn.pattern";
  const first = facts.names["attn.z"]?.replace(/attn\.z$/, "") ?? "";
  const name = facts.names[stage] ?? `${first}${stage}`;
  const all: Range = [0, shape.tokens];
  return { tensor: `${which}/${name}`, index: stage === "attn.pattern" ? [[head, head + 1], all, all] : null };
}

const STAGES: Partial<Record<ViewName, string>> = {
  embedding: "embed",
  qkv: "attn.q",
  output: "attn_out",
  mlp: "mlp.post",
  lens: "resid_post",
  logits: "ln_final.out",
};

export async function saveTensor(
  document: Document,
  channel: Channel,
  format: "csv" | "npz",
  region: { tensor: string; index: Range[] | null },
): Promise<void> {
  const { facts, frames } = await channel.ask("download", { format, ...region });
  const file = frames.file;
  if (!file) throw new Error("the download came without a file");
  const name = (facts as { name?: string }).name ?? `${region.tensor}.${format}`;
  download(document, name, Uint8Array.from(file.stored));
}
