import { useSignal } from "@preact/signals";
import type { Ref } from "preact";
import { useEffect } from "preact/hooks";
import { Button, Icon, onKeys } from "../../lib";
import type { Step, Telling } from "./tour-steps";
import { marked } from "./tour-text";

interface CardProps {
  hold: Ref<HTMLElement>;
  telling: Telling;
  languages: { value: string; label: string }[];
  at: number;
  done: boolean;
  /** Undefined while the card cannot be moved. */
  grip: { onPointerDown(event: PointerEvent): void; onKey(key: string): void } | undefined;
  onStep(at: number): void;
  onLanguage(language: string): void;
  onClose(): void;
}

/** A step: what it says, what it asks, and the way to the others. */
export function TourCard({ hold, telling, languages, at, done, grip, onStep, onLanguage, onClose }: CardProps) {
  const { words, steps, language, title } = telling;
  const step = steps[at];
  const listed = useSignal(false);
  useEffect(() => {
    listed.value = false;
  }, [at]);
  if (!step) return null;
  const last = at === steps.length - 1;
  const keys = onKeys({
    ArrowRight: (event) => (isWriting(event) || last ? false : onStep(at + 1)),
    ArrowLeft: (event) => (isWriting(event) || at === 0 ? false : onStep(at - 1)),
    Escape: () => {
      if (listed.value) listed.value = false;
      else onClose();
    },
  });
  return (
    <section ref={hold} class="attrium-tour-card" aria-label={title} tabIndex={-1} lang={language} onKeyDown={keys}>
      <header class="attrium-tour-head" data-grip={grip !== undefined} onPointerDown={grip?.onPointerDown}>
        {grip && <Grip label={words.move ?? ""} onKey={grip.onKey} />}
        <button
          type="button"
          class="attrium-tour-pill"
          aria-expanded={listed.value}
          title={words.steps}
          aria-label={`${words.steps ?? ""}: ${at + 1} / ${steps.length}`}
          onClick={() => {
            listed.value = !listed.value;
          }}
        >
          {at + 1} <span class="attrium-faint">/ {steps.length}</span>
        </button>
        {languages.length > 1 && (
          <select
            class="attrium-tour-language"
            aria-label={words.language}
            value={language}
            onChange={(event) => onLanguage(event.currentTarget.value)}
          >
            {languages.map(({ value, label }) => (
              <option key={value} value={value} lang={value}>
                {label}
              </option>
            ))}
          </select>
        )}
        <Button kind="quiet" icon="cross" label={words.close ?? "Close"} onClick={onClose} />
      </header>
      <div class="attrium-tour-progress" aria-hidden="true">
        <span style={{ width: `${(100 * (at + 1)) / steps.length}%` }} />
      </div>
      {listed.value ? (
        <StepList steps={steps} at={at} label={words.steps ?? ""} onStep={onStep} />
      ) : (
        <Body key={at} step={step} words={words} done={done} />
      )}
      <footer class="attrium-tour-foot">
        <Button kind="quiet" icon="left" disabled={at === 0} onClick={() => onStep(at - 1)}>
          {words.back}
        </Button>
        <button
          type="button"
          class="attrium-button attrium-tour-next"
          onClick={() => (last ? onClose() : onStep(at + 1))}
        >
          {last ? words.finish : words.next}
          {!last && <Icon name="right" />}
        </button>
      </footer>
    </section>
  );
}

/** Whether a key belongs to a control of its own, where arrows choose. */
function isWriting(event: KeyboardEvent): boolean {
  return event.target instanceof Element && event.target.matches("select, .attrium-tour-grip, .attrium-tour-list *");
}

function Grip({ label, onKey }: { label: string; onKey(key: string): void }) {
  const go = (event: KeyboardEvent) => onKey(event.key);
  return (
    <button
      type="button"
      class="attrium-tour-grip"
      title={label}
      aria-label={label}
      onKeyDown={onKeys({ ArrowLeft: go, ArrowRight: go, ArrowUp: go, ArrowDown: go })}
    >
      <svg viewBox="0 0 8 14" width="8" height="14" aria-hidden="true">
        <path d="M2 2h0M6 2h0M2 7h0M6 7h0M2 12h0M6 12h0" />
      </svg>
    </button>
  );
}

function Body({ step, words, done }: { step: Step; words: Record<string, string>; done: boolean }) {
  return (
    <div class="attrium-tour-body">
      <h3>{step.title}</h3>
      {step.text.map((paragraph) => (
        <p key={paragraph}>{marked(paragraph)}</p>
      ))}
      {step.turn && (
        <div class="attrium-tour-turn" data-done={done}>
          <span class="attrium-tour-turn-label">
            {done && <Icon name="check" size={14} />}
            {done ? words.done : words.turn}
          </span>
          <span>{marked(step.turn.ask)}</span>
        </div>
      )}
    </div>
  );
}

interface ListProps {
  steps: readonly Step[];
  at: number;
  label: string;
  onStep(at: number): void;
}

function StepList({ steps, at, label, onStep }: ListProps) {
  const move = (by: number) => (event: KeyboardEvent) => {
    const buttons = [...(event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>("button")];
    const from = buttons.indexOf(event.target as HTMLElement);
    buttons[Math.max(0, Math.min(buttons.length - 1, from + by))]?.focus();
  };
  return (
    <ol class="attrium-tour-list" aria-label={label} onKeyDown={onKeys({ ArrowDown: move(1), ArrowUp: move(-1) })}>
      {steps.map((step, n) => (
        <li key={step.title}>
          <button type="button" aria-current={n === at ? "step" : undefined} onClick={() => onStep(n)}>
            <span class="attrium-number attrium-faint">{n + 1}</span>
            {step.title}
          </button>
        </li>
      ))}
    </ol>
  );
}
