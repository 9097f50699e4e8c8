import { useSignal } from "@preact/signals";
import { formatNumber, formatSigned } from "../../../lib";
import type { Role } from "../../../lib/roles";
import type { NumberRef, OriginFacts } from "../protocol";

interface Props {
  facts: OriginFacts;
  /** Asks for the origin of an operand. */
  onFollow(name: string, index: number[]): void;
  /** What the model calls a number; empty for none. */
  nameOf?: ((number: Pick<NumberRef, "name" | "index">) => string) | undefined;
}

/** What an operand adds to the sum, or null where it is no summand. Python says it; else it is the product. */
export function termOf(operand: Operand): number | null {
  return operand.term === undefined ? operand.value * (operand.factor ?? 1) : operand.term;
}

type Operand = OriginFacts["operands"][number] & { term?: number | null };

/** Bars to the right of the middle for what raises the sum, to the left for what lowers it; the largest first. */
export function OperandBars({ facts, onFollow, nameOf }: Props) {
  const all = useSignal(false);
  const { operands, rest } = all.value ? facts : shortened(facts, LISTED);
  if (operands.length === 0) return null;
  const largest = Math.max(
    1e-30,
    ...operands.map((operand) => Math.abs(termOf(operand) ?? 0)),
    Math.abs(rest?.sum ?? 0),
  );
  const terms = operands.some((operand) => termOf(operand) !== null);
  return (
    <table class="attrium-operands">
      <thead>
        <tr>
          <th scope="col">{terms ? "Term" : "Made from"}</th>
          <th scope="col">{terms && <span class="attrium-spoken">Bar</span>}</th>
          <th scope="col">{terms ? "adds" : "value"}</th>
          <th scope="col">{terms && "made of"}</th>
        </tr>
      </thead>
      <tbody>
        {operands.map((operand, at) => (
          <OperandRow key={at} operand={operand} largest={largest} onFollow={onFollow} nameOf={nameOf} />
        ))}
        {rest && (
          <tr>
            <th scope="row" class="attrium-faint">
              {`${rest.count} more `}
              {!all.value && operands.length < facts.operands.length && (
                <button
                  type="button"
                  class="attrium-follow"
                  onClick={() => {
                    all.value = true;
                  }}
                >
                  list {facts.operands.length - operands.length}
                </button>
              )}
            </th>
            <td>
              <SignedBar value={rest.sum} largest={largest} />
            </td>
            <td class="attrium-number">{formatSigned(rest.sum)}</td>
            <td />
          </tr>
        )}
      </tbody>
    </table>
  );
}

/** Operands that are listed before one asks for more. */
const LISTED = 10;

/** The first operands and those that are no summands; what the others add goes to the rest. */
export function shortened(facts: OriginFacts, most: number): Pick<OriginFacts, "operands" | "rest"> {
  const summands = facts.operands.filter((operand) => termOf(operand) !== null);
  if (summands.length <= most + 1) return facts;
  const left = summands.slice(most);
  const sum = left.reduce((total, operand) => total + (termOf(operand) ?? 0), 0);
  return {
    operands: [...summands.slice(0, most), ...facts.operands.filter((operand) => termOf(operand) === null)],
    rest: { count: left.length + (facts.rest?.count ?? 0), sum: sum + (facts.rest?.sum ?? 0) },
  };
}

interface RowProps extends Omit<Props, "facts"> {
  operand: Operand;
  largest: number;
}

function OperandRow({ operand, largest, onFollow, nameOf }: RowProps) {
  const { label, name, index } = operand;
  const term = termOf(operand);
  const called = name && index ? nameOf?.({ name, index }) : "";
  return (
    <tr>
      <th scope="row">
        {name && index ? (
          <button type="button" class="attrium-follow" title="What made this one" onClick={() => onFollow(name, index)}>
            {label}
          </button>
        ) : (
          label
        )}
        {called && <span class="attrium-part-name"> {called}</span>}
      </th>
      <td>{term !== null && <SignedBar value={term} largest={largest} />}</td>
      <td class="attrium-number">{formatSigned(term ?? operand.value)}</td>
      <td class="attrium-number attrium-faint">{productWords(operand)}</td>
    </tr>
  );
}

/** "0.31 × −1.2" */
function productWords({ value, factor }: OriginFacts["operands"][number]): string {
  return factor === null ? "" : `${formatNumber(value)} \u00d7 ${formatNumber(factor)}`;
}

/** A bar from the middle, as long as the number is large. */
export function SignedBar({ value, largest, hue = "residual" }: { value: number; largest: number; hue?: Role }) {
  const share = Math.min(1, Math.abs(value) / largest) * 50;
  return (
    <span class="attrium-signed-bar" data-role={hue} data-below={value < 0} aria-hidden="true">
      <span
        style={{
          left: `${value < 0 ? 50 - share : 50}%`,
          width: `max(1px, ${share}%)`,
        }}
      />
    </span>
  );
}
