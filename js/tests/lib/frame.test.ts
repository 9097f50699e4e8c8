import { describe, expect, test } from "vitest";
import { decodeFrame, sourceShape, valueAt, valuesOf, type WireFrame } from "../../src/lib";

function wire(change: Partial<WireFrame>): WireFrame {
  const pooled = { kind: "none" as const, factor: [1, 1] };
  const data = new Uint8Array(6);
  return { name: "heat", shape: [2, 3], dtype: "uint8", range: [0, 1], pooled, quantised: null, data, ...change };
}

/** Little-endian bytes of float32 numbers, `offset` bytes into a larger buffer, as a notebook's message holds them. */
function embedded(numbers: number[], offset: number): DataView {
  const whole = new DataView(new ArrayBuffer(offset + numbers.length * 4 + 5));
  for (let i = 0; i < whole.byteLength; i++) whole.setUint8(i, 0xee);
  for (const [i, number] of numbers.entries()) whole.setFloat32(offset + 4 * i, number, true);
  return new DataView(whole.buffer, offset, numbers.length * 4);
}

describe("decodeFrame", () => {
  test.each([0, 4, 8, 3, 1, 6])("reads float32 that begins %i bytes into a message", (offset) => {
    const numbers = [1.5, -2.25, 0, Number.POSITIVE_INFINITY, -0.125, 1e-3];
    const frame = decodeFrame(wire({ dtype: "float32", data: embedded(numbers, offset) }));
    expect([...frame.stored]).toEqual([...Float32Array.from(numbers)]);
    expect(valueAt(frame, 1, 1)).toBe(-0.125);
  });

  test("keeps NaN", () => {
    const frame = decodeFrame(wire({ dtype: "float32", data: embedded([0, Number.NaN, 0, 0, 0, 0], 3) }));
    expect(valueAt(frame, 0, 1)).toBeNaN();
  });

  test("does not copy numbers that lie on a multiple of four", () => {
    const data = embedded([1, 2, 3, 4, 5, 6], 8);
    expect(decodeFrame(wire({ dtype: "float32", data })).stored.buffer).toBe(data.buffer);
  });

  test("reads bytes through a view's own window", () => {
    const whole = Uint8Array.from([9, 9, 1, 2, 3, 4, 5, 6, 9]);
    expect([...decodeFrame(wire({ data: whole.subarray(2, 8) })).stored]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test("reads negative int32", () => {
    const data = new DataView(new ArrayBuffer(24));
    [-1, 2, -2147483648, 4, 5, 6].forEach((number, i) => {
      data.setInt32(4 * i, number, true);
    });
    expect(valueAt(decodeFrame(wire({ dtype: "int32", data })), 0, 2)).toBe(-2147483648);
  });

  test("reads a bare ArrayBuffer", () => {
    expect(decodeFrame(wire({ data: Uint8Array.from([1, 2, 3, 4, 5, 6]).buffer })).stored[5]).toBe(6);
  });

  test("says how many bytes there are and how many were expected", () => {
    expect(() => decodeFrame(wire({ data: new Uint8Array(5) }))).toThrow(
      'frame "heat" has 5 bytes; shape [2, 3] of uint8 needs 6',
    );
  });

  test("refuses a dtype that it does not know", () => {
    expect(() => decodeFrame(wire({ dtype: "float16" as "uint8" }))).toThrow("expected uint8, float32 or int32");
  });
});

test("quantised values are offset + scale * stored, one by one and together", () => {
  const frame = decodeFrame(
    wire({ data: Uint8Array.from([0, 1, 2, 3, 128, 255]), quantised: { scale: 0.5, offset: -10 } }),
  );
  expect(valueAt(frame, 1, 1)).toBe(54);
  expect([...valuesOf(frame)]).toEqual([-10, -9.5, -9, -8.5, 54, 117.5]);
});

test("an index outside the frame is an error, not another row's value", () => {
  const frame = decodeFrame(wire({}));
  expect(() => valueAt(frame, 0, 3)).toThrow("index 3 on axis 1 of length 3");
});

test("the source's shape is the frame's times the pooling factor", () => {
  expect(sourceShape(wire({ pooled: { kind: "absmax", factor: [2.5, 4 / 3] } }))).toEqual([5, 4]);
});
