import { type Signal, useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { formatNumber, formatSigned, spokenText, valuesOf } from "../../../lib";
import { type MatrixCell, MatrixView } from "../../../lib/matrix-view";
import type { Explorer } from "../explorer";
import { OriginCard } from "../origin-card";
import { headWords } from "../names";
import type { FlowFacts } from "../protocol";
import { largestAt } from "./bins";
import { Explained } from "./explained";
import { inBlock, keyHeadOf, only, tensorOf } from "./places";
import type { Here } from "./reading";
import { ScaledChannel } from "./scaled-channel";
import { useScoreScale } from "./score-scale";
import { shownShare } from "./steps";
import { StepButtons, type Steps, useSteps } from "./use-steps";
import { useView } from "./use-view";
import { WeightedRows } from "./weighted-rows";

interface Props {
  explorer: Explorer;
  here: Here;
  facts: FlowFacts | null;
}

interface MatrixStep {
  quantity: string;
  title: string;
  /** What this step does to the one before. */
  sign: string;
  colors: "attention" | "signed";
  /** What the tensor's numbers are multiplied by to give those of the step. */
  factor?: number;
}

const SOFTMAX: MatrixStep = {
  quantity: "attn.pattern",
  title: "Softmax",
  sign: "e\u02e3 / \u03a3",
  colors: "attention",
};

/** The steps of an attention: with the product before its factor where that is known, else from the scores on. */
export function matrixSteps(scale: number | null): readonly MatrixStep[] {
  const masked = { quantity: "attn.masked_scores", colors: "signed" } as const;
  const scores = { quantity: "attn.scores", sign: "q \u00b7 k", colors: "signed" } as const;
  if (scale === null) return [{ ...scores, title: "Scores" }, { ...masked, title: "Mask", sign: "hide" }, SOFTMAX];
  return [
    { ...scores, title: "Dot product", factor: 1 / scale },
    { ...masked, title: "Scale and mask", sign: `\u00d7 ${formatNumber(scale, 3)}` },
    SOFTMAX,
  ];
}

/** Matrices, and the values after them. */
const STEPS = 4;
const MATRIX_PX = 300;
const NOUNS = ["query", "key"] as const;

/** Attention of one head, step by step: the same cell is lit in every matrix, and its numbers stand below. */
export function AttentionView(props: Props) {
  const { explorer, here } = props;
  const { block, head, position, tokens } = here;
  const steps = useSteps(STEPS);
  const scale = useScoreScale(explorer, here, props.facts);
  const matrices = useMemo(() => (scale === undefined ? [] : matrixSteps(scale)), [scale]);
  const cell = useSignal<MatrixCell | null>(null);
  const kept = useSignal<readonly [row: number, column: number] | null>(null);
  useEffect(() => {
    kept.value = null;
  }, [block, head, here.run]);
  const chosen = cell.value ?? (kept.value && { row: kept.value[0], column: kept.value[1] });
  const query = Math.min(chosen?.row ?? position, tokens.length - 1);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: keys of the buttons, wherever the focus is
    <div class="attrium-detail-group" onKeyDown={steps.keys}>
      <Explained
        explorer={explorer}
        title={`Attention of ${headWords(here.model, block, head)}, block ${block}`}
        tools={<StepButtons steps={steps} />}
        lead={headLead(here)}
      >
        {() => (
          <>
            <div class="attrium-matrix-steps">
              {matrices.map((step, at) => (
                <MatrixStepView
                  key={step.title}
                  {...props}
                  {...{ step, steps, at, cell }}
                  pinned={kept.value}
                  onPick={(row, column) => {
                    kept.value = kept.value?.[0] === row && kept.value[1] === column ? null : [row, column];
                  }}
                />
              ))}
            </div>
            <CellStory {...props} query={query} column={chosen?.column ?? null} {...{ steps, matrices }} />
          </>
        )}
      </Explained>
      <div style={{ opacity: shownShare(steps.play, STEPS - 1) }}>
        <Explained
          explorer={explorer}
          title="Times the values"
          lead={`What ${quoted(tokens[position]?.text)} takes along: the values of other tokens, each times its attention.`}
        >
          {(telling) => <WeightedRows {...props} telling={telling} most={6} />}
        </Explained>
      </div>
    </div>
  );
}

interface StepProps extends Props {
  step: MatrixStep;
  steps: Steps;
  at: number;
  cell: Signal<MatrixCell | null>;
  pinned: readonly [number, number] | null;
  onPick(row: number, column: number): void;
}

function MatrixStepView(props: StepProps) {
  const { explorer, here, facts, step, steps, at, cell } = props;
  const { block, head, tokens, which, run, position } = here;
  const name = inBlock(facts, block, step.quantity);
  const labels = useMemo(() => tokens.map(({ text }) => spokenText(text)), [tokens]);
  const current = useMemo(() => [position], [position]);
  const share = shownShare(steps.play, at);
  const own = useOwnCell(cell);
  const { factor } = step;
  const channel = useMemo(
    () => (factor === undefined ? explorer.channel : new ScaledChannel(explorer.channel, factor, explorer.abort)),
    [explorer.channel, factor],
  );
  return (
    <section class="attrium-matrix-step" data-started={share > 0} style={{ "--attrium-shown": share }}>
      <h5>
        <span class="attrium-step-number">{at + 1}</span>
        {step.title}
        <span class="attrium-step-sign">{step.sign}</span>
      </h5>
      <p class="attrium-term-size">
        {`${name}[${head}]${step.factor === undefined ? "" : ` / ${formatNumber(1 / step.factor, 3)}`}`}
      </p>
      <MatrixView
        channel={channel}
        tensor={tensorOf(which, name)}
        head={head}
        version={run}
        rows={labels}
        columns={labels}
        colors={step.colors}
        theme={explorer.theme}
        cell={own}
        selected={current}
        onPick={props.onPick}
        pinned={props.pinned}
        height_px={MATRIX_PX}
        label={`${step.title}: queries down, keys across`}
        nouns={NOUNS}
        announce={explorer.announce}
      />
    </section>
  );
}

