import { inflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { png } from "../../src/lib/png";

/** Reads the chunks of a PNG file. */
function chunks(bytes: Uint8Array): Map<string, Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const found = new Map<string, Uint8Array>();
  for (let at = 8; at < bytes.length; ) {
    const size = view.getUint32(at);
    found.set(String.fromCharCode(...bytes.subarray(at + 4, at + 8)), bytes.subarray(at + 8, at + 8 + size));
    at += size + 12;
  }
  return found;
}

describe("png", () => {
  it.each([
    [3, 2],
    [200, 150],
  ])("holds the pixels of %i x %i in order", (width, height) => {
    const pixels = Uint8ClampedArray.from({ length: 4 * width * height }, (_, at) => (at * 7) % 256);
    const data = chunks(png(pixels, width, height)).get("IDAT");
    // An independent reader of the format, which also checks the sum at its end.
    const lines = inflateSync(data ?? new Uint8Array());
    for (let row = 0; row < height; row++) {
      const start = row * (4 * width + 1);
      expect(lines[start]).toBe(0);
      expect([...lines.subarray(start + 1, start + 1 + 4 * width)]).toEqual([
        ...pixels.subarray(4 * width * row, 4 * width * (row + 1)),
      ]);
    }
  });
  it("ends with the checksum that all PNG files end with", () => {
    const bytes = png(new Uint8ClampedArray(4), 1, 1);
    expect([...bytes.subarray(-4)]).toEqual([0xae, 0x42, 0x60, 0x82]);
  });
  it("refuses bytes that are not an image of that size", () => {
    expect(() => png(new Uint8ClampedArray(5), 1, 1)).toThrow("5 bytes for an image of 1 x 1");
  });
});
