/** The names of a matrix's rows or columns, with those of one node put together. */
import { type Group, groupsOf } from "./heat-map-layout";

export interface Grouped {
  /** Without what the group says already. */
  names: string[];
  groups: Group[];
}

/** "hist:0", "hist:1", "always" as a group "hist" of "0" and "1", and "always" by itself. */
export function groupNames(names: readonly string[]): Grouped {
  const groups = groupsOf(names.map((name) => /^([^:]+):/.exec(name)?.[1] ?? name));
  if (groups.every(({ start, stop }) => stop - start === 1)) return { names: [...names], groups: [] };
  const short = groups.flatMap(({ label, start, stop }) =>
    names.slice(start, stop).map((name) => (stop - start > 1 ? name.replace(`${label}:`, "") : name)),
  );
  return {
    names: short,
    groups: groups.map((group) => (group.stop - group.start > 1 ? group : { ...group, label: "" })),
  };
}
