import { useRef } from "preact/hooks";
import { useAnswer } from "../../../lib";
import type { Explorer } from "../explorer";
import type { LogitsFacts } from "../protocol";
import type { Here } from "./reading";

/**
 * Id of the token that is followed: the chosen one, or the likeliest at the reader's position; undefined until it is
 * known, and null where that cannot be known here and Python may say.
 *
 * It is named in every question, so that answers are kept under what they are about. A saved page has its answers under
 * "the likeliest".
 */
export function useFollowed(explorer: Explorer, { position, run }: Here): number | null | undefined {
  const chosen = explorer.store.get("token");
  const open = chosen === null && !explorer.store.saved;
  const args = open ? { position, which: "run" } : null;
  const { facts, error } = useAnswer<LogitsFacts>(explorer.channel, "logits", args, run);
  const known = facts?.position === position ? facts.top[0]?.id : undefined;
  // While the next position's is under way, the one before: what is on the screen stays.
  const last = useRef(known);
  if (known !== undefined) last.current = known;
  if (!open) return chosen;
  return error === null ? last.current : null;
}
