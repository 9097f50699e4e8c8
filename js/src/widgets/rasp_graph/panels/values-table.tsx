import type { Explorer } from "../explorer";
import type { Shown } from "../protocol";
import { type ProgramView, useSources } from "./program-view";
import { ValueCell } from "./value-cell";

export interface ValueRow {
  label: string;
  /** What stands for the label on screen, where that is something else. */
  name?: string | undefined;
  /** Beside the label: which of the node's values these are. */
  note?: string;
  values: readonly Shown[];
  wrong?: readonly number[];
  /** The row that the others explain. */
  strong?: boolean;
}

interface Props {
  program: ProgramView;
  rows: readonly ValueRow[];
  label: string;
}

/** Nodes down, positions across: each value on its colour. A value that is pointed at marks what it was made from. */
export function ValuesTable({ program, rows, label }: Props) {
  const { explorer, values } = program;
  const sources = useSources(explorer);
  const position = explorer.store.get("position");
  return (
    <div class="attrium-values-scroll">
      <table class="attrium-values" aria-label={label} onPointerLeave={() => explorer.point(null)}>
        <PositionsHead explorer={explorer} tokens={values.tokens} />
        <tbody>
          {rows.map((row) => (
            <tr key={`${row.label} ${row.name ?? ""} ${row.note ?? ""}`} data-strong={row.strong ?? false}>
              <RowName explorer={explorer} row={row} />
              {row.values.map((value, at) => (
                // biome-ignore lint/a11y/useKeyWithClickEvents: the buttons of its row and column do the same by keys
                <td
                  key={at}
                  data-pinned={at === position}
                  data-source={sources[row.label]?.includes(at) ?? false}
                  onPointerEnter={() => explorer.point({ node: row.label, position: at, cell: null })}
                  onClick={() => {
                    explorer.choose(row.label);
                    explorer.pin(at);
                  }}
                >
                  <ValueCell
                    value={value}
                    color={program.colorOf(row.label, at, value)}
                    wrong={row.wrong?.includes(at) ?? false}
                  />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function PositionsHead({ explorer, tokens }: { explorer: Explorer; tokens: readonly string[] }) {
  const position = explorer.store.get("position");
  const selection = explorer.store.get("selection");
  return (
    <thead>
      <tr>
        <th scope="col">
          <span class="attrium-spoken">node</span>
        </th>
        {tokens.map((token, at) => (
          <th key={at} scope="col">
            <button
              type="button"
              class="attrium-position attrium-number"
              aria-pressed={at === position}
              data-selected={selection.includes(at)}
              title={`position ${at}, token ${token}: pin it`}
              onClick={() => explorer.pin(at)}
            >
              {at}
            </button>
          </th>
        ))}
      </tr>
    </thead>
  );
}

function RowName({ explorer, row }: { explorer: Explorer; row: ValueRow }) {
  return (
    <th scope="row">
      <button
        type="button"
        class="attrium-row-name"
        aria-pressed={explorer.store.get("node") === row.label}
        onClick={() => explorer.choose(row.label)}
        title={row.name ?? row.label}
      >
        {row.name ?? row.label}
      </button>
      {row.note && <span class="attrium-faint">{row.note}</span>}
    </th>
  );
}
