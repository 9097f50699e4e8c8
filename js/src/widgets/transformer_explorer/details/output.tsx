import { useMemo } from "preact/hooks";
import { valuesOf } from "../../../lib";
import type { Role } from "../../../lib/roles";
import type { Explorer } from "../explorer";
import { headWords } from "../names";
import type { FlowFacts, NumberRef } from "../protocol";
import { largestAt } from "./bins";
import { Missing } from "./equation";
import { Explained, type Telling } from "./explained";
import { hasStage, inBlock, numberOf, only, tensorOf, type Vectors } from "./places";
import { Product } from "./product";
import { type Here, useVectors } from "./reading";
import { type SumRow, SumTable } from "./sum-table";
import { useView } from "./use-view";
import { WeightedRows } from "./weighted-rows";

interface Props {
  explorer: Explorer;
  here: Here;
  facts: FlowFacts | null;
}

/** From the pattern to the stream: the mix of values, the way through W_O, all heads together, the addition. */
export function OutputView(props: Props) {
  const { explorer, here, facts } = props;
  const { block, head, model, position } = here;
  const z: Vectors = {
    name: inBlock(facts, block, "attn.z"),
    symbol: "z",
    role: "attention",
    fixed: [head],
    length: model.d_head,
  };
  const result: Vectors = { ...z, name: inBlock(facts, block, "attn.result"), symbol: "result", length: model.d_model };
  const mixed = useLargest(explorer, here, z);
  const written = useLargest(explorer, here, result);
  const together = useLargest(explorer, here, attentionOut(here, facts));
  const weight = { tensor: `weights/W_O/${block}`, symbol: "W_O", fixed: [head], bias: null };
  return (
    <>
      <Explained
        explorer={explorer}
        title={`Attention times values, ${headWords(here.model, block, head)}`}
        lead="Each key's value is multiplied by the attention that this position pays it; together they are z."
        fallback={mixed}
      >
        {(telling) => <WeightedRows {...props} telling={telling} />}
      </Explained>
      <Explained
        explorer={explorer}
        title="Back to the width of the stream"
        lead={`z of head ${head} goes through its own part of W_O: what the head writes.`}
        fallback={written}
      >
        {(telling) => (
          <Product {...{ explorer, here, telling, weight }} input={z} output={result} rows={only(position)} />
        )}
      </Explained>
      <Explained
        explorer={explorer}
        title="All heads together"
        lead="What the heads write adds up, with the bias if there is one. Choose a head to go to it."
        fallback={together}
      >
        {(telling) => <AllHeads {...props} telling={telling} />}
      </Explained>
      <Residual {...props} before="resid_pre" write="attn_out" after="resid_mid" />
    </>
  );
}

/** The number of largest magnitude of a vector at the position. */
export function useLargest(explorer: Explorer, here: Here, vectors: Vectors | null): NumberRef | null {
  const { read } = useVectors(explorer, vectors, only(here.position));
  const at = read ? largestAt(read.values) : -1;
  return at < 0 || !vectors ? null : numberOf(vectors, here.position, at, here.which);
}

/** What comes out of W_O, all heads together. */
function attentionOut({ block, model }: Here, facts: FlowFacts | null): Vectors {
  const name = inBlock(facts, block, "attn.out");
  return { name, symbol: "attn.out", role: "residual", fixed: [], length: model.d_model };
}

