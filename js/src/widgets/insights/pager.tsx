import { Button, formatCount, type Store } from "../../lib";
import type { Traits } from "./protocol";

export function pageCount(store: Store<Traits>): number {
  return Math.max(1, Math.ceil(store.get("total") / Math.max(1, store.get("page_size"))));
}

/** Goes to a page if there is one; true when it does. */
export function goToPage(store: Store<Traits>, page: number): boolean {
  const wanted = Math.min(pageCount(store) - 1, Math.max(0, page));
  if (wanted === store.get("page") || store.unanswered.includes("page")) return false;
  store.set("page", wanted);
  return true;
}

export function Pager({ store }: { store: Store<Traits> }) {
  const [page, size, total] = [store.get("page"), store.get("page_size"), store.get("total")];
  const pages = pageCount(store);
  const go = (to: number) => () => goToPage(store, to);
  return (
    <nav class="attrium-pager" aria-label="Pages">
      <span class="attrium-number attrium-faint">
        {total === 0
          ? "no examples"
          : `${formatCount(page * size + 1)}\u2013${formatCount(Math.min(total, (page + 1) * size))} of ${formatCount(total)}`}
      </span>
      <span class="attrium-pager-buttons">
        <Button kind="quiet" icon="first" label="First page (Home)" disabled={page === 0} onClick={go(0)} />
        <Button kind="quiet" icon="left" label="Page before (Page Up)" disabled={page === 0} onClick={go(page - 1)} />
        <span class="attrium-number" data-page={page}>
          {formatCount(page + 1)} / {formatCount(pages)}
        </span>
        <Button
          kind="quiet"
          icon="right"
          label="Next page (Page Down)"
          disabled={page >= pages - 1}
          onClick={go(page + 1)}
        />
        <Button kind="quiet" icon="last" label="Last page (End)" disabled={page >= pages - 1} onClick={go(pages - 1)} />
      </span>
    </nav>
  );
}
