import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Button, formatCount, Icon, Segmented } from "../../../lib";
import { type Explorer, useGraph } from "../explorer";
import type { GraphFacts, Language, Traits } from "../protocol";
import { Heading } from "./asking";
import { createEditor, type Editor } from "./code-editor";

/** RASP text is read as one types, after a pause of so long. */
const PAUSE_MS = 450;

/** The program's text, to edit: RASP compiles as one types, Python when the reader runs it. */
export function CodePanel({ explorer }: { explorer: Explorer }) {
  const { store } = explorer;
  const [language, setLanguage] = useState<Language>(store.get("language"));
  const [edited, setEdited] = useState(false);
  const editor = useRef<Editor | null>(null);
  const problem = problemOf(explorer);
  useLayoutEffect(() => setLanguage(store.get("language")), [store.get("language")]);
  const send = () => {
    const code = editor.current?.text() ?? "";
    explorer.send({ kind: "edit", code, language });
    setEdited(false);
  };
  return (
    <div class="attrium-panel-body">
      <div class="attrium-code-head">
        <Segmented<Language>
          label="Language"
          options={[
            { value: "python", label: "Python", doc: "Runs in this notebook's kernel when you press Run" },
            { value: "rasp", label: "RASP", doc: "Compiles as you type; nothing but RASP is run" },
          ]}
          value={language}
          onChange={setLanguage}
        />
        <fieldset class="attrium-needs-kernel" disabled={store.saved}>
          <Button onClick={send} label="Compile this text (Ctrl-Enter)">
            {language === "python" ? "Run" : "Compile"}
          </Button>
        </fieldset>
        <span class="attrium-faint">{stateWords(explorer, language, edited)}</span>
      </div>
      <CodeEditor
        explorer={explorer}
        language={language}
        hold={editor}
        onEdited={setEdited}
        onRun={send}
        live={language === "rasp" && !store.saved}
      />
      {problem && <Problem problem={problem} onShow={() => editor.current?.goTo(problem.line, problem.column)} />}
      <Compiled explorer={explorer} />
    </div>
  );
}

/** Null where nothing is wrong, however that is said. */
function problemOf({ store }: Explorer): Traits["problem"] {
  const problem = store.get("problem");
  return problem?.message ? problem : null;
}

function stateWords({ store }: Explorer, language: Language, edited: boolean): string {
  const written = store.get("language");
  if (store.saved) return "Saved page: to change the program needs a running kernel.";
  if (written !== language && !edited) {
    return `This text is ${written === "python" ? "Python" : "RASP"}: replace it to write ${language === "python" ? "Python" : "RASP"}.`;
  }
  if (language === "rasp") return "Compiles as you type.";
  return edited ? "Edited and not run yet. Python runs in your kernel." : "Python runs in your kernel, on Run only.";
}

interface EditorProps {
  explorer: Explorer;
  language: Language;
  hold: { current: Editor | null };
  onEdited(edited: boolean): void;
  onRun(): void;
  /** Whether what is typed is sent after a pause. */
  live: boolean;
}

function CodeEditor({ explorer, language, hold, onEdited, onRun, live }: EditorProps) {
  const { store, theme } = explorer;
  const place = useRef<HTMLDivElement>(null);
  const now = useRef({ onRun, live });
  now.current = { onRun, live };
  const code = store.get("code");
  const problem = problemOf(explorer);
  useEffect(() => {
    if (!place.current) return undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const run = () => {
      clearTimeout(timer);
      if (!store.saved) now.current.onRun();
    };
    // What the editor made of a key is not for the notebook around it.
    const keep = (event: KeyboardEvent) => event.defaultPrevented && event.stopPropagation();
    place.current.addEventListener("keydown", keep, { signal: explorer.abort });
    const editor = createEditor(place.current, {
      text: code,
      language,
      theme,
      readOnly: store.saved,
      onRun: run,
      onChange: (text) => {
        onEdited(text !== store.trait("code").peek());
        clearTimeout(timer);
        if (now.current.live) timer = setTimeout(run, PAUSE_MS);
      },
    });
    hold.current = editor;
    return () => {
      clearTimeout(timer);
      hold.current = null;
      editor.destroy();
    };
  }, []);
  useEffect(() => {
    // What comes back while one types on is older than what stands there.
    const editor = hold.current;
    if (!editor || editor.text() === code || (live && isFocused(place.current))) return;
    editor.setText(code);
    onEdited(false);
  }, [code]);
  useEffect(() => hold.current?.setLanguage(language), [language]);
  useEffect(() => hold.current?.setTheme(theme), [theme]);
  useEffect(() => hold.current?.setProblem(problem), [problem, code]);
  return <div ref={place} class="attrium-code" />;
}

function isFocused(element: HTMLElement | null): boolean {
  return element?.querySelector(".cm-focused") != null;
}

/** What is wrong, where; the place is a way there. */
function Problem({ problem, onShow }: { problem: NonNullable<Traits["problem"]>; onShow(): void }) {
  const place = problem.column > 0 ? `Line ${problem.line}, column ${problem.column}` : `Line ${problem.line}`;
  return (
    <div class="attrium-panel-problem attrium-code-problem" role="alert">
      <Icon name="alert" />
      <p>
        {problem.line > 0 && (
          <button type="button" class="attrium-node-link" onClick={onShow}>
            {place}
          </button>
        )}
        {problem.node !== "" && <strong>{` ${problem.node}: `}</strong>}
        <span> {problem.message}</span>
      </p>
    </div>
  );
}

/** The program that is on show, as the compiler has it: a line for each node, with the one selected marked. */
function Compiled({ explorer }: { explorer: Explorer }) {
  const { facts } = useGraph(explorer);
  if (!facts || facts.text === "") return null;
  const { nodes } = facts;
  const node = explorer.store.get("node");
  return (
    <section class="attrium-code-compiled" aria-label="The program on show">
      <Heading title="The program on show">
        <span class="attrium-faint attrium-number">{sizeWords(facts)}</span>
      </Heading>
      <pre>
        {facts.text.split("\n").map((line, at) => (
          <code key={at} data-on={nodes[at]?.label === node}>
            {line}
            {"\n"}
          </code>
        ))}
      </pre>
    </section>
  );
}

function sizeWords({ nodes, forecast }: GraphFacts): string {
  const size = forecast
    ? `${forecast.layers} ${forecast.layers === 1 ? "layer" : "layers"}, ${forecast.d_model} dimensions, ${formatCount(forecast.parameters)} parameters`
    : "not compiled";
  return `${nodes.length} nodes, ${size}`;
}
