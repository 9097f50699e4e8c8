import type { ComponentChildren } from "preact";
import { Button, formatCount, Icon, spokenText, useAnswer } from "../../../lib";
import { type Explorer, useValues } from "../explorer";
import type { Checked, CheckFacts } from "../protocol";
import { Heading, NoAnswer } from "./asking";
import { differing, firstWords } from "./check-words";
import { type ProgramView, useProgram } from "./program-view";
import { type ValueRow, ValuesTable } from "./values-table";

/** Interpreter, craft and model side by side, for this input and for many. */
export function CheckPanel({ explorer }: { explorer: Explorer }) {
  const { program, error } = useProgram(explorer);
  const { store, channel } = explorer;
  const answer = useAnswer<CheckFacts>(channel, "check", { side: store.get("side") }, store.get("run"));
  return (
    <div class="attrium-panel-body" aria-busy={answer.waiting}>
      <ManyInputs explorer={explorer} />
      {store.get("programs").length > 1 && <OtherProgram explorer={explorer} program={program} />}
      <Heading title="This input" />
      {program && answer.facts ? (
        <ThisInput program={program} facts={answer.facts} />
      ) : (
        <NoAnswer error={answer.error ?? error}>Reading the model</NoAnswer>
      )}
    </div>
  );
}

function ThisInput({ program, facts }: { program: ProgramView; facts: CheckFacts }) {
  const wrong = facts.rows.filter((row) => row.wrong.length > 0).length;
  return (
    <>
      {facts.first ? (
        <Verdict bad>
          The first value that differs from the interpreter&rsquo;s: {firstWords(facts.first)}.
          {wrong > 1 && ` ${wrong} nodes differ in all.`}
        </Verdict>
      ) : (
        <Verdict>
          {facts.rows.length === 1
            ? "The node that can be read back from the model holds the interpreter\u2019s values."
            : `All ${facts.rows.length} nodes that can be read back from the model hold the interpreter\u2019s values.`}
        </Verdict>
      )}
      <ValuesTable program={program} rows={checkRows(facts)} label="Interpreter, craft and model" />
    </>
  );
}

/** One row for a node on which all agree, one for each reading where they do not. */
export function checkRows({ rows }: CheckFacts): ValueRow[] {
  return rows.flatMap(({ label, interpreter, craft, model, wrong }): ValueRow[] => {
    const agree = wrong.length === 0 && (!craft || differing(craft, interpreter).length === 0);
    if (agree) return [{ label, values: interpreter, ...noted(craft, model) }];
    const found: ValueRow[] = [{ label, note: "interpreter", values: interpreter }];
    if (craft) found.push({ label, note: "craft", values: craft, wrong: differing(craft, interpreter) });
    if (model) found.push({ label, note: "model", values: model, wrong });
    return found;
  });
}

/** Where the values were not read back everywhere. */
function noted(craft: unknown, model: unknown): { note?: string } {
  if (craft && model) return {};
  return { note: model ? "and model" : craft ? "and craft" : "not in the stream" };
}

function Verdict({ bad = false, children }: { bad?: boolean; children: ComponentChildren }) {
  return (
    <p class="attrium-verdict" data-bad={bad} role="status">
      <Icon name={bad ? "alert" : "check"} />
      <span>{children}</span>
    </p>
  );
}

const COUNTS = [100, 1000, 10000] as const;

/** Checks on random inputs, and what came of the last one. */
function ManyInputs({ explorer }: { explorer: Explorer }) {
  const { store } = explorer;
  const checked = store.get("checked");
  const running = store.get("status").state === "running";
  return (
    <section class="attrium-check-many" aria-label="Many inputs">
      <Heading title="Random inputs">
        <fieldset
          class="attrium-needs-kernel"
          disabled={store.saved || running}
          title={store.saved ? "Needs a running kernel" : undefined}
        >
          {COUNTS.map((count) => (
            <Button
              key={count}
              label={`Run model and interpreter on ${formatCount(count)} random inputs`}
              onClick={() => explorer.send({ kind: "check", count })}
            >
              {`Check ${formatCount(count)}`}
            </Button>
          ))}
          <Button
            label="Look for an input on which they differ"
            onClick={() => explorer.send({ kind: "counterexample" })}
          >
            Find a counter-example
          </Button>
        </fieldset>
      </Heading>
      {checked ? (
        <CheckedInputs explorer={explorer} checked={checked} />
      ) : (
        <p class="attrium-faint">No other input has been checked yet.</p>
      )}
    </section>
  );
}

function CheckedInputs({ explorer, checked }: { explorer: Explorer; checked: Checked }) {
  const { inputs, wrong, seed, example, first } = checked;
  const count = `${formatCount(inputs)} ${inputs === 1 ? "input" : "inputs"}`;
  if (wrong === 0) {
    return <Verdict>{`Model and interpreter agree on all ${count} (seed ${seed}).`}</Verdict>;
  }
  return (
    <>
      <Verdict bad>{`They differ on ${formatCount(wrong)} of ${count} (seed ${seed}). ${firstWords(first)}`}</Verdict>
      {example && (
        <p class="attrium-check-example">
          <span class="attrium-faint">For example</span>
          {example.map((token, at) => (
            <span key={at} class="attrium-value">
              {spokenText(token)}
            </span>
          ))}
          <Button onClick={() => explorer.send({ kind: "input", tokens: example })}>Show this input</Button>
        </p>
      )}
    </>
  );
}

/** Two programs on this input: their outputs, and where they differ. */
function OtherProgram({ explorer, program }: { explorer: Explorer; program: ProgramView | null }) {
  const { store } = explorer;
  const names = store.get("programs");
  const side = store.get("side");
  const other = side === 0 ? 1 : 0;
  const theirs = useValues(explorer, other).facts;
  if (!program || !theirs) return null;
  const [mine, yours] = [program.values.output, theirs.output];
  const wrong = differing(mine, yours);
  const output = program.graph.nodes[program.graph.nodes.length - 1]?.label ?? "";
  const rows: ValueRow[] = [
    { label: output, name: names[side], values: mine, strong: true },
    { label: output, name: names[other], values: yours, wrong },
  ];
  return (
    <section aria-label="Two programs">
      <Heading title="Two programs" />
      <Verdict bad={wrong.length > 0}>
        {wrong.length === 0
          ? `${names[side]} and ${names[other]} agree on this input.`
          : `${names[side]} and ${names[other]} differ at ${wrong.length === 1 ? "position" : "positions"} ${wrong.join(", ")}.`}
      </Verdict>
      <ValuesTable program={program} rows={rows} label="Outputs of two programs" />
    </section>
  );
}