function AllHeads({ explorer, here, facts, telling }: Props & { telling: Telling }) {
  const { block, head, model, position, which, run } = here;
  const result = inBlock(facts, block, "attn.result");
  const out = attentionOut(here, facts);
  const all = useView(
    explorer.channel,
    {
      tensor: tensorOf(which, result),
      index: [only(position), [0, model.heads], [0, model.d_model]],
      pixels: [model.heads, model.d_model],
    },
    run,
  );
  const bias = useView(
    explorer.channel,
    { tensor: `weights/b_O/${block}`, index: [[0, model.d_model]], pixels: [1, model.d_model] },
    run,
  );
  const total = useVectors(explorer, out, only(position));
  const rows = useMemo((): SumRow[] | null => {
    if (!all.frame || !total.read) return null;
    const values = valuesOf(all.frame);
    const heads = Array.from({ length: model.heads }, (_, at): SumRow => {
      const own: Vectors = { ...out, name: result, role: "attention", fixed: [at] };
      return {
        key: `head ${at}`,
        sign: at === 0 ? "" : "+",
        title: <span title={headWords(model, block, at)}>{headWords(model, block, at)}</span>,
        spoken: `what ${headWords(model, block, at)} writes`,
        role: "attention",
        values: values.subarray(at * model.d_model, (at + 1) * model.d_model),
        reference: (index) => numberOf(own, position, index, which),
        current: at === head,
        onChoose: () => explorer.go({ head: at }),
      };
    });
    const added = bias.frame ? [biasRow("b_O", valuesOf(bias.frame))] : [];
    return [...heads, ...added, vectorRow(out, total.read.values, "=", here)];
  }, [all.frame, bias.frame, total.read, head]);
  const error = all.error ?? total.error;
  if (error !== null) return <Missing>{error}</Missing>;
  if (!rows || (!bias.frame && bias.error === null)) return null;
  return <SumTable {...{ explorer, telling, rows }} label="What the heads write, added up" />;
}

function biasRow(symbol: string, values: Float32Array): SumRow {
  return { key: symbol, sign: "+", title: symbol, spoken: symbol, role: "residual", values, reference: () => null };
}

/** A vector of the trace as a row of a sum. */
export function vectorRow(vectors: Vectors, values: Float32Array, sign: string, { position, which }: Here): SumRow {
  return {
    key: vectors.name,
    sign,
    title: <span title={vectors.name}>{vectors.symbol}</span>,
    spoken: vectors.symbol,
    role: vectors.role,
    values,
    reference: (index) => numberOf(vectors, position, index, which),
  };
}

interface ResidualProps extends Props {
  before: string;
  write: string;
  after: string;
}

const WRITERS: Record<string, Role> = { attn_out: "attention", mlp_out: "mlp" };

/** The stream before, what is written to it, and the stream after, with their lengths. */
export function Residual({ explorer, here, facts, before, write, after }: ResidualProps) {
  const parallel = !hasStage(facts, "resid_mid") && hasStage(facts, "attn_out") && hasStage(facts, "mlp_out");
  const stages = parallel ? ["resid_pre", "attn_out", "mlp_out", "resid_post"] : [before, write, after];
  const length = here.model.d_model;
  const vectors = stages.map(
    (stage): Vectors => ({
      name: inBlock(facts, here.block, stage),
      symbol: stage,
      role: WRITERS[stage] ?? "residual",
      fixed: [],
      length,
    }),
  );
  const largest = useLargest(explorer, here, vectors[vectors.length - 1] ?? null);
  return (
    <Explained
      explorer={explorer}
      title="Added to the stream"
      fallback={largest}
      lead={
        parallel
          ? "Attention and MLP read the same stream, and both are added to it at once."
          : "Nothing in the stream is replaced: what is written is added to it."
      }
    >
      {(telling) => <StreamSum {...{ explorer, here, telling, vectors }} />}
    </Explained>
  );
}

function StreamSum(props: { explorer: Explorer; here: Here; telling: Telling; vectors: readonly Vectors[] }) {
  const { explorer, here, telling, vectors } = props;
  const last = vectors.length - 1;
  // Three or four of them, always: hooks may stand in a row for each.
  const at = only(here.position);
  const reads = [
    useVectors(explorer, vectors[0] ?? null, at),
    useVectors(explorer, vectors[1] ?? null, at),
    useVectors(explorer, vectors[2] ?? null, at),
    useVectors(explorer, vectors[3] ?? null, at),
  ].slice(0, vectors.length);
  const error = reads.find((read) => read.error !== null)?.error;
  const rows = reads.flatMap(({ read }, i) =>
    read ? [vectorRow(read.vectors, read.values, i === 0 ? "" : i === last ? "=" : "+", here)] : [],
  );
  if (error) return <Missing>{error}</Missing>;
  if (rows.length < vectors.length) return null;
  return <SumTable {...{ explorer, telling, rows }} label="The stream before and after" />;
}
