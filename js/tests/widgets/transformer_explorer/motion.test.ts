import { describe, expect, it } from "vitest";
import { DURATION_MS } from "../../../src/widgets/transformer_explorer/flow/motion";
import { type Moment, motionBetween } from "../../../src/widgets/transformer_explorer/flow/use-motion";

const start: Moment = { version: 1, tokens: ["a", "b"], block: 0, head: 0 };

describe("motionBetween", () => {
  it("reveals the first picture", () => {
    expect(motionBetween(null, start)).toEqual({ kind: "reveal", lane: null });
  });
  it("reveals only the lane of an appended token", () => {
    expect(motionBetween(start, { ...start, version: 2, tokens: ["a", "b", "c"] })).toEqual({
      kind: "reveal",
      lane: 2,
    });
  });
  it("reveals all of another text", () => {
    expect(motionBetween(start, { ...start, version: 2, tokens: ["a", "x", "c"] })).toEqual({
      kind: "reveal",
      lane: null,
    });
  });
  it("stands still when the same text ran with other interventions, and when nothing changed", () => {
    expect(motionBetween(start, { ...start, version: 2 })).toBeNull();
    expect(motionBetween(start, { ...start })).toBeNull();
  });
  it("goes the way the blocks go", () => {
    expect(motionBetween(start, { ...start, block: 2 })).toEqual({ kind: "block", forward: true });
    expect(motionBetween({ ...start, block: 2 }, start)).toEqual({ kind: "block", forward: false });
    expect(motionBetween(start, { ...start, head: 1 })).toEqual({ kind: "head" });
  });
  it("is short", () => {
    expect(DURATION_MS.reveal).toBeLessThanOrEqual(900);
    expect(DURATION_MS.block).toBeLessThanOrEqual(300);
    expect(DURATION_MS.head).toBeLessThanOrEqual(300);
  });
});
