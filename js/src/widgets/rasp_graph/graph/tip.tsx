import { Tooltip } from "../../../lib";
import type { Place } from "../explorer";
import type { NodeFacts } from "../protocol";
import { kindWords, placeWords } from "../panels/kinds";
import type { Camera, Window } from "./camera";
import { cellBox, chipBox } from "./overlay";
import { cellsOf, type Picture } from "./picture";
import type { Frame } from "../../../lib";

interface Props {
  picture: Picture;
  frames: Readonly<Record<string, Frame>>;
  place: Place;
  camera: Camera;
  window: Window;
}

/** What is under the pointer, in words. */
export function Tip({ picture, frames, place, camera, window }: Props) {
  const node = picture.cards.get(place.node)?.facts.node;
  const box = boxOf(picture, place);
  if (!node || !box) return null;
  const x = (box.x + box.width / 2) * camera.scale + camera.x;
  const [top, bottom] = [box.y * camera.scale + camera.y, (box.y + box.height) * camera.scale + camera.y];
  // Over the lower half it stands above what it is about, so that the window does not cut it off.
  const above = bottom > window.height * 0.55;
  return (
    <Tooltip x={x} y={above ? top : bottom - 6} within={window.width}>
      <div class="attrium-rasp-tip" data-above={above}>
        {wordsOf(picture, frames, node, place)}
      </div>
    </Tooltip>
  );
}

function boxOf(picture: Picture, { node, position, cell }: Place) {
  if (cell) return cellBox(picture, node, cell[0], cell[1]);
  return position >= 0 ? chipBox(picture, node, position) : (picture.layout.boxes.get(node) ?? null);
}

function wordsOf(picture: Picture, frames: Props["frames"], node: NodeFacts, place: Place) {
  if (place.cell) return <CellWords picture={picture} frames={frames} node={node} cell={place.cell} />;
  if (place.position >= 0) return <ValueWords picture={picture} node={node} position={place.position} />;
  const folded = picture.shape.folded.get(node.label) ?? [];
  return (
    <>
      <b>{node.label}</b>
      <p>{kindWords(node.kind)}</p>
      {node.text !== "" && <code>{node.text}</code>}
      <p class="attrium-rasp-aside">{placeWords(node)}</p>
      {node.heads.length > 0 && (
        <p class="attrium-rasp-aside">
          {node.heads.length === 1 ? "head" : "heads"} {node.heads.join(", ")}
        </p>
      )}
      {folded.map(({ label, text }) => (
        <p key={label} class="attrium-rasp-aside">
          folded: {label} {text !== "" && <code>{text}</code>}
        </p>
      ))}
    </>
  );
}

/** A value as a reader sees it. */
function said(value: string | null | undefined): string {
  return value === null || value === undefined ? "absent" : value;
}

function ValueWords({ picture, node, position }: { picture: Picture; node: NodeFacts; position: number }) {
  const { values } = picture;
  const model = values.model[node.label]?.[position];
  const wrong = picture.cards.get(node.label)?.look.wrong.includes(position);
  return (
    <>
      <b>
        {node.label}[{position}] = {said(values.values[node.label]?.[position])}
      </b>
      <p class="attrium-rasp-aside">at token {values.tokens[position]}</p>
      {model !== undefined && (
        <p class={wrong ? "attrium-rasp-wrong" : "attrium-rasp-aside"}>
          {wrong ? "but the model holds" : "the model holds"} {said(model)}
        </p>
      )}
    </>
  );
}

interface CellProps {
  picture: Picture;
  frames: Props["frames"];
  node: NodeFacts;
  cell: readonly [number, number];
}

function CellWords({ picture, frames, node, cell: [query, key] }: CellProps) {
  const { values, graph } = picture;
  const count = values.tokens.length;
  const on = (label: string) => cellsOf(frames, label)?.[query * count + key] === 1;
  const [first, second] = node.inputs;
  return (
    <>
      <b>
        {node.label}: query {query}, key {key} {on(node.label) ? "selected" : "not selected"}
      </b>
      {node.kind === "select" && first !== undefined && second !== undefined && (
        <p>
          <span class="attrium-rasp-key">
            key {first}[{key}] = {said(values.values[first]?.[key])}
          </span>
          <br />
          <span class="attrium-rasp-query">
            query {second}[{query}] = {said(values.values[second]?.[query])}
          </span>
        </p>
      )}
      {node.text !== "" && <code>{node.text}</code>}
      {node.kind !== "select" &&
        node.inputs
          .filter((label) => graph.nodes.find((one) => one.label === label)?.selector)
          .map((label) => (
            <p key={label} class="attrium-rasp-aside">
              {label}: {on(label) ? "selected" : "not selected"}
            </p>
          ))}
    </>
  );
}
