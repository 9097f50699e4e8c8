import { useSignal } from "@preact/signals";
import { useMemo, useState } from "preact/hooks";
import {
  formatNumber,
  formatPercent,
  onKeys,
  roleRamp,
  Segmented,
  spokenText,
  toCss,
  inkOn,
  type Theme,
} from "../../../lib";
import type { NodeFacts } from "../protocol";
import { Heading } from "./asking";
import { HeatLegend, HeatMap } from "./heat-map";
import type { ProgramView } from "./program-view";
import { cellWords, gatheringWords, type SelectorData, selectorData } from "./selector-data";
import { ValueCell } from "./value-cell";

type Shows = "selected" | "attention";

/** Longer inputs are drawn as a heat map. */
const MOST_CELLS = 24;

interface Props {
  program: ProgramView;
  selector: NodeFacts;
  /** Nodes that gather or count by it. */
  readers: readonly NodeFacts[];
}

/** A selector as a matrix, queries down and keys across, with what it gathers above and what comes out at the right. */
export function SelectorGrid({ program, selector, readers }: Props) {
  const data = useMemo(() => selectorData(program, selector, readers), [program.values, program.graph, selector.label]);
  const [shows, setShows] = useState<Shows>("selected");
  const view: Shows = data.weight ? shows : "selected";
  return (
    <section class="attrium-selector" aria-label={`Selector ${selector.label}`}>
      <Heading title={selector.label}>
        <span class="attrium-grid-sides">
          <span data-role="query">queries{data.queries !== null && ` (${data.queries})`} down</span>,{" "}
          <span data-role="key">keys{data.keys !== null && ` (${data.keys})`} across</span>
          {data.parts.length === 2 && `; upper half ${data.parts[0]?.label}, lower half ${data.parts[1]?.label}`}
        </span>
        {data.weight && (
          <Segmented<Shows>
            label="Cells show"
            options={[
              { value: "selected", label: "Selected", doc: "What the program selects" },
              { value: "attention", label: "Attention", doc: "The compiled model's attention, and what rests on BOS" },
            ]}
            value={shows}
            onChange={setShows}
          />
        )}
      </Heading>
      {data.size > MOST_CELLS ? (
        <LargeGrid program={program} data={data} shows={view} />
      ) : (
        <CellGrid program={program} data={data} shows={view} />
      )}
    </section>
  );
}

interface GridProps {
  program: ProgramView;
  data: SelectorData;
  shows: Shows;
}

