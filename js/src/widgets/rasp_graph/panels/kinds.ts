import type { NodeFacts } from "../protocol";

const KINDS: Record<string, string> = {
  tokens: "input tokens",
  indices: "positions",
  constant: "constant",
  elementwise: "function of each position",
  map: "function of each position",
  sequence_map: "function of two, position by position",
  linear_sequence_map: "weighted sum",
  select: "selector",
  selector_and: "both selectors",
  selector_or: "either selector",
  selector_not: "not the selector",
  selector_width: "how many are selected",
  aggregate: "gathers what is selected",
};

/** What a kind of node is, in words. */
export function kindWords(kind: string): string {
  return KINDS[kind] ?? kind.replaceAll("_", " ");
}

/** Where a node is computed: "embedding", "layer 1, attention", "read through others". */
export function placeWords({ layer, half, place }: NodeFacts): string {
  const where = half === "embedding" || layer < 0 ? "embedding" : `layer ${layer}, ${half === "mlp" ? "MLP" : half}`;
  return place === "fused" ? `fused into what reads it (${where})` : where;
}

/** How a node's values are kept: "one dimension for each of 5 values". */
export function encodingWords({ selector, place, dimensions, count, encoding, heads, units }: NodeFacts): string {
  const parts: string[] = [];
  if (!selector && count >= 0) parts.push(`${count} possible ${count === 1 ? "value" : "values"}`);
  if (encoding) parts.push(encoding);
  if (place === "written") parts.push(`${dimensions.length} ${dimensions.length === 1 ? "dimension" : "dimensions"}`);
  if (heads.length > 0) parts.push(heads.length === 1 ? `head ${heads[0]}` : `heads ${heads.join(", ")}`);
  if (units > 0) parts.push(`${units} hidden ${units === 1 ? "unit" : "units"}`);
  return parts.join(", ");
}

/** Which half-layers write it, where they are several: "its number in layer 0 (head), its values in layer 0 (MLP)". */
export function writtenWords({ written }: NodeFacts): string {
  if (written.length < 2) return "";
  return written
    .map(({ layer, half, form }) => {
      const where = half === "embedding" ? "embedding" : `layer ${layer}, ${half === "mlp" ? "MLP" : half}`;
      return `${form === "number" ? "number" : "values"} by ${where}`;
    })
    .join("; ");
}
