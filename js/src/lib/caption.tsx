import { formatNumber, formatSigned } from "./format-number";

/** Facts about an explanation, as Python words them; numbers are formatted here. */
export interface Caption {
  target?: string | number | null;
  score?: string | number | null;
  method?: string | null;
  gap?: string | number | null;
}

/** What the gap says. */
export const GAP_DOC =
  "Completeness gap: the sum of all attributions less the change in score from the baseline; 0 is exact. " +
  "A large one is an explanation that does not add up: take more steps or samples.";

/** Whether the gap is more than a tenth of the score. */
export function isLargeGap(gap: number, score: number): boolean {
  return Math.abs(gap) > 0.1 * Math.abs(score);
}

const ROWS: readonly { name: keyof Caption; label: string; doc: string }[] = [
  { name: "target", label: "Target", doc: "The output that is explained" },
  { name: "score", label: "Score", doc: "The model's output at the target" },
  { name: "method", label: "Method", doc: "How the attribution was computed" },
  {
    name: "gap",
    label: "Gap",
    doc: GAP_DOC,
  },
];

/** The caption as a short list of label and value. */
export function CaptionList({ caption }: { caption: Caption | null | undefined }) {
  const rows = ROWS.filter(({ name }) => present(caption?.[name]));
  if (!caption || rows.length === 0) return null;
  return (
    <dl class="attrium-caption">
      {rows.map(({ name, label, doc }) => (
        <div key={name} title={doc}>
          <dt>{label}</dt>
          <dd
            class="attrium-number"
            data-caption={name}
            data-gap={name === "gap" && isLarge(caption) ? "large" : undefined}
          >
            {wording(name, caption[name])}
          </dd>
        </div>
      ))}
    </dl>
  );
}

function isLarge({ gap, score }: Caption): boolean {
  return typeof gap === "number" && typeof score === "number" && isLargeGap(gap, score);
}

function present(value: unknown): boolean {
  return value !== undefined && value !== null && value !== "";
}

function wording(name: keyof Caption, value: string | number | null | undefined): string {
  if (typeof value !== "number") return value ?? "";
  if (name === "gap") return formatSigned(value, 2);
  return name === "target" ? String(value) : formatNumber(value);
}
