/** PNG files from pixels, without a canvas; stored, not compressed, since the images are a few cells each. */

/** RGBA bytes, row by row, as a data URL. */
export function pngUrl(pixels: Uint8ClampedArray, width: number, height: number): string {
  const bytes = png(pixels, width, height);
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return `data:image/png;base64,${btoa(text)}`;
}

/** RGBA bytes, row by row, as a PNG file. Raises when there are not `4 * width * height` of them. */
export function png(pixels: Uint8ClampedArray, width: number, height: number): Uint8Array<ArrayBuffer> {
  if (pixels.length !== 4 * width * height) {
    throw new Error(`${pixels.length} bytes for an image of ${width} x ${height}, which has ${4 * width * height}`);
  }
  const lines = new Uint8Array(height * (4 * width + 1));
  for (let row = 0; row < height; row++) {
    lines.set(pixels.subarray(4 * width * row, 4 * width * (row + 1)), row * (4 * width + 1) + 1);
  }
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  // Eight bits of red, green, blue and alpha.
  header.set([8, 6, 0, 0, 0], 8);
  const signature = new Uint8Array([137, 80, 78, 71, 13, 10, 26, 10]);
  return joined([signature, chunk("IHDR", header), chunk("IDAT", stored(lines)), chunk("IEND", new Uint8Array(0))]);
}

const MOST_STORED = 65535;

/** A zlib stream of stored blocks. */
function stored(bytes: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [new Uint8Array([0x78, 0x01])];
  for (let start = 0; start === 0 || start < bytes.length; start += MOST_STORED) {
    const part = bytes.subarray(start, start + MOST_STORED);
    const last = start + MOST_STORED >= bytes.length ? 1 : 0;
    const size = part.length;
    parts.push(new Uint8Array([last, size & 255, size >> 8, ~size & 255, (~size >> 8) & 255]), part);
  }
  let [a, b] = [1, 0];
  for (const byte of bytes) {
    a = (a + byte) % 65521;
    b = (b + a) % 65521;
  }
  parts.push(new Uint8Array([b >> 8, b & 255, a >> 8, a & 255]));
  return joined(parts);
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const whole = new Uint8Array(data.length + 12);
  const view = new DataView(whole.buffer);
  view.setUint32(0, data.length);
  for (let at = 0; at < 4; at++) whole[4 + at] = type.charCodeAt(at);
  whole.set(data, 8);
  view.setUint32(data.length + 8, crc(whole.subarray(4, data.length + 8)));
  return whole;
}

function crc(bytes: Uint8Array): number {
  let sum = 0xffffffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
  }
  return ~sum >>> 0;
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
