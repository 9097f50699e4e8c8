import { describe, expect, it } from "vitest";
import { type Layer, type Mark, type Ribbon, ribbonAt, type Scene } from "../../src/lib/scene";
import { hitTest } from "../../src/lib/scene-hit";
import { sceneToSvg } from "../../src/lib/scene-svg";

const BLUE = [10, 20, 200] as const;

function scene(marks: Mark<string>[], clip: Layer["clip"] = null): Scene<string> {
  return { width: 200, height: 100, paper: [255, 255, 255], layers: [{ clip, marks }] };
}

const ribbon: Ribbon<string> = {
  kind: "ribbon",
  from: { x: 0, y: 20, width: 10 },
  to: { x: 100, y: 80, width: 30 },
  stops: [
    [0, BLUE, 1],
    [1, BLUE, 0.5],
  ],
  about: "ribbon",
};

const bar: Mark<string> = {
  kind: "bar",
  x: 120,
  y: 10,
  width: 10,
  height: 40,
  colors: [BLUE, [1, 2, 3], [4, 5, 6], [7, 8, 9]],
  radius: 2,
  about: "bar",
};

describe("ribbonAt", () => {
  it("meets both ends and the middle of its curve", () => {
    expect(ribbonAt(ribbon, 0)).toEqual({ y: expect.closeTo(20), width: expect.closeTo(10) });
    expect(ribbonAt(ribbon, 100)).toEqual({ y: expect.closeTo(80), width: expect.closeTo(30) });
    expect(ribbonAt(ribbon, 50)).toEqual({ y: expect.closeTo(50), width: expect.closeTo(20) });
  });
  it("leaves and arrives level", () => {
    expect(ribbonAt(ribbon, 2).y - 20).toBeLessThan(0.2);
    expect(80 - ribbonAt(ribbon, 98).y).toBeLessThan(0.2);
  });
});

describe("hitTest", () => {
  it("finds the stripe of a bar", () => {
    const hit = hitTest(scene([bar]), 125, 35);
    expect(hit?.about).toBe("bar");
    expect(hit?.row).toBe(2);
  });
  it("finds the cell of a matrix, although nothing is drawn there", () => {
    const cells: Mark<string> = {
      kind: "cells",
      x: 10,
      y: 10,
      width: 60,
      height: 40,
      rows: 4,
      columns: 6,
      pixels: new Uint8ClampedArray(0),
      opacity: 0,
      about: "cells",
    };
    expect(hitTest(scene([cells]), 45, 25)).toMatchObject({ row: 1, column: 3 });
  });
  it("follows the curve of a ribbon, and not its box", () => {
    expect(hitTest(scene([ribbon]), 50, 55)?.about).toBe("ribbon");
    expect(hitTest(scene([ribbon]), 50, 75)).toBeNull();
    expect(hitTest(scene([ribbon]), 10, 78)).toBeNull();
    expect(hitTest(scene([ribbon]), 110, 80)).toBeNull();
  });
  it("takes the frontmost, and passes through what is about nothing", () => {
    const cover: Mark<string> = { kind: "card", x: 100, y: 0, width: 80, height: 80, radius: 0, fill: BLUE, shadow: 0 };
    expect(hitTest(scene([bar, cover]), 125, 20)?.about).toBe("bar");
    expect(hitTest(scene([bar, { ...cover, about: "cover" }]), 125, 20)?.about).toBe("cover");
  });
  it("finds nothing outside the box that cuts the layer off", () => {
    expect(hitTest(scene([bar], { x: 0, y: 0, width: 200, height: 30 }), 125, 35)).toBeNull();
  });
  it("finds a line near its pieces only", () => {
    const line: Mark<string> = {
      kind: "line",
      points: [
        [0, 50],
        [50, 50],
        [50, 90],
      ],
      corner: 5,
      width: 1,
      color: BLUE,
      about: "line",
    };
    expect(hitTest(scene([line]), 51, 70)?.about).toBe("line");
    expect(hitTest(scene([line]), 30, 70)).toBeNull();
  });
});

describe("sceneToSvg", () => {
  const parsed = (marks: Mark<string>[], title = "") =>
    new DOMParser().parseFromString(sceneToSvg(scene(marks), title), "text/html").querySelector("svg");

  it("keeps text as text, whatever is in it", () => {
    const text: Mark<string> = {
      kind: "text",
      x: 5,
      y: 5,
      text: "<script>&\"'\u0000",
      size: 12,
      weight: 600,
      align: "end",
      color: BLUE,
    };
    const svg = parsed([text], "a <b>");
    expect(svg?.querySelector("script")).toBeNull();
    expect(svg?.querySelector("text")?.textContent).toBe("<script>&\"'\ufffd");
    expect(svg?.querySelector("title")?.textContent).toBe("a <b>");
  });
  it("embeds the colours of a bar as an image of one column", () => {
    const href = parsed([bar])?.querySelector("image")?.getAttribute("href") ?? "";
    const bytes = Uint8Array.from(atob(href.split(",")[1] ?? ""), (sign) => sign.charCodeAt(0));
    const view = new DataView(bytes.buffer);
    expect([view.getUint32(16), view.getUint32(20)]).toEqual([1, 4]);
  });
  it("draws no mark that is not drawn", () => {
    expect(sceneToSvg(scene([{ ...bar, opacity: 0 }]))).not.toContain("<image");
  });
  it("gives each gradient and cut a name of its own, and all names exist", () => {
    const svg = sceneToSvg(scene([ribbon, bar, ribbon], { x: 0, y: 0, width: 10, height: 10 }));
    const ids = [...svg.matchAll(/ id="([^"]+)"/g)].map((match) => match[1]);
    const used = [...svg.matchAll(/url\(#([^)]+)\)/g)].map((match) => match[1]);
    expect(new Set(ids).size).toBe(ids.length);
    for (const name of used) expect(ids).toContain(name);
    expect(used.length).toBe(4);
  });
});