/** The shared cell as one matrix has it: the same place, but with a value of its own tensor. */
function useOwnCell(shared: Signal<MatrixCell | null>): Signal<MatrixCell | null> {
  const own = useSignal<MatrixCell | null>(null);
  useEffect(() => {
    // At once, not with the next frame: the pointer may leave one matrix and be in another by then.
    const down = shared.subscribe((cell) => {
      if (!samePlace(cell, own.peek())) own.value = cell && { ...cell, value: null };
    });
    const up = own.subscribe((cell) => {
      if (!samePlace(cell, shared.peek())) shared.value = cell;
    });
    return () => {
      down();
      up();
    };
  }, [own, shared]);
  return own;
}

function samePlace(one: MatrixCell | null, other: MatrixCell | null): boolean {
  return one?.row === other?.row && one?.column === other?.column;
}

interface StoryProps extends Props {
  query: number;
  /** Null while no cell is pointed at: the story is then of the query's strongest key. */
  column: number | null;
  steps: Steps;
  matrices: readonly MatrixStep[];
}

/** One cell through all the steps: the two words large, then each number with its formula. */
function CellStory({ explorer, here, facts, query, column, steps, matrices }: StoryProps) {
  const { block, head, tokens, which } = here;
  const strongestKey = useStrongestKey(explorer, here, facts, query);
  const key = Math.min(column ?? strongestKey ?? query, tokens.length - 1);
  return (
    <div class="attrium-cell-story">
      <p class="attrium-cell-words">
        <span class="attrium-cell-word" data-role="query">
          {spokenText(tokens[query]?.text ?? "")}
        </span>
        <span class="attrium-faint">{`query ${query}, looks at`}</span>
        <span class="attrium-cell-word" data-role="key">
          {spokenText(tokens[key]?.text ?? "")}
        </span>
        <span class="attrium-faint">
          {key === query ? `key ${key}, itself` : `key ${key}, ${distanceWords(query - key)}`}
        </span>
      </p>
      {matrices.map((step, at) => (
        <div key={step.quantity} class="attrium-cell-step" data-started={shownShare(steps.play, at) > 0}>
          <span class="attrium-step-number">{at + 1}</span>
          <div>
            {step.factor !== undefined && (
              <ProductBefore explorer={explorer} here={here} facts={facts} cell={[query, key]} factor={step.factor} />
            )}
            <OriginCard
              explorer={explorer}
              compact
              reference={{ name: inBlock(facts, block, step.quantity), index: [head, query, key], which }}
            />
          </div>
        </div>
      ))}
    </div>
  );
}

interface ProductProps extends Props {
  cell: readonly [query: number, key: number];
  /** What the score is multiplied by to give the product. */
  factor: number;
}

/** The product as the first matrix has it: the tensor's number already has its factor. */
function ProductBefore({ explorer, here, facts, cell: [query, key], factor }: ProductProps) {
  const { block, head, which, run } = here;
  const tensor = tensorOf(which, inBlock(facts, block, "attn.scores"));
  const { frame, waiting } = useView(
    explorer.channel,
    { tensor, index: [only(head), only(query), only(key)], pixels: [1, 1] },
    run,
  );
  const score = frame ? valuesOf(frame)[0] : undefined;
  if (score === undefined) return null;
  const product = waiting ? "\u2026" : formatSigned(score * factor);
  return (
    <p class="attrium-cell-product attrium-number">
      {"query \u00b7 key = "}
      <b>{product}</b>
      <span class="attrium-faint">{` as in matrix 1; times ${formatNumber(1 / factor, 4)}, it is the score:`}</span>
    </p>
  );
}

/** The key that a query attends to most; null until the pattern is there. */
function useStrongestKey(explorer: Explorer, here: Here, facts: FlowFacts | null, query: number): number | null {
  const { block, head, tokens, which, run } = here;
  const row = useView(
    explorer.channel,
    {
      tensor: tensorOf(which, inBlock(facts, block, "attn.pattern")),
      index: [only(head), only(query), [0, tokens.length]],
      pixels: [1, tokens.length],
    },
    run,
  );
  return useMemo(() => (row.frame ? largestAt(valuesOf(row.frame)) : null), [row.frame]);
}

export function distanceWords(back: number): string {
  const count = Math.abs(back);
  return `${count} ${count === 1 ? "token" : "tokens"} ${back > 0 ? "before" : "after"} it`;
}

function quoted(text: string | undefined): string {
  return `\u201c${spokenText(text ?? "")}\u201d`;
}

/** What the rows and columns are; with grouped-query attention also whose keys they are. */
export function headLead({ head, model, position }: Here): string {
  const own = keyHeadOf(head, model);
  const shared = model.kv_heads < model.heads ? ` Keys and values are those of key head ${own}, which it shares.` : "";
  const causal = model.causal ? " A token sees itself and what stands before it." : "";
  return `Queries down, keys across; the marked row is position ${position}.${causal}${shared}`;
}
