/** Which lanes of the logit lens are asked for, and when. */
import { useAnswer } from "../../lib";
import type { Here } from "./details/reading";
import type { Explorer } from "./explorer";
import type { LensChunk } from "./lens-cells";
import type { LensFacts, Which } from "./protocol";

/** Lanes that one question asks for. */
export const CHUNK = 8;
export const ROW_PX = 24;

/** A cell of the lens. */
export interface LensPlace {
  position: number;
  point: number;
}

/** The first positions of the chunks of lanes that are in sight, with one to spare on each side. */
export function chunksInSight(top_px: number, height_px: number, count: number): number[] {
  const chunk_px = CHUNK * ROW_PX;
  const first = Math.max(0, Math.floor(top_px / chunk_px) - 1);
  const last = Math.min(Math.ceil(count / CHUNK), Math.ceil((top_px + height_px) / chunk_px) + 1);
  return Array.from({ length: Math.max(0, last - first) }, (_, i) => (first + i) * CHUNK);
}

/** One chunk of lanes of one run; `token` is followed, and undefined asks nothing. */
export function useLens(
  explorer: Explorer,
  { run, tokens }: Here,
  { start, token, which }: { start: number; token: number | null | undefined; which: Which },
) {
  const stop = Math.min(start + CHUNK, tokens.length);
  const args = token === undefined ? null : { start, stop, token, which };
  const answer = useAnswer<LensFacts>(explorer.channel, "lens", args, run);
  const { facts, frames } = answer;
  const chunk: LensChunk | null = facts && facts.start === start ? { facts, frames } : null;
  return { chunk, error: answer.error };
}
