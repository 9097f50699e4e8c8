import { describe, expect, it } from "vitest";
import { namedItem } from "../../../src/widgets/transformer_explorer/details/contribution-list";
import {
  headName,
  headWords,
  numberName,
  positionName,
  unitName,
  withName,
} from "../../../src/widgets/transformer_explorer/names";
import type { Names } from "../../../src/widgets/transformer_explorer/protocol";
import { makeModel } from "./flow-data";

const names: Names = {
  dimensions: ["one", "tokens:a", ""],
  outputs: ["sum"],
  positions: ["BOS", "index 0"],
  heads: [["earlier", ""], ["later"]],
  units: [["is 0", "is 1"]],
  compared: [[["tokens=a", "tokens=b"]]],
  moved: [[[], ["mix"]]],
};
const model = makeModel({ names });

const called = (name: string, ...index: number[]) => numberName(model, { name, index });

describe("names of parts", () => {
  it("fall back to numbers", () => {
    expect(headWords(model, 0, 0)).toBe("head 0 earlier");
    expect(headWords(model, 0, 1)).toBe("head 1");
    expect(headWords(model, 7, 9)).toBe("head 9");
    expect(headWords(makeModel(), 0, 0)).toBe("head 0");
    expect(withName("x", "")).toBe("x");
    expect([unitName(model, 0, 1), unitName(model, 1, 0)]).toEqual(["is 1", ""]);
    expect([positionName(model, 0), positionName(model, 9)]).toEqual(["BOS", ""]);
  });

  it("are found by the axes of each quantity", () => {
    expect(called("embed", 4, 1)).toBe("tokens:a");
    expect(called("blocks.1.resid_pre", 4, 0)).toBe("one");
    expect(called("blocks.1.mlp_out", 4, 1)).toBe("tokens:a");
    expect(called("decoder.blocks.0.ln1.out", 4, 1)).toBe("tokens:a");
    expect(called("blocks.0.attn.q", 4, 0, 1)).toBe("earlier, tokens=b");
    expect(called("blocks.0.attn.z", 4, 1, 0)).toBe("mix");
    expect(called("blocks.0.attn.result", 4, 0, 1)).toBe("earlier, tokens:a");
    expect(called("blocks.1.attn.pattern", 0, 3, 2)).toBe("later");
    expect(called("blocks.0.mlp.post", 4, 1)).toBe("is 1");
    expect(called("logits", 4, 0)).toBe("sum");
  });

  it("are empty where there is none, and of other stacks", () => {
    expect(called("blocks.0.resid_pre", 4, 2)).toBe("");
    expect(called("blocks.9.mlp.post", 4, 1)).toBe("");
    expect(called("encoder.blocks.0.resid_pre", 4, 1)).toBe("");
    expect(called("encoder.embed", 4, 1)).toBe("");
    expect(called("weights/W_in/0", 1, 1)).toBe("");
    expect(numberName({}, { name: "embed", index: [0, 1] })).toBe("");
  });

  it("that are no texts are none", () => {
    const broken = { names: { heads: [[5]], dimensions: null } } as never;
    expect(headName(broken, 0, 0)).toBe("");
    expect(numberName(broken, { name: "embed", index: [0, 1] })).toBe("");
  });

  it("stand behind a head's contribution", () => {
    const item = { label: "blocks.0.attn.head.0", kind: "head", block: 0, head: 0, value: 1 };
    expect(namedItem(item, model)).toBe("head 0.0 earlier");
    expect(namedItem({ ...item, kind: "mlp", head: null }, model)).toBe("MLP 0");
  });
});
