import { describe, expect, it } from "vitest";
import type { Bar, Layer, Scene } from "../../src/lib/scene";
import { drawScene, KeptLayers } from "../../src/lib/scene-canvas";

interface Gradient {
  /** Its line, from top to bottom. */
  from: number;
  to: number;
  stops: [offset: number, color: string][];
}

/** A canvas context that remembers what it filled and copied; all else is taken and forgotten. */
function recorder(canvas: unknown = { width: 100, height: 100 }) {
  const filled: unknown[] = [];
  const copied: unknown[] = [];
  const state: Record<string, unknown> = { canvas };
  const methods: Record<string, (...given: never[]) => unknown> = {
    createLinearGradient: (_x: number, from: number, _right: number, to: number) => {
      const stops: Gradient["stops"] = [];
      return { from, to, stops, addColorStop: (at: number, color: string) => stops.push([at, color]) };
    },
    fill: () => filled.push(state.fillStyle),
    drawImage: (image: unknown) => copied.push(image),
    getTransform: () => ({ a: 1, d: 1 }),
  };
  const context = new Proxy(state, {
    get: (target, name: string) => methods[name] ?? (name in target ? target[name] : () => undefined),
    set(target, name: string, value) {
      target[name] = value;
      return true;
    },
  });
  return { context: context as unknown as CanvasRenderingContext2D, filled, copied };
}

const bar: Bar = {
  kind: "bar",
  x: 3,
  y: 10.3,
  width: 12,
  height: 17.1,
  radius: 2,
  opacity: 0.5,
  colors: Array.from({ length: 7 }, (_, at) => [at, at, at] as const),
};
const layer: Layer = { clip: null, marks: [bar] };
const scene: Scene = { width: 100, height: 100, paper: [255, 255, 255], layers: [layer] };

describe("drawScene", () => {
  it("paints the stripes of a bar in hard steps of the same height, from end to end", () => {
    const { context, filled } = recorder();
    drawScene(context, scene);
    expect(filled).toHaveLength(1);
    const { from, to, stops } = filled[0] as Gradient;
    expect([from, to]).toEqual([bar.y, bar.y + bar.height]);
    const steps = bar.colors.map((_, at) => stops.slice(2 * at, 2 * at + 2));
    expect(steps.map((pair) => [...new Set(pair.map(([, color]) => color))])).toEqual(
      bar.colors.map((color) => [`rgb(${color.join(" ")})`]),
    );
    steps.forEach(([start, stop], at) => {
      expect(start?.[0]).toBeCloseTo(at / 7);
      expect(stop?.[0]).toBeCloseTo((at + 1) / 7);
    });
    expect(stops[13]?.[0]).toBeLessThanOrEqual(1);
  });

  it("draws nothing of a mark without opacity", () => {
    const { context, filled } = recorder();
    drawScene(context, { ...scene, layers: [{ clip: null, marks: [{ ...bar, opacity: 0 }] }] });
    expect(filled).toHaveLength(0);
  });
});

describe("kept layers", () => {
  /** A canvas whose document makes canvases that remember as well. */
  function page() {
    const made: ReturnType<typeof recorder>[] = [];
    const ownerDocument = {
      createElement: () => {
        const canvas: Record<string, unknown> = { width: 0, height: 0 };
        const own = recorder(canvas);
        made.push(own);
        canvas.getContext = () => own.context;
        return canvas;
      },
    };
    return { made, canvas: { width: 100, height: 100, ownerDocument } };
  }
  const lasting: Scene = { ...scene, layers: [{ ...layer, lasting: true }] };

  it("are copied while their marks are the same, and drawn when these are others", () => {
    const { canvas, made } = page();
    const kept = new KeptLayers();
    const first = recorder(canvas);
    drawScene(first.context, lasting, kept);
    expect([first.filled.length, first.copied.length]).toEqual([1, 0]);
    kept.keep(first.context, lasting);
    expect(made.map(({ filled }) => filled.length)).toEqual([1]);
    const second = recorder(canvas);
    drawScene(second.context, { ...lasting, layers: lasting.layers.map((one) => ({ ...one })) }, kept);
    expect([second.filled.length, second.copied.length]).toEqual([0, 1]);
    const third = recorder(canvas);
    drawScene(third.context, { ...lasting, layers: [{ ...layer, marks: [{ ...bar }], lasting: true }] }, kept);
    expect([third.filled.length, third.copied.length]).toEqual([1, 0]);
  });

  it("are drawn on a canvas of another size", () => {
    const { canvas } = page();
    const kept = new KeptLayers();
    kept.keep(recorder(canvas).context, lasting);
    const wider = recorder({ ...canvas, width: 200 });
    drawScene(wider.context, lasting, kept);
    expect([wider.filled.length, wider.copied.length]).toEqual([1, 0]);
  });
});
