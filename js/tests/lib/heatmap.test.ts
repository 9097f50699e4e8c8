import { describe, expect, test } from "vitest";
import { colorScale, decodeFrame, overlayPixel, overlayStyle, picturePixels, type Shading } from "../../src/lib";

const SHADING: Shading = { scale: colorScale("red-blue"), end: 1, sign: "all", signed: true };

function style(mode: Parameters<typeof overlayStyle>[0], opacity = 0.5) {
  return overlayStyle(mode, opacity, "light", true);
}

describe("overlayPixel", () => {
  test("blend leaves the picture alone at zero and covers it with strength", () => {
    expect(overlayPixel(0, SHADING, style("blend"))[1]).toBe(0);
    expect(overlayPixel(1, SHADING, style("blend"))).toEqual([[178, 24, 43], 0.5]);
    expect(overlayPixel(-0.5, SHADING, style("blend"))[1]).toBeCloseTo(0.5 * 0.5 ** 0.7, 12);
  });

  test("mask goes black and alpha goes to paper where nothing counted", () => {
    expect(overlayPixel(0, SHADING, style("mask"))).toEqual([[0, 0, 0], 0.5]);
    expect(overlayPixel(0, SHADING, style("alpha"))).toEqual([[255, 255, 255], 0.5]);
    expect(overlayPixel(-1, SHADING, style("mask"))[1]).toBe(0);
  });

  test("contour and image draw no pixels", () => {
    expect(overlayPixel(1, SHADING, style("contour"))[1]).toBe(0);
    expect(overlayPixel(Number.NaN, SHADING, style("image"))[1]).toBe(0);
  });

  test.each(["blend", "mask", "alpha", "heatmap"] as const)("%s shows a NaN opaque, whatever the opacity", (mode) => {
    expect(overlayPixel(Number.NaN, SHADING, style(mode, 0))).toEqual([SHADING.scale.nan, 1]);
  });
});

test("without a picture the modes that lie over one show the heat map", () => {
  expect(overlayStyle("blend", 1, "dark", false).mode).toBe("heatmap");
  expect(overlayStyle("image", 1, "dark", false).mode).toBe("image");
});

describe("picturePixels", () => {
  const header = { name: "image", dtype: "uint8" as const, range: null, quantised: null };
  const pooled = { kind: "none" as const, factor: [] };

  test("adds an opaque alpha to colour pictures", () => {
    const data = Uint8Array.from([1, 2, 3, 4, 5, 6]);
    const frame = decodeFrame({ ...header, pooled, shape: [1, 2, 3], data });
    expect([...picturePixels(frame)]).toEqual([1, 2, 3, 255, 4, 5, 6, 255]);
  });

  test("spreads grey over the three channels", () => {
    const frame = decodeFrame({ ...header, pooled, shape: [1, 2], data: Uint8Array.from([7, 9]) });
    expect([...picturePixels(frame)]).toEqual([7, 7, 7, 255, 9, 9, 9, 255]);
  });
});
