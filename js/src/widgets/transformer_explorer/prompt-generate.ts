/** Writing on: what the buttons, the list and the table of tokens ask Python for. */
import type { Explorer } from "./explorer";

/**
 * Takes a token after the reader's position.
 *
 * At the end of the text it is written on; before the end it takes the place of all that follows, as one step of undo.
 */
export function takeToken(explorer: Explorer, token: number): void {
  const ids = explorer.store.get("ids");
  const position = explorer.store.get("position");
  if (position >= ids.length - 1) writeOn(explorer, 1, token);
  else explorer.go({ ids: [...ids.slice(0, position + 1), token], position: position + 1 });
}

/** Asks for `count` tokens, the first of them given or drawn. */
export function writeOn(explorer: Explorer, count: number, token?: number): void {
  explorer.store.flush();
  const message = { kind: "generate", count, ...(token !== undefined && { token }) };
  explorer.channel.tell(message);
}

/** Drops the token at `position` and all after it. */
export function cutFrom(explorer: Explorer, position: number): void {
  const ids = explorer.store.get("ids");
  if (position < 1 || position >= ids.length) return;
  explorer.go({ ids: ids.slice(0, position), position: position - 1 });
}

/** Opens the table of what may stand at `position`: the one of the position before. */
export function branchAt(explorer: Explorer, position: number): void {
  if (position < 1) return;
  explorer.go({ position: position - 1, view: "logits" });
}

/** Whether each position's logits are of the token after it, rather than of the token at it or of the whole input. */
export function readsOn({ store }: Explorer): boolean {
  const model = store.get("model");
  return "vocab" in model && model.causal && model.positions_have_logits;
}

/** Whether tokens can be written on or branched off here. */
export function canWrite(explorer: Explorer): boolean {
  return readsOn(explorer) && explorer.store.get("ids").length > 0 && !explorer.store.saved;
}

/** Whether Python is at work for this view, and so a new run would take the place of the one under way. */
export function isRunning(explorer: Explorer): boolean {
  return explorer.store.get("status").state === "running";
}
