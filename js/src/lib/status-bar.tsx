import type { ComponentChildren } from "preact";
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

interface PanelProps {
  title: string;
  message: string;
  children?: ComponentChildren;
}

/** What went wrong, and what to do. */
export function ErrorPanel({ title, message, children }: PanelProps) {
  return (
    <div class="attrium-error" role="alert">
      <Icon name="alert" />
      <div class="attrium-error-text">
        <strong>{title}</strong>
        <p>{message}</p>
      </div>
      {children}
    </div>
  );
}

/** Above the view: an error of the last job with a way to try again; nothing while there is none. */
export function StatusError<Traits extends BaseTraits>({ store, channel }: Props<Traits>) {
  const { state, label, message } = store.get("status");
  if (state !== "error") return null;
  if (store.saved) return <p class="attrium-note">{message}</p>;
  return (
    <ErrorPanel title={label ? `${label} failed` : "This could not be computed"} message={message}>
      <Button onClick={() => channel.retry()}>Try again</Button>
    </ErrorPanel>
  );
}

/** Below the view: progress with a way to stop it, or why there is no result; nothing when all is done. */
export function StatusBar<Traits extends BaseTraits>({ store, channel }: Props<Traits>) {
  const { state, label, done, total, message } = store.get("status");
  if (store.saved) {
    return store.unanswered.length === 0 ? null : (
      <p class="attrium-note">Saved page: the controls in grey need a running kernel.</p>
    );
  }
  if (state === "idle" && message !== "") {
    return (
      <div class="attrium-note" role="status">
        <span>{message}</span>
        <Button onClick={() => channel.retry()}>Compute again</Button>
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
