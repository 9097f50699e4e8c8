import { Select, spokenText, useAnswer } from "../../../lib";
import type { Explorer } from "../explorer";
import type { LogitsFacts } from "../protocol";
import type { Here } from "./reading";

interface Props {
  explorer: Explorer;
  here: Here;
  label: string;
  /** Id of the chosen token; null for none. */
  value: number | null;
  /** What null stands for. */
  none: string;
  onChange(token: number | null): void;
}

/** Most tokens to choose from, the likeliest first. */
const OFFERED = 60;

/** One of the tokens that are likely here, that comes next, or that was chosen elsewhere. */
export function TokenChooser({ explorer, here, label, value, none, onChange }: Props) {
  const { position, which, run } = here;
  const { facts } = useAnswer<LogitsFacts>(explorer.channel, "logits", { position, which }, run);
  const unknown = value !== null && !knows(facts, value) ? { ids: [value] } : null;
  const texts = useAnswer<Record<string, string>>(explorer.channel, "texts", unknown, run).facts;
  const options = [{ value: "", label: none }, ...offered(facts, value, texts?.[String(value)])];
  return (
    <Select
      label={label}
      options={options}
      value={value === null ? "" : String(value)}
      onChange={(next) => onChange(next === "" ? null : Number(next))}
    />
  );
}

function knows(facts: LogitsFacts | null, token: number): boolean {
  return facts !== null && [...facts.top.slice(0, OFFERED), ...facts.named].some(({ id }) => id === token);
}

/** Likely tokens with their rank, and before them those that are none of these; `text` is the chosen one's. */
export function offered(
  facts: LogitsFacts | null,
  chosen: number | null,
  text = `#${chosen}`,
): { value: string; label: string }[] {
  const likely = (facts?.top ?? []).slice(0, OFFERED);
  const named = facts?.named ?? [];
  const there = new Set(likely.map(({ id }) => id));
  const extra = named.filter(({ id }) => !there.has(id));
  if (chosen !== null && !knows(facts, chosen)) extra.push({ id: chosen, text });
  const word = (id: number, text: string) =>
    id === facts?.next ? `${spokenText(text)} (comes next)` : spokenText(text);
  return [
    ...extra.map(({ id, text }) => ({ value: String(id), label: word(id, text) })),
    ...likely.map(({ id, text }, at) => ({ value: String(id), label: `${at + 1}. ${word(id, text)}` })),
  ];
}
