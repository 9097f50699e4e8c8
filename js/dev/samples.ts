/** Invented state for the development page. None of it comes from a model, and none of it ships. */
import type { Setting, WireFrame } from "../src/lib";
import type { Traits as ImageTraits } from "../src/widgets/image_attribution/protocol";
import type { Card, Heat, Traits as InsightsTraits } from "../src/widgets/insights/protocol";
import type { Traits as TextTraits } from "../src/widgets/text_attribution/protocol";

/** Numbers in [0, 1) that are the same at every load (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

export const IDLE = { state: "idle", label: "", done: 0, total: 0, message: "" } as const;

type Shape = "disc" | "square" | "triangle";
export const SHAPES: readonly Shape[] = ["disc", "square", "triangle"];

function inside(shape: Shape, dx: number, dy: number, size: number): boolean {
  if (shape === "disc") return Math.hypot(dx, dy) < size;
  if (shape === "square") return Math.max(Math.abs(dx), Math.abs(dy)) < size * 0.85;
  return dy > -size && dy < size * 0.8 && Math.abs(dx) < (dy + size) * 0.55;
}

interface Scene {
  image: WireFrame;
  heat: WireFrame;
}

/** A picture of one shape on a soft ground, and scores that rise at its rim. */
export function scene(seed: number, shape: Shape, side = 64): Scene {
  const random = randomFrom(seed);
  const middle = [side * (0.35 + 0.3 * random()), side * (0.35 + 0.3 * random())] as const;
  const size = side * (0.16 + 0.12 * random());
  const ground = [random(), random(), random()].map((part) => 90 + 110 * part);
  const ink = [random(), random(), random()].map((part) => 30 + 220 * part);
  const image = new Uint8Array(side * side * 3);
  const heat = new Float32Array(side * side);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const [dx, dy] = [x - middle[0], y - middle[1]];
      const within = inside(shape, dx, dy, size);
      const shade = 1 - 0.35 * (y / side) + 0.06 * (random() - 0.5);
      for (let channel = 0; channel < 3; channel++) {
        image[(y * side + x) * 3 + channel] = Math.max(
          0,
          Math.min(255, ((within ? ink : ground)[channel] ?? 0) * shade),
        );
      }
      const rim = Math.exp(-(((Math.hypot(dx, dy) - size) / (0.35 * size)) ** 2));
      const doubt = Math.exp(-(((x - side * 0.8) ** 2 + (y - side * 0.8) ** 2) / (0.02 * side * side)));
      heat[y * side + x] = 0.06 * (rim * (0.5 + random()) - 0.7 * doubt * random() + 0.12 * (random() - 0.5));
    }
  }
  return { image: frame("image", [side, side, 3], "uint8", image), heat: frame("heat", [side, side], "float32", heat) };
}

export function frame(
  name: string,
  shape: number[],
  dtype: WireFrame["dtype"],
  data: Uint8Array | Float32Array,
): WireFrame {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of data) {
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const pooled = { kind: "none" as const, factor: shape.map(() => 1) };
  return { name, shape, dtype, range: low <= high ? [low, high] : null, pooled, quantised: null, data: view };
}

export function imageState(change: Partial<ImageTraits> = {}): ImageTraits {
  return {
    ...scene(7, "disc"),
    title: "Why \u201cdisc\u201d?",
    mode: "blend",
    sign: "all",
    clip_percentile: 1,
    colors: "red-blue",
    opacity: 0.8,
    split: null,
    selection: null,
    caption: { target: "disc", score: 7.1342, method: "Integrated gradients", gap: -0.00031 },
    status: IDLE,
    theme: "auto",
    height_px: 0,
    ...change,
  };
}

const REVIEW =
  "[CLS] I expected a dull| sequel| , but the act ing is superb| and the photo graphy is breath taking| . \n Only the end ing drags| , and <script>alert(1)</script> never runs. [SEP]";

/** A review with invented scores: a few words matter, the rest hardly. */
export function textState(change: Partial<TextTraits> = {}): TextTraits {
  const random = randomFrom(3);
  const tokens: string[] = [];
  const words: number[] = [];
  const special: boolean[] = [];
  const scores: number[] = [];
  const weights: Record<string, number> = {
    dull: -0.42,
    superb: 0.9,
    breath: 0.5,
    taking: 0.31,
    drags: -0.66,
    but: 0.2,
    ing: 0.08,
  };
  let word = -1;
  for (const piece of REVIEW.replaceAll("|", "").split(" ")) {
    const isSpecial = /^\[[A-Z]+\]$/.test(piece);
    const continues = ["ing", "graphy", "taking"].includes(piece);
    if (!continues && !isSpecial) word++;
    tokens.push(isSpecial || continues ? piece : piece === "" ? "\n" : /^[,.]/.test(piece) ? piece : ` ${piece}`);
    words.push(isSpecial ? -1 : word);
    special.push(isSpecial);
    scores.push((weights[piece] ?? 0) + 0.12 * (random() - 0.5));
  }
  return {
    tokens,
    words,
    special,
    scores: frame("scores", [scores.length], "float32", Float32Array.from(scores)),
    outputs: [],
    row: 0,
    merge_words: false,
    sign: "all",
    clip_percentile: 0,
    colors: "red-blue",
    show_values: false,
    selection: [],
    title: "Why \u201cpositive\u201d?",
    caption: { target: "positive", score: 2.3178, method: "Integrated gradients", gap: 0.00012 },
    status: IDLE,
    theme: "auto",
    height_px: 0,
    ...change,
  };
}

