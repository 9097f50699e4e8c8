import { describe, expect, it } from "vitest";
import { lanesOf, laneWords, stepOf, writtenRows } from "../../../src/widgets/rasp_graph/graph/lanes";
import { ancestorsOf, coneOf, descendantsOf, shapeOf } from "../../../src/widgets/rasp_graph/graph/shape";
import { found } from "../../../src/widgets/rasp_graph/shell/search";
import { stepWords } from "../../../src/widgets/rasp_graph/shell/stepper";
import { graphOf, NODES, node } from "./graph-data";

const labels = (nodes: readonly { label: string }[]) => nodes.map(({ label }) => label);

describe("folding", () => {
  it("leads edges through folded nodes, and says which", () => {
    const shape = shapeOf(graphOf(NODES), false, "");
    expect(labels(shape.nodes)).toEqual(["tokens", "indices", "b", "pick", "out"]);
    const edge = shape.edges.find(({ from, to }) => from === "tokens" && to === "b");
    expect(edge?.through).toEqual(["map_2", "map_1"]);
    expect(labels(shape.folded.get("b") ?? [])).toEqual(["map_1", "map_2"]);
  });

  it("draws every node where it is unfolded", () => {
    const shape = shapeOf(graphOf(NODES), true, "");
    expect(shape.nodes).toHaveLength(NODES.length);
    expect(shape.folded.size).toBe(0);
  });

  it("never folds the output", () => {
    const nodes = [node("tokens", "tokens", []), node("last", "elementwise", ["tokens"], { minor: true })];
    expect(labels(shapeOf(graphOf(nodes), false, "").nodes)).toEqual(["tokens", "last"]);
  });
});

describe("edges", () => {
  it("have the role of the input: keys before queries, then what an aggregate gathers", () => {
    const { edges } = shapeOf(graphOf(NODES), false, "");
    const roles = Object.fromEntries(edges.map(({ from, to, role }) => [`${from}>${to}`, role]));
    expect(roles).toMatchObject({
      "indices>pick": "key",
      "b>pick": "query",
      "pick>out": "attention",
      "tokens>out": "value",
      "indices>b": "mlp",
    });
  });

  it("are two where one node is key and query, and one where a function reads it twice", () => {
    const nodes = [
      node("tokens", "tokens", []),
      node("same", "select", ["tokens", "tokens"]),
      node("twice", "elementwise", ["tokens", "tokens"]),
    ];
    const { edges } = shapeOf(graphOf(nodes), true, "");
    expect(edges.map(({ to, role, port, ports }) => [to, role, port, ports])).toEqual([
      ["same", "key", 0, 2],
      ["same", "query", 1, 2],
      ["twice", "mlp", 0, 1],
    ]);
  });
});

describe("cones", () => {
  it("are all that a node is made from and goes into", () => {
    expect([...ancestorsOf(NODES, "b")].sort()).toEqual(["b", "indices", "map_1", "map_2", "tokens"]);
    expect([...descendantsOf(NODES, "b")].sort()).toEqual(["b", "out", "pick"]);
    expect(coneOf(graphOf(NODES), "b").size).toBe(NODES.length);
  });

  it("leave out what a node has nothing to do with", () => {
    expect(labels(shapeOf(graphOf(NODES), true, "map_1").nodes)).toEqual([
      "tokens",
      "map_1",
      "map_2",
      "b",
      "pick",
      "out",
    ]);
  });
});

describe("lanes", () => {
  it("count half-layers as the residual stream does, idle ones too", () => {
    const lanes = lanesOf(shapeOf(graphOf(NODES), false, ""), graphOf(NODES));
    expect(lanes.map(({ step, layer, half }) => [step, layer, half])).toEqual([
      [0, -1, "embedding"],
      [1, 0, "attention"],
      [2, 0, "mlp"],
      [3, 1, "attention"],
      [4, 1, "mlp"],
    ]);
    expect(lanes.map(({ rows }) => rows.map(labels))).toEqual([
      [["tokens", "indices"]],
      [],
      [["b"]],
      [["pick"], ["out"]],
      [],
    ]);
    expect(lanes.map((lane) => laneWords(lane).work)).toEqual(["", "idle", "3 units", "1 head", "idle"]);
  });

  it("are at work where they write a node of another half in another form", () => {
    const number = { layer: 0, half: "attention", form: "number", heads: 1, units: 0 } as const;
    const value = { layer: 0, half: "mlp", form: "value", heads: 0, units: 9 } as const;
    const width = node("width", "selector_width", ["tokens"], { written: [number, value] });
    const graph = { ...graphOf([node("tokens", "tokens", []), width], 1), sizes: [{ heads: 1, units: 9 }] };
    const lanes = lanesOf(shapeOf(graph, true, ""), graph);
    expect(laneWords(lanes[2] as never)).toEqual({ name: "Layer 0 MLP", work: "9 units \u00b7 also writes width" });
  });

  it("put each node below what it is made from, as written", () => {
    const rows = writtenRows(shapeOf(graphOf(NODES), true, ""));
    expect(rows.map(labels)).toEqual([["tokens", "indices"], ["map_1"], ["map_2"], ["b"], ["pick"], ["out"]]);
  });

  it("say where the model has come to", () => {
    expect(stepOf({ layer: 1, half: "mlp" })).toBe(4);
    expect([-1, 0, 1, 4].map(stepWords)).toEqual(["all done", "embedding", "layer 0 attention", "layer 1 MLP"]);
  });
});

it("finds nodes by the beginning of their name first, then by what they are", () => {
  const nodes = [node("a_map", "elementwise", []), node("map_b", "elementwise", []), node("c", "map", [])];
  expect(labels(found(nodes, "MAP"))).toEqual(["map_b", "a_map", "c"]);
  expect(found(nodes, "  ")).toEqual([]);
});