function CellGrid({ program, data, shows }: GridProps) {
  const { explorer } = program;
  const cursor = useSignal<readonly [query: number, key: number] | null>(null);
  const pinned = explorer.store.get("node") === data.selector.label ? explorer.store.get("cell") : null;
  const at = cursor.value ?? pinned;
  const point = (to: readonly [number, number] | null) => {
    cursor.value = to;
    explorer.point(to && { node: data.selector.label, position: -1, cell: to });
  };
  const step = (down: number, right: number) => () => {
    const [query, key] = at ?? [0, 0];
    const bound = (one: number) => Math.max(0, Math.min(data.size - 1, one));
    const to = at ? ([bound(query + down), bound(key + right)] as const) : ([0, 0] as const);
    point(to);
    explorer.announce(cellWords(program, data, ...to));
  };
  const keys = onKeys({
    ArrowDown: step(1, 0),
    ArrowUp: step(-1, 0),
    ArrowRight: step(0, 1),
    ArrowLeft: step(0, -1),
    Enter: () => (at ? explorer.pinCell(data.selector.label, ...at) : false),
    Escape: () => (cursor.peek() ? point(null) : false),
  });
  const positions = Array.from({ length: data.size }, (_, one) => one);
  return (
    <>
      <div
        class="attrium-values-scroll"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: arrows move its cursor
        tabIndex={0}
        role="application"
        aria-roledescription="matrix"
        aria-label={`Selector ${data.selector.label}, ${data.size} by ${data.size}`}
        onKeyDown={keys}
      >
        <table class="attrium-grid" onPointerLeave={() => point(null)}>
          <GridHead program={program} data={data} shows={shows} at={at} positions={positions} />
          <tbody>
            {positions.map((query) => (
              <tr key={query} data-on={at?.[0] === query}>
                <QueryName program={program} data={data} query={query} />
                {shows === "attention" && <BosCell program={program} data={data} query={query} />}
                {positions.map((key) => (
                  <GridCell
                    key={key}
                    {...{ program, data, shows, query, value: key }}
                    on={at?.[0] === query && at[1] === key}
                    onPoint={() => point([query, key])}
                  />
                ))}
                {data.readers.map(({ node }) => (
                  <td key={node.label} class="attrium-grid-out">
                    <ValueCell
                      value={program.valuesOf(node.label)[query] ?? null}
                      color={program.colorOf(node.label, query)}
                    />
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {shows === "attention" && endOfKeys(data) < 1 && (
        <p class="attrium-grid-light attrium-faint">
          {`Nearly all attention rests on BOS. Colours of the keys end at ${formatNumber(data.heaviest, 3)}, the largest weight on a token.`}
        </p>
      )}
      <Words program={program} data={data} at={at} />
    </>
  );
}

/** Keys by token, by the value that is compared, and by what each reader gathers there. */
function GridHead(props: GridProps & { at: readonly [number, number] | null; positions: readonly number[] }) {
  const { program, data, shows, at, positions } = props;
  const span = data.queries === null ? 1 : 2;
  const bos = shows === "attention";
  const rows = [
    ...(data.keys === null || data.keys === "tokens" ? [] : [{ label: data.keys, role: "key" }]),
    ...data.readers.flatMap(({ gathered }) =>
      gathered === null || gathered === data.keys ? [] : [{ label: gathered, role: "value" }],
    ),
  ].filter((row, index, all) => all.findIndex(({ label }) => label === row.label) === index);
  return (
    <thead>
      <tr>
        <th colSpan={span} class="attrium-grid-name" data-role="key">
          {data.keys === "tokens" ? "tokens" : ""}
        </th>
        {bos && <th class="attrium-grid-bos">BOS</th>}
        {positions.map((key) => (
          <th key={key} data-on={at?.[1] === key}>
            <small class="attrium-number">{key}</small>
            <ValueCell
              value={program.values.tokens[key] ?? null}
              color={data.keys === "tokens" ? program.colorOf("tokens", key, program.values.tokens[key] ?? null) : null}
            />
          </th>
        ))}
        {data.readers.map(({ node }) => (
          <th key={node.label} class="attrium-grid-out" title={node.label} rowSpan={1 + rows.length}>
            <span>{node.label}</span>
          </th>
        ))}
      </tr>
      {rows.map(({ label, role }) => (
        <tr key={label}>
          <th colSpan={span + (bos ? 1 : 0)} class="attrium-grid-name" data-role={role} title={label}>
            <span>{label}</span>
          </th>
          {positions.map((key) => (
            <th key={key}>
              <ValueCell value={program.valuesOf(label)[key] ?? null} color={program.colorOf(label, key)} />
            </th>
          ))}
        </tr>
      ))}
    </thead>
  );
}

function QueryName({ program, data, query }: { program: ProgramView; data: SelectorData; query: number }) {
  const token = program.values.tokens[query] ?? "";
  return (
    <>
      <th scope="row" class="attrium-grid-query">
        <small class="attrium-number">{query}</small> {spokenText(token)}
      </th>
      {data.queries !== null && (
        <th class="attrium-grid-query-value" title={data.queries}>
          <ValueCell
            value={program.valuesOf(data.queries)[query] ?? null}
            color={program.colorOf(data.queries, query)}
          />
        </th>
      )}
    </>
  );
}

/** A head that counts rests nearly all of its attention on BOS: below this the keys have colours of their own. */
const LIGHT = 0.05;

function endOfKeys({ heaviest }: SelectorData): number {
  return heaviest > 0 && heaviest < LIGHT ? heaviest : 1;
}

/** What of a query's attention goes to no token. */
function BosCell({ program, data, query }: { program: ProgramView; data: SelectorData; query: number }) {
  let rest = 1;
  for (let key = 0; key < data.size; key++) rest -= data.weight?.(query, key) ?? 0;
  return (
    <td class="attrium-grid-bos">
      <Weight weight={Math.max(0, rest)} end={1} theme={program.explorer.theme} />
    </td>
  );
}

/** A weight of attention, coloured from none to the end. */
function Weight({ weight, end, theme }: { weight: number; end: number; theme: Theme }) {
  const share = weight / end;
  const color = roleRamp("attention", theme, share);
  const style = share < SEEN ? undefined : { background: toCss(color), color: toCss(inkOn(color)) };
  return (
    <span class="attrium-grid-cell attrium-number" style={style} title={formatPercent(weight)}>
      {share < SEEN || end < 1 ? "" : shortWeight(weight)}
    </span>
  );
}

/** A smaller share of the end is left blank; its tooltip has the number. */
const SEEN = 5e-4;

/** "1" is exactly all that rounding can tell. */
function shortWeight(weight: number): string {
  if (weight > 0.995) return weight > 1 - 1e-6 ? "1" : ".99+";
  return formatNumber(weight, 2)
    .replace(/\.?0+$/, "")
    .replace(/^0\./, ".");
}

interface CellProps extends GridProps {
  query: number;
  value: number;
  on: boolean;
  onPoint(): void;
}

function GridCell({ program, data, shows, query, value: key, on, onPoint }: CellProps) {
  const { explorer } = program;
  const selected = data.on(query, key);
  const [one] = data.readers;
  const gathered = shows === "selected" && selected && one?.gathered != null ? program.valuesOf(one.gathered)[key] : "";
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the matrix around it has a cursor that the arrows move
    <td data-at={on} onPointerEnter={onPoint} onClick={() => explorer.pinCell(data.selector.label, query, key)}>
      {shows === "attention" ? (
        <Weight weight={data.weight?.(query, key) ?? 0} end={endOfKeys(data)} theme={explorer.theme} />
      ) : (
        <span
          class="attrium-grid-cell attrium-number"
          data-selected={selected}
          data-parts={data.parts.map((part) => (part.on(query, key) ? 1 : 0)).join("")}
        >
          {gathered}
        </span>
      )}
    </td>
  );
}

/** The cell at hand in words, with what its row comes to. */
function Words({ program, data, at }: Omit<GridProps, "shows"> & { at: readonly [number, number] | null }) {
  if (!at || at[0] >= data.size || at[1] >= data.size) {
    return <p class="attrium-grid-words attrium-faint">Point at a cell to read what decided it; click to pin it.</p>;
  }
  return (
    <p class="attrium-grid-words">
      {cellWords(program, data, at[0], at[1])}
      {data.readers.map((reader) => (
        <span key={reader.node.label}>{gatheringWords(program, data, reader, at[0])}</span>
      ))}
    </p>
  );
}

function LargeGrid({ program, data, shows }: GridProps) {
  const { explorer } = program;
  const names = program.values.tokens.map((token, at) => `${at} ${spokenText(token)}`);
  const value = (query: number, key: number) =>
    shows === "attention" ? (data.weight?.(query, key) ?? 0) : data.on(query, key) ? 1 : 0;
  return (
    <>
      <HeatMap
        label={`Selector ${data.selector.label}`}
        rows={names}
        columns={names}
        value={value}
        endOf={() => 1}
        theme={explorer.theme}
        words={(query, key) => [
          ...(shows === "attention" ? [formatPercent(value(query, key))] : []),
          cellWords(program, data, query, key),
        ]}
        onPick={(query, key) => explorer.pinCell(data.selector.label, query, key)}
        onPoint={(cell) => explorer.point(cell && { node: data.selector.label, position: -1, cell })}
        announce={explorer.announce}
      />
      <HeatLegend end={1} theme={explorer.theme} />
    </>
  );
}
