/** Which step of the tour is on show, in which language, and how one gets there. */
import type { Explorer } from "./explorer";
import type { TourFacts, TourStep } from "./protocol";

/** A step, with the words elsewhere that open it. */
export interface Step extends TourStep {
  terms?: string[];
}

export interface Telling {
  /** Language tag. */
  language: string;
  title: string;
  words: Record<string, string>;
  steps: Step[];
}

/** The tour in the language asked for, or in one like it, or else in its first. */
export function tellingOf(tour: TourFacts | null, language: string): Telling | null {
  if (!tour) return null;
  const tags = Object.keys(tour.languages);
  const tag = closestTag(tags, language);
  const entry: (TourFacts["languages"][string] & { title?: string }) | undefined = tour.languages[tag];
  return entry ? { language: tag, title: entry.title ?? tour.title, words: entry.words, steps: entry.steps } : null;
}

/** "zh-CN" finds "zh-Hans", "en-GB" finds "en". */
export function closestTag(tags: readonly string[], language: string): string {
  const main = (tag: string) => tag.toLowerCase().split("-")[0];
  return tags.find((tag) => tag === language) ?? tags.find((tag) => main(tag) === main(language)) ?? tags[0] ?? "";
}

/** The languages that the tour speaks. */
export function languagesOf(tour: TourFacts): { value: string; label: string }[] {
  return Object.entries(tour.languages).map(([value, { name }]) => ({ value, label: name }));
}

/** The number of the step that explains a word; null if none does. */
export function stepOf(steps: readonly Step[], term: string): number | null {
  const wanted = term.trim().toLowerCase();
  const at = steps.findIndex(({ terms }) => terms?.includes(wanted));
  return at < 0 ? null : at;
}

/** Opens the tour at a step. */
export function openTour(explorer: Explorer, at = 0): void {
  explorer.store.set("step", at);
}

/** Whether a step of the tour explains a word. */
export function hasTerm(explorer: Explorer, term: string): boolean {
  const telling = tellingOf(explorer.store.get("tour"), explorer.store.get("language"));
  return telling !== null && stepOf(telling.steps, term) !== null;
}

/** Opens the step that explains a word; false where there is none. */
export function openTerm(explorer: Explorer, term: string): boolean {
  const { store } = explorer;
  const telling = tellingOf(store.trait("tour").peek(), store.trait("language").peek());
  const at = telling && stepOf(telling.steps, term);
  if (at === null) return false;
  openTour(explorer, at);
  return true;
}
