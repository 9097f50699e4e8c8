import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { Button, formatCount, NeedsKernel, useWidth } from "../../lib";
import type { Explorer } from "./explorer";
import { Menu } from "./prompt-menu";

/** What was typed and not yet run, and the text that Python had when typing began. */
interface Draft {
  typed: string;
  over: string;
}

/**
 * The prompt as text. Enter runs it, Shift+Enter starts a new line, Escape goes back to the text that was run.
 *
 * What is being typed stays whatever arrives from Python; it is then offered, never put in place of the typing.
 */
export function PromptBox({ explorer }: { explorer: Explorer }) {
  const { store } = explorer;
  const text = store.get("text");
  const [draft, setDraft] = useState<Draft | null>(null);
  const field = useRef<HTMLTextAreaElement>(null);
  const written = useWrittenIds(explorer);
  const shown = draft?.typed ?? text;
  useGrowing(field, shown);
  const run = (wanted: string) => {
    setDraft(null);
    if (wanted !== text) store.set("text", wanted);
    else if (written.length > 0 && !sameIds(written, store.get("ids"))) explorer.go({ ids: [...written] });
    else explorer.announce("This prompt has been run.");
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape" && draft) {
      event.preventDefault();
      event.stopPropagation();
      setDraft(null);
    }
    if (event.key !== "Enter" || event.isComposing) return;
    // A new line here is no wish to run the notebook's cell.
    event.stopPropagation();
    if (event.shiftKey || event.altKey) return;
    event.preventDefault();
    if (canRun(shown) && !store.saved) run(shown);
  };
  return (
    <NeedsKernel store={store} trait="text">
      <div class="attrium-prompt-box">
        <textarea
          ref={field}
          class="attrium-prompt-field"
          rows={1}
          value={shown}
          placeholder="Write a prompt"
          aria-label="Prompt"
          spellcheck={false}
          readOnly={store.saved}
          onInput={(event) => {
            const typed = event.currentTarget.value;
            setDraft((was) => ({ typed, over: was?.over ?? text }));
          }}
          onKeyDown={onKeyDown}
        />
        {!store.saved && (
          <div class="attrium-prompt-side">
            <Examples examples={store.get("examples")} onChoose={run} />
            <Button label="Run the model on the prompt (Enter)" disabled={!canRun(shown)} onClick={() => run(shown)}>
              Run
            </Button>
          </div>
        )}
      </div>
      <p class="attrium-prompt-note attrium-faint attrium-number">
        {noteOf(explorer, shown, draft, written)}
        {draft && draft.typed !== text && (
          <button type="button" class="attrium-link" onClick={() => setDraft(null)}>
            {draft.over === text ? "discard" : "show the new text"}
          </button>
        )}
      </p>
    </NeedsKernel>
  );
}

function canRun(text: string): boolean {
  return text !== "";
}

/** How many tokens have run, and how they differ from the text in the box. */
function noteOf({ store }: Explorer, shown: string, draft: Draft | null, written: readonly number[]): string {
  const [tokens, ids, text] = [store.get("tokens"), store.get("ids"), store.get("text")];
  if (store.get("run") === 0 && tokens.length === 0) return "Enter runs what you write, Shift+Enter starts a line";
  const made = tokens.filter((token) => token.generated).length;
  const count = `${formatCount(tokens.length)} ${tokens.length === 1 ? "token" : "tokens"}`;
  const counted = made > 0 ? `${count}, ${formatCount(made)} of them generated` : count;
  if (draft && shown !== text) {
    return draft.over === text
      ? `${counted} run. Enter runs what you wrote, Shift+Enter starts a line: `
      : `${counted} run. The text was changed from Python while you wrote: `;
  }
  // A text that was refused has no count: what is shown is still the run before it.
  if (store.get("status").state === "error") return `shown: ${counted}, of the last run that worked`;
  if (written.every((id, at) => id === ids[at])) return counted;
  return `${counted}; the text above has ${formatCount(written.length)}, and Run goes back to it`;
}

/** The ids that the present text was first run as: what running it again goes back to after a cut or a branch. */
function useWrittenIds({ store }: Explorer): readonly number[] {
  const held = useRef<{ run: number; text: string; ids: readonly number[] }>({ run: -1, text: "", ids: [] });
  const [run, text, tokens] = [store.get("run"), store.get("text"), store.get("tokens")];
  if (held.current.run !== run) {
    // The first run of a text has all its tokens; later ones may have been cut or written on.
    const first = held.current.text !== text || held.current.ids.length === 0;
    const given = tokens.filter((token) => !token.generated).map((token) => token.id);
    held.current = { run, text, ids: first ? given : held.current.ids };
  }
  return held.current.ids;
}

function sameIds(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((id, at) => id === b[at]);
}

/** Keeps the box as high as its text at its width, up to some lines. */
function useGrowing(field: { current: HTMLTextAreaElement | null }, text: string): void {
  const width = useWidth(field);
  useLayoutEffect(() => {
    const box = field.current;
    if (!box) return;
    box.style.height = "auto";
    box.style.height = `${Math.min(160, box.scrollHeight + 2)}px`;
  }, [text, width]);
}

interface ExamplesProps {
  examples: readonly string[];
  onChoose(text: string): void;
}

/** Prompts to choose from; nothing where there are none. */
function Examples({ examples, onChoose }: ExamplesProps) {
  const [open, setOpen] = useState(false);
  const holder = useRef<HTMLDivElement>(null);
  if (examples.length === 0) return null;
  return (
    <div ref={holder} class="attrium-prompt-examples">
      <Button kind="quiet" expanded={open} onClick={() => setOpen(!open)}>
        Examples
      </Button>
      {open && (
        <Menu
          label="Example prompts"
          items={examples.map((text) => ({ label: text, run: () => onChoose(text) }))}
          onClose={(back) => {
            setOpen(false);
            if (back) holder.current?.querySelector("button")?.focus();
          }}
        />
      )}
    </div>
  );
}
