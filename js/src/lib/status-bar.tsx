import type { Channel } from "./channel";
import { Button } from "./controls";
import { formatCount } from "./format-number";
import { Icon } from "./icons";
import type { BaseTraits } from "./model";
import type { Store } from "./store";

interface Props<Traits extends BaseTraits> {
  store: Store<Traits>;
  channel: Channel;
}

/** Progress with a way to stop it, or an error with what to do and a way to try again; nothing when idle. */
export function StatusBar<Traits extends BaseTraits>({ store, channel }: Props<Traits>) {
  const { state, label, done, total, message } = store.get("status");
  if (state === "error") {
    return (
      <div class="attrium-error" role="alert">
        <Icon name="alert" />
        <div class="attrium-error-text">
          <strong>{label || "This could not be computed"}</strong>
          <p>{message}</p>
        </div>
        <Button onClick={() => channel.retry()}>Try again</Button>
      </div>
    );
  }
  if (state !== "running") return null;
  return (
    <div class="attrium-progress">
      <span class="attrium-progress-label">{label || "Computing"}</span>
      <Progress done={done} total={total} label={label || "Computing"} />
      <span class="attrium-number">{total > 0 ? `${formatCount(done)} / ${formatCount(total)}` : ""}</span>
      <Button onClick={() => channel.cancel()}>Cancel</Button>
    </div>
  );
}

/** A bar filled to done / total, or moving while the total is not known. */
export function Progress({ done, total, label }: { done: number; total: number; label: string }) {
  const known = total > 0;
  return (
    <div
      class={known ? "attrium-bar" : "attrium-bar attrium-bar-unknown"}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={known ? total : undefined}
      aria-valuenow={known ? done : undefined}
    >
      <span style={known ? { width: `${(100 * done) / total}%` } : undefined} />
    </div>
  );
}
