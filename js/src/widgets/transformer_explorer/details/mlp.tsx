import { useMemo } from "preact/hooks";
import type { Explorer } from "../explorer";
import { unitName } from "../names";
import type { FlowFacts, NumberRef } from "../protocol";
import { ActivationPlot } from "./activation-plot";
import { Missing } from "./equation";
import { Explained, type Telling } from "./explained";
import { Neurons } from "./neurons";
import { Residual, useLargest } from "./output";
import { beforeMlp, inBlock, mlpInput, numberOf, only, type Vectors } from "./places";
import { Product } from "./product";
import { type Here, useVectors } from "./reading";

interface Props {
  explorer: Explorer;
  here: Here;
  facts: FlowFacts | null;
}

/** The MLP at one position: out to its hidden units, through the activation, back, and onto the stream. */
export function MlpView(props: Props) {
  const { explorer, here, facts } = props;
  const { block, model, position } = here;
  const input = streamVectors(here, facts, mlpInput(facts, model), "x");
  const pre: Vectors = {
    ...input,
    name: inBlock(facts, block, "mlp.pre"),
    symbol: "pre",
    role: "mlp",
    length: model.d_mlp,
  };
  const linear: Vectors = { ...pre, name: inBlock(facts, block, "mlp.pre_linear"), symbol: "pre_linear" };
  const post: Vectors = { ...pre, name: inBlock(facts, block, "mlp.post"), symbol: "post" };
  // Where a norm follows the MLP, what W_out gives has a name of its own.
  const plain = streamVectors(here, facts, "mlp.out", "mlp.out");
  const inner = useVectors(explorer, model.d_mlp > 0 ? plain : null, only(position));
  const out = inner.error === null && inner.read ? plain : streamVectors(here, facts, "mlp_out", "mlp_out");
  const largest = {
    pre: useLargest(explorer, here, pre),
    linear: useLargest(explorer, here, model.gated ? linear : null),
    post: useLargest(explorer, here, post),
    out: useLargest(explorer, here, out),
  };
  const added = <Residual {...props} before={beforeMlp(facts, model)} write="mlp_out" after="resid_post" />;
  if (model.d_mlp === 0) {
    return (
      <>
        <Missing>
          No map to hidden units was found in this MLP (a mixture of experts keeps all of its in one parameter); this is
          what it writes.
        </Missing>
        {added}
      </>
    );
  }
  const into = model.gated ? "W_gate" : "W_in";
  return (
    <>
      <Explained
        explorer={explorer}
        title={`To ${model.d_mlp} hidden units`}
        lead={mlpLead(here)}
        fallback={largest.pre}
      >
        {(telling) => <Through {...props} {...{ telling, input }} output={pre} letter={into.slice(2)} />}
      </Explained>
      {model.gated && (
        <Explained
          explorer={explorer}
          title="The other factor"
          lead="What the gate lets through, unit by unit."
          fallback={largest.linear}
        >
          {(telling) => <Through {...props} {...{ telling, input }} output={linear} letter="in" />}
        </Explained>
      )}
      <Explained
        explorer={explorer}
        title={model.activation ? `Activation: ${model.activation}` : "Activation"}
        lead={activationLead(here)}
        fallback={largest.post}
      >
        {(telling) => <Activation {...props} {...{ telling, pre, post }} linear={model.gated ? linear : null} />}
      </Explained>
      <Explained
        explorer={explorer}
        title="Back to the stream"
        lead={`All ${model.d_mlp} hidden units write to the stream, each its own direction, as strongly as it is active.`}
        fallback={largest.out}
      >
        {(telling) => <Through {...props} {...{ telling }} input={post} output={out} letter="out" />}
      </Explained>
      {added}
    </>
  );
}

function streamVectors({ block, model }: Here, facts: FlowFacts | null, stage: string, symbol: string): Vectors {
  return { name: inBlock(facts, block, stage), symbol, role: "residual", fixed: [], length: model.d_model };
}

interface ThroughProps extends Props {
  telling: Telling;
  input: Vectors;
  output: Vectors;
  /** Of the weight: "in" for W_in and b_in. */
  letter: string;
}

function Through({ explorer, here, telling, input, output, letter }: ThroughProps) {
  const weight = {
    tensor: `weights/W_${letter}/${here.block}`,
    symbol: `W_${letter}`,
    fixed: [],
    bias: { tensor: `weights/b_${letter}/${here.block}`, symbol: `b_${letter}` },
  };
  return <Product {...{ explorer, here, telling, input, weight, output }} rows={only(here.position)} />;
}

interface ActivationProps extends Props {
  telling: Telling;
  pre: Vectors;
  post: Vectors;
  /** The factor beside the gate, or null where there is none. */
  linear: Vectors | null;
}

/** The points of all hidden units, and the strongest of them. */
function Activation({ explorer, here, telling, pre, post, linear }: ActivationProps) {
  const at = only(here.position);
  const before = useVectors(explorer, pre, at);
  const factor = useVectors(explorer, linear, at);
  const after = useVectors(explorer, post, at);
  const curve = useMemo(
    () => after.read && (factor.read ? quotient(after.read.values, factor.read.values) : after.read.values),
    [after.read, factor.read],
  );
  const error = before.error ?? factor.error ?? after.error;
  if (error !== null) return <Missing>{error}</Missing>;
  if (!before.read || !after.read || !curve || (linear && !factor.read)) return null;
  const reference = (neuron: number): NumberRef => numberOf(post, here.position, neuron, here.which);
  const point = (neuron: number | null) => telling.point(neuron === null ? null : reference(neuron));
  const lit = telling.pointed?.name === post.name ? (telling.pointed.index.at(-1) ?? null) : null;
  return (
    <div class="attrium-activation-sides">
      <ActivationPlot
        pre={before.read.values}
        post={curve}
        theme={explorer.theme}
        names={["pre", linear ? "post / pre_linear" : "post"]}
        lit={lit}
        nameOf={(neuron) => unitName(here.model, here.block, neuron)}
        onPoint={point}
        onPick={(neuron) => telling.pick(reference(neuron))}
      />
      <Neurons
        {...{ explorer, here }}
        post={after.read.values}
        onPick={(neuron) => telling.pick(reference(neuron))}
        onPoint={point}
      />
    </div>
  );
}

/** Number by number; NaN where the divisor is zero, so that no point is drawn. */
export function quotient(values: Float32Array, by: Float32Array): Float32Array {
  return values.map((value, i) => (by[i] ? value / (by[i] ?? 1) : Number.NaN));
}

export function mlpLead({ model, position }: Here): string {
  const norm =
    model.norms.mlp && model.form !== "post-norm" ? `the output of ${model.norms.mlp}` : "what the MLP reads";
  return `x is ${norm} at position ${position}; tokens do not mix here.`;
}

function activationLead({ model }: Here): string {
  const gate = model.gated ? " It is the gate; post is what it gives times pre_linear." : "";
  return `Every hidden unit of this position is a point, so the points draw the function itself.${gate} The strongest are listed.`;
}
