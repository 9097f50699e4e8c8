/** The flow of the block on show: pushed with each run, asked for otherwise. */
import { useMemo } from "preact/hooks";
import { decodeFrame, type Frame, seedAnswer, useAnswer } from "../../../lib";
import type { Explorer } from "../explorer";
import type { FlowFacts, ModelFacts, PushedFlow, TokenFacts } from "../protocol";
import { type FlowData, readFlow } from "./data";

export interface Shown {
  data: FlowData;
  model: ModelFacts;
  tokens: readonly TokenFacts[];
  /** The run that the data belong to. */
  version: number;
}

export interface FlowAnswer {
  /** Null before the first run. */
  shown: Shown | null;
  waiting: boolean;
  error: string | null;
}

export function useFlow({ store, channel }: Explorer): FlowAnswer {
  const pushed = store.get("flow");
  const run = store.get("run");
  // Put where the question below looks first: the run and its flow are painted in the same frame.
  useMemo(() => pushed && seed(channel, pushed, run), [pushed]);
  const model = store.get("model");
  const tokens = store.get("tokens");
  const known = isModel(model) && tokens.length > 0;
  const args = known ? { block: store.get("block"), which: store.get("which") } : null;
  const { facts, frames, waiting, error, version } = useAnswer<FlowFacts>(channel, "flow", args, run);
  const data = useMemo(() => (facts ? readFlow(facts, frames) : null), [facts, frames]);
  const shown = useMemo(
    () => (data && isModel(model) ? { data, model, tokens, version } : null),
    [data, model, tokens, version],
  );
  return { shown, waiting, error };
}

function seed(channel: Explorer["channel"], { facts, frames }: PushedFlow, run: number): void {
  const decoded: Record<string, Frame> = {};
  for (const [name, wire] of Object.entries(frames)) decoded[name] = decodeFrame(wire);
  seedAnswer(channel, "flow", { block: facts.block, which: facts.which }, run, { facts, frames: decoded });
}

export function isModel(model: ModelFacts | Record<string, never>): model is ModelFacts {
  return typeof model.blocks === "number";
}
