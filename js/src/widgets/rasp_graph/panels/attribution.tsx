import { formatSigned, inkOn, Segmented, toCss, useAnswer } from "../../../lib";
import type { Explorer } from "../explorer";
import type { AttributionFacts } from "../protocol";
import { Heading } from "./asking";
import { foundOf, isTiny, scoreEnd } from "./attribution-data";
import { HeatLegend } from "./heat-map";
import { heatColor } from "./heat-map-paint";
import { cellNumber } from "./number-text";
import type { ProgramView } from "./program-view";
import { ValueCell } from "./value-cell";

/** Attribution methods against the tokens that truly matter, for the output at one position. */
export function Attribution({ program }: { program: ProgramView }) {
  const { explorer, values } = program;
  const { store, channel } = explorer;
  const last = values.tokens.length - 1;
  const pinned = store.get("position");
  const position = pinned >= 0 && pinned <= last ? pinned : last;
  const args = { method: "", position, side: store.get("side") };
  const first = useAnswer<AttributionFacts>(channel, "attribution", args, store.get("run"));
  const { facts } = first;
  return (
    <section class="attrium-bridge" aria-label="Attribution">
      <Heading title="Attribution, and what truly matters" />
      <p class="attrium-faint">
        Tokens that the output at position {position} depends on: changing the token there can change it. Beside it,
        what attribution methods say of the compiled model.
      </p>
      <OutputPicker program={program} position={position} />
      {facts ? (
        <Methods program={program} facts={facts} position={position} busy={first.waiting} />
      ) : (
        <p class="attrium-panel-quiet">{first.error ?? "Computing attributions"}</p>
      )}
    </section>
  );
}

function OutputPicker({ program, position }: { program: ProgramView; position: number }) {
  const options = program.values.tokens.map((token, at) => ({
    value: String(at),
    label: `${at} ${token}`,
    doc: `output ${program.values.output[at] ?? "absent"}`,
  }));
  return (
    <Segmented
      label="Output at"
      options={options}
      value={String(position)}
      onChange={(value) => program.explorer.pinAt(Number(value))}
    />
  );
}

interface MethodsProps {
  program: ProgramView;
  facts: AttributionFacts;
  position: number;
  busy: boolean;
}

function Methods({ program, facts, position, busy }: MethodsProps) {
  const { tokens } = program.values;
  const { explorer } = program;
  return (
    <>
      <div class="attrium-values-scroll" aria-busy={busy}>
        <table class="attrium-values attrium-attribution" aria-label="Attribution by method">
          <thead>
            <tr>
              <th scope="col" />
              {tokens.map((token, at) => (
                <th key={at} scope="col">
                  <ValueCell value={token} color={program.colorOf("tokens", at, token)} />
                </th>
              ))}
              <th scope="col" class="attrium-attribution-found">
                found
              </th>
            </tr>
          </thead>
          <tbody>
            <TruthRow truth={facts.truth} />
            {facts.methods.map((method) => (
              <MethodRow key={method} explorer={explorer} method={method} position={position} known={facts} />
            ))}
          </tbody>
        </table>
      </div>
      <HeatLegend
        end={null}
        theme={explorer.theme}
        note="Each method's colours end at its own largest score. Found: tokens that matter among as many of largest score; other: tokens that do not, with a hundredth of the largest or more."
      />
      {facts.note !== "" && <p class="attrium-faint">{facts.note}</p>}
    </>
  );
}

function TruthRow({ truth }: { truth: readonly boolean[] }) {
  return (
    <tr data-strong="true">
      <th scope="row">truly matters</th>
      {truth.map((on, at) => (
        <td key={at}>
          <span class="attrium-truth" data-on={on}>
            {on ? "yes" : ""}
            {!on && <span class="attrium-spoken">no</span>}
          </span>
        </td>
      ))}
      <td class="attrium-attribution-found attrium-number">{truth.filter(Boolean).length}</td>
    </tr>
  );
}

interface RowProps {
  explorer: Explorer;
  method: string;
  position: number;
  /** The answer that is there already, of the method that comes first. */
  known: AttributionFacts;
}

function MethodRow({ explorer, method, position, known }: RowProps) {
  const { store, channel, theme } = explorer;
  const args = method === known.method ? null : { method, position, side: store.get("side") };
  const answer = useAnswer<AttributionFacts>(channel, "attribution", args, store.get("run"));
  const facts = method === known.method ? known : answer.facts;
  const name = (
    <th scope="row" title={facts?.note}>
      {methodName(method)}
    </th>
  );
  if (!facts) {
    return (
      <tr>
        {name}
        <td class="attrium-attribution-none attrium-faint" colSpan={known.truth.length + 1}>
          {answer.error ?? "computing"}
        </td>
      </tr>
    );
  }
  const end = scoreEnd(facts.scores);
  const { found, of, others } = foundOf(facts.scores, known.truth);
  return (
    <tr aria-busy={answer.waiting}>
      {name}
      {facts.scores.map((score, at) => {
        const color = score === 0 ? null : heatColor(score, end, theme);
        const style = color ? { background: toCss(color), color: toCss(inkOn(color)) } : undefined;
        return (
          <td key={at} data-source={known.truth[at]}>
            <span class="attrium-value attrium-number" style={style} title={formatSigned(score, 6)}>
              {isTiny(score, end) ? "\u22480" : cellNumber(score)}
            </span>
          </td>
        );
      })}
      <td class="attrium-attribution-found attrium-number">{`${found} of ${of}${others > 0 ? `, ${others} other` : ""}`}</td>
    </tr>
  );
}

/** "IntegratedGradients" and "integrated_gradients" as words. */
function methodName(method: string): string {
  return method
    .replace(/(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/g, " ")
    .replaceAll("_", " ")
    .toLowerCase();
}
