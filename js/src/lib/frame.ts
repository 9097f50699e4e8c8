/**
 * Frames: how a picture-sized tensor reaches the screen.
 *
 * A Frame is a header and one binary buffer, little-endian and row-major. The buffer may be a window into a larger
 * message, so it is only ever read through its `byteOffset` and `byteLength`.
 */

export type Dtype = "uint8" | "float32" | "int32";
export type PoolKind = "none" | "mean" | "absmax" | "max" | "min";

export interface FrameHeader {
  name: string;
  shape: number[];
  dtype: Dtype;
  /** Smallest and largest finite value of the source, before pooling; null when there is none. */
  range: [low: number, high: number] | null;
  /** How source cells were folded into one, and how many of them along each axis. */
  pooled: { kind: PoolKind; factor: number[] };
  /** value = offset + scale * stored; null when values are stored as they are. */
  quantised: { scale: number; offset: number } | null;
}

export interface WireFrame extends FrameHeader {
  data: ArrayBuffer | ArrayBufferView;
}

export interface Frame extends FrameHeader {
  stored: Uint8Array | Float32Array | Int32Array;
}

const BYTES: Record<Dtype, number> = { uint8: 1, float32: 4, int32: 4 };

/** Reads a frame from the wire. Throws when the buffer is not as long as the shape and dtype say. */
export function decodeFrame(wire: WireFrame): Frame {
  const { data, ...header } = wire;
  const size = BYTES[header.dtype];
  if (size === undefined) {
    throw new Error(`frame "${header.name}" has dtype ${String(header.dtype)}; expected uint8, float32 or int32`);
  }
  const count = header.shape.reduce((product, length) => product * length, 1);
  const bytes = bytesOf(data);
  if (bytes.byteLength !== count * size) {
    throw new Error(
      `frame "${header.name}" has ${bytes.byteLength} bytes; shape [${header.shape.join(", ")}] of ${header.dtype} ` +
        `needs ${count * size}`,
    );
  }
  return { ...header, stored: typed(bytes, header.dtype) };
}

/** The bytes that a buffer or view covers, without copying. */
export function bytesOf(data: ArrayBuffer | ArrayBufferView): Uint8Array {
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}

function typed(bytes: Uint8Array, dtype: Dtype): Frame["stored"] {
  if (dtype === "uint8") return bytes;
  // Typed arrays of four-byte numbers must start on a multiple of four: copy where the message put them elsewhere.
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  const length = aligned.byteLength / 4;
  return dtype === "float32"
    ? new Float32Array(aligned.buffer, aligned.byteOffset, length)
    : new Int32Array(aligned.buffer, aligned.byteOffset, length);
}

/** All values as float32, dequantised; no copy when they are stored that way. */
export function valuesOf(frame: Frame): Float32Array {
  const { stored, quantised } = frame;
  if (!quantised) return stored instanceof Float32Array ? stored : Float32Array.from(stored);
  const { scale, offset } = quantised;
  const values = new Float32Array(stored.length);
  for (let i = 0; i < stored.length; i++) values[i] = offset + scale * (stored[i] ?? 0);
  return values;
}

/** One value by its index along each axis, dequantised. */
export function valueAt(frame: Frame, ...index: number[]): number {
  let flat = 0;
  frame.shape.forEach((length, axis) => {
    const at = index[axis] ?? 0;
    if (at < 0 || at >= length) throw new RangeError(`index ${at} on axis ${axis} of length ${length}`);
    flat = flat * length + at;
  });
  const stored = frame.stored[flat] ?? Number.NaN;
  return frame.quantised ? frame.quantised.offset + frame.quantised.scale * stored : stored;
}

/** The shape before pooling. */
export function sourceShape(frame: FrameHeader): number[] {
  return frame.shape.map((length, axis) => Math.round(length * (frame.pooled.factor[axis] ?? 1)));
}

export function isPooled(frame: FrameHeader): boolean {
  return frame.pooled.kind !== "none";
}
