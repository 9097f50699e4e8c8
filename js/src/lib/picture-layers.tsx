import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { type Shading, toCss, valueToRgb } from "./color-scales";
import { contourLines, type Line } from "./contour";
import type { Exact, Place } from "./exact";
import type { Field } from "./field";
import type { Frame } from "./frame";
import { type OverlayStyle, overlayPixels, picturePixels, putPixels } from "./heatmap";
import { smoothed } from "./smooth";

interface LayersProps {
  image: Frame | null;
  field: Field | null;
  shading: Shading | null;
  overlay: OverlayStyle;
  /** Left of this share of the width the picture stays bare; null for none. */
  split?: number | null;
  /** Finer pieces of a pooled picture and heat map, where they are zoomed into. */
  exactImage?: Exact | null;
  exactHeat?: { field: Field; place: Place } | null;
}

/**
 * A picture under its overlay, filling the element around it.
 *
 * `canvas.attrium-heat` holds one pixel per value: cell (row, column) is its backing-store pixel (x=column, y=row) at any
 * zoom.
 */
export function PictureLayers(props: LayersProps) {
  const { image, field, shading, overlay, split = null, exactImage = null, exactHeat = null } = props;
  const lines = overlay.mode === "contour";
  const grey = field !== null && (overlay.mode === "blend" || lines);
  const clip = split === null ? undefined : { clipPath: `inset(0 0 0 ${100 * split}%)` };
  return (
    <div class="attrium-layers">
      {image && <PictureWithPiece image={image} exact={exactImage} />}
      <div class="attrium-over" style={clip}>
        {grey && image && <PictureWithPiece image={image} exact={exactImage} grey />}
        {field && shading && (
          <>
            {/* Two veils would lie over one another: a finer piece takes the place of the whole. */}
            <HeatCanvas field={field} shading={shading} overlay={overlay} cut={exactHeat?.place ?? null} />
            {exactHeat && (
              <div class="attrium-piece" style={placeStyle(exactHeat.place)}>
                <HeatCanvas field={exactHeat.field} shading={shading} overlay={overlay} piece />
              </div>
            )}
            {lines && <Contours field={field} shading={shading} />}
          </>
        )}
      </div>
    </div>
  );
}

function placeStyle({ top, left, bottom, right }: Place) {
  const share = (part: number) => `${100 * part}%`;
  return { top: share(top), left: share(left), width: share(right - left), height: share(bottom - top) };
}

/** Leaves out a rectangle: around the element's edge, then around the hole the other way. */
function holeStyle({ top, left, bottom, right }: Place) {
  const corner = (x: number, y: number) => `${100 * x}% ${100 * y}%`;
  const hole = [corner(left, top), corner(left, bottom), corner(right, bottom), corner(right, top), corner(left, top)];
  return { clipPath: `polygon(evenodd, 0 0, 100% 0, 100% 100%, 0 100%, 0 0, ${hole.join(", ")})` };
}

interface PictureProps {
  image: Frame;
  exact: Exact | null;
  grey?: boolean;
}

function PictureWithPiece({ image, exact, grey = false }: PictureProps) {
  return (
    <>
      <PictureCanvas image={image} grey={grey} />
      {exact && (
        <div class="attrium-piece" style={placeStyle(exact.place)}>
          <PictureCanvas image={exact.frame} grey={grey} />
        </div>
      )}
    </>
  );
}

function PictureCanvas({ image, grey }: { image: Frame; grey: boolean }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [height = 0, width = 0] = image.shape;
  useLayoutEffect(() => {
    if (canvas.current) putPixels(canvas.current, picturePixels(image), height, width);
  }, [image]);
  return <canvas ref={canvas} class={grey ? "attrium-picture attrium-picture-grey" : "attrium-picture"} />;
}

interface HeatProps {
  field: Field;
  shading: Shading;
  overlay: OverlayStyle;
  /** Whether this is a finer piece, laid over the whole. */
  piece?: boolean;
  /** What to leave out, since a finer piece is there. */
  cut?: Place | null;
}

function HeatCanvas({ field, shading, overlay, piece = false, cut = null }: HeatProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { scale, end, sign, signed } = shading;
  const { mode, opacity, paper } = overlay;
  useLayoutEffect(() => {
    if (!canvas.current) return;
    putPixels(canvas.current, overlayPixels(field, shading, overlay), field.height, field.width);
  }, [field, scale, end, sign, signed, mode, opacity, paper]);
  return (
    <canvas
      ref={canvas}
      class={piece ? "attrium-heat-piece" : "attrium-heat"}
      style={cut ? holeStyle(cut) : undefined}
      data-mode={mode}
      data-end={end}
      data-sign={sign}
    />
  );
}

/** Shares of the scale's end at which contours are drawn, with their line widths in pixels. */
export const CONTOUR_LEVELS: readonly (readonly [share: number, width_px: number])[] = [
  [0.25, 1],
  [0.5, 1.5],
  [0.75, 2],
];

/** The blur, in cells, under which contours are drawn. */
export function contourSigma(field: Field): number {
  return Math.max(field.height, field.width) >= 32 ? Math.max(field.height, field.width) / 48 : 0;
}

function Contours({ field, shading }: { field: Field; shading: Shading }) {
  const calm = useMemo(() => smoothed(field, contourSigma(field)), [field]);
  const end = Math.max(Math.abs(calm.low), Math.abs(calm.high));
  const paths = useMemo(() => contourPaths(calm, shading, end), [calm, end, shading.scale, shading.sign]);
  return (
    <svg
      class="attrium-contours"
      viewBox={`0 0 ${field.width} ${field.height}`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      {paths.map(({ key, path, color, width }) => (
        <g key={key} data-level={key}>
          <path d={path} stroke="rgb(255 255 255 / 0.75)" stroke-width={width + 2} />
          <path d={path} stroke={color} stroke-width={width} />
        </g>
      ))}
    </svg>
  );
}

/** The contours to draw: at 25, 50 and 75 % of `end`, on the sides of zero that the sign filter shows. */
export function contourPaths(field: Field, shading: Shading, end: number) {
  const values = shading.sign === "absolute" ? { ...field, values: field.values.map(Math.abs) } : field;
  const sides = shading.sign === "all" ? [1, -1] : [shading.sign === "negative" ? -1 : 1];
  return sides
    .flatMap((side) =>
      CONTOUR_LEVELS.map(([share, width]) => {
        const level = side * share * end;
        return {
          key: level,
          path: pathOf(contourLines(values, level)),
          color: toCss(valueToRgb(side * shading.end, shading)),
          width,
        };
      }),
    )
    .filter(({ path }) => path !== "");
}

/** SVG path data of contour lines, to a hundredth of a cell. */
export function pathOf(lines: readonly Line[]): string {
  return lines.map((line) => `M${line.map(([x, y]) => `${x.toFixed(2)} ${y.toFixed(2)}`).join("L")}`).join("");
}