/** A generation: each output looks back at the names, later inputs have no score yet. */
export function generationState(change: Partial<TextTraits> = {}): TextTraits {
  const tokens = [
    "When",
    " Mary",
    " and",
    " John",
    " went",
    " to",
    " the",
    " store",
    ",",
    " John",
    " gave",
    " a",
    " drink",
    " to",
  ];
  const outputs = [" Mary", ".", " She", " thank", "ed", " him", ".", "\n"];
  const random = randomFrom(11);
  const all = [...tokens, ...outputs.slice(0, -1)];
  const scores = new Float32Array(outputs.length * all.length);
  for (let row = 0; row < outputs.length; row++) {
    for (let column = 0; column < all.length; column++) {
      const name = /Mary|She/.test(all[column] ?? "") ? 1.2 : /John|him/.test(all[column] ?? "") ? -0.7 : 0.1;
      const near = Math.exp(-Math.abs(tokens.length + row - 1 - column) / 3);
      scores[row * all.length + column] =
        column < tokens.length + row ? name * (0.3 + 0.7 * random()) + near * random() : Number.NaN;
    }
  }
  return textState({
    tokens: all,
    words: all.map((token, at) => (token === "ed" ? at - 1 : at)),
    special: all.map(() => false),
    scores: frame("scores", [outputs.length, all.length], "float32", scores),
    outputs,
    title: "Which words led to the next one?",
    caption: { target: "each next token", method: "Input \u00d7 gradient" },
    ...change,
  });
}

const CLASSES = ["disc", "square", "triangle", "ring", "cross", "star"];

const METHODS: InsightsTraits["methods"] = [
  {
    name: "IntegratedGradients",
    label: "Integrated gradients",
    doc: "Gradients summed on the straight way from a baseline to the input, times the difference.",
    needs: null,
    settings: [
      setting("n_steps", "int", 50, "Points on the way", { low: 1, high: 1000 }),
      setting("rule", "choice", "gausslegendre", "Where the points lie", {
        choices: ["gausslegendre", "riemann_left", "riemann_middle", "riemann_right", "riemann_trapezoid"],
      }),
      setting("multiply_by_inputs", "bool", true, "Times the difference to the baseline"),
    ],
  },
  {
    name: "Occlusion",
    label: "Occlusion",
    doc: "The drop in the score when one window of the input is hidden at a time.",
    needs: null,
    settings: [
      setting("window", "ints", 8, "Size of the hidden block", { low: 1 }),
      setting("stride", "ints", null, "Step between windows", { low: 1 }),
    ],
  },
  {
    name: "NoiseTunnel",
    label: "Noise tunnel",
    doc: "The mean of another method over noisy copies of the input.",
    needs: null,
    settings: [
      setting("method", "method", "IntegratedGradients", "The method that is averaged"),
      setting("kind", "choice", "smoothgrad", "How", { choices: ["smoothgrad", "smoothgrad_sq", "vargrad"] }),
      setting("n_samples", "int", 5, "Noisy copies", { low: 1, high: 100 }),
      setting("stdevs", "float", 0.1, "Spread of the noise", { low: 0 }),
    ],
  },
];

function setting(
  name: string,
  kind: Setting["kind"],
  value: Setting["default"],
  doc: string,
  bounds: Partial<Pick<Setting, "low" | "high" | "choices">> = {},
): Setting {
  return { name, kind, default: value, doc, low: null, high: null, choices: null, ...bounds };
}

/** A page of invented predictions on scenes, or on reviews. */
export function insightsState(change: Partial<InsightsTraits> = {}): InsightsTraits {
  const random = randomFrom(5);
  const isText = change.kind === "text";
  const names = isText ? ["negative", "positive"] : CLASSES;
  const review = textState();
  const cards: Card[] = [];
  const heats: Heat[] = [];
  for (let at = 0; at < 8; at++) {
    const label = Math.floor(random() * names.length);
    const predicted = at === 2 || at === 5 ? (label + 1) % names.length : label;
    const sure = 0.5 + 0.499 * random();
    const others = names.map((_, cls) => cls).filter((cls) => cls !== predicted);
    const top: Card["top"] = [
      [predicted, sure],
      ...others.map((cls, i): [number, number] => [cls, (1 - sure) * 0.6 ** (i + 1)]),
    ];
    const seen = scene(40 + at, SHAPES[label % 3] ?? "disc");
    const example = isText
      ? { tokens: review.tokens, words: review.words, special: review.special }
      : { image: seen.image };
    cards.push({ index: 128 + at, label, predicted, top: top.slice(0, 5), target: predicted, ...example });
    const frameOf = isText ? (review.scores as WireFrame) : seen.heat;
    heats.push({
      target: predicted,
      method: "IntegratedGradients",
      frame: frameOf,
      gap: 0.0004 * (random() - 0.5),
      score: 8 * sure,
    });
  }
  heats[3] = { error: "The gradient is not finite (NaN in 12 of 4096 values); lower n_steps or check the model." };
  heats[6] = heats[7] = null;
  return {
    kind: "image",
    classes: names,
    total: 512,
    count: 1024,
    page: 16,
    page_size: 8,
    filter: { outcome: "all", classes: [], predicted: [] },
    cards,
    heats,
    targets: {},
    methods: METHODS,
    method: "IntegratedGradients",
    settings: { n_steps: 50, rule: "gausslegendre", multiply_by_inputs: true },
    mode: "blend",
    sign: "all",
    clip_percentile: 1,
    colors: "red-blue",
    opacity: 0.8,
    selection: null,
    summary: { accuracy: 0.9131, correct: 935, wrong: 89, done: 1024 },
    status: { state: "running", label: "Integrated gradients", done: 6, total: 8, message: "" },
    theme: "auto",
    height_px: 0,
    ...change,
  };
}
