/** What the widgets share. */
export { type Caption, CaptionList, GAP_DOC, isLargeGap } from "./caption";
export { Channel, type Link, type Range, type Reply, type Request, type View } from "./channel";
export { scaleEnd, sortedMagnitudes } from "./clip";
export {
  COLORS,
  type Colors,
  type ColorScale,
  colorScale,
  contrast,
  type Ground,
  inkOn,
  type Rgb,
  type Shading,
  SIGNS,
  type Sign,
  shownValue,
  strengthOf,
  toCss,
  valueToRgb,
} from "./color-scales";
export { contourLines, type Line, type Point } from "./contour";
export {
  Button,
  Labelled,
  NumberField,
  numberProblem,
  type Option,
  Segmented,
  Select,
  Slider,
  Toggle,
  TypedField,
} from "./controls";
export { type Exact, type Place, windowOf } from "./exact";
export { cellValue, countBeyond, type Field, fieldOf, makeField, type ScaleSettings, shadingOf } from "./field";
export { formatCount, formatNumber, formatPercent, formatSigned } from "./format-number";
export {
  bytesOf,
  decodeFrame,
  type Frame,
  type FrameHeader,
  sourceShape,
  valueAt,
  valuesOf,
  type WireFrame,
} from "./frame";
export {
  MODES,
  type Mode,
  type OverlayStyle,
  overlayPixel,
  overlayPixels,
  overlayStyle,
  picturePixels,
  putPixels,
} from "./heatmap";
export { Icon, type IconName } from "./icons";
export { type KeyMap, isOwnKey, keepKeys, keyName, onKeys } from "./keyboard";
export { gradientOf, Legend, legendNotes, legendRange, OverlayLegend } from "./legend";
export { listen, whenAborted } from "./lifecycle";
export { LiveRegion } from "./live-region";
export type { BaseTraits, Listener, Model, RenderContext, Status } from "./model";
export { ModeControl, OpacityControl, ScaleControls } from "./overlay-controls";
export { contourPaths, contourSigma, PictureLayers, pathOf } from "./picture-layers";
export { PictureStage } from "./picture-stage";
export { type Pointed, readout, stageShape, valueUnder } from "./pointed";
export { type Cell, type Rectangle, spanning, sumInside } from "./rectangle";
export { NeedsKernel } from "./saved-page";
export { OpacityTraitControl, type OverlayTraits, type ScaleTraits, ScaleTraitControls, scaleOf } from "./scale-traits";
export { Selected } from "./selected";
export {
  numbersText,
  parseNumbers,
  type Setting,
  SettingsForm,
  type SettingValue,
  settingLabel,
} from "./settings-form";
export { smoothed } from "./smooth";
export { ErrorPanel, Progress } from "./status-bar";
export { Store } from "./store";
export { hostTheme, type Theme, watchTheme } from "./theme";
export { type Selecting, selectUnit } from "./token-selection";
export { TokenMatrix } from "./token-matrix";
export { TokenRun } from "./token-run";
export { chipColors, TokenStrip, TokenText } from "./token-strip";
export {
  plainText,
  scoresPerUnit,
  spokenText,
  type Tokens,
  type Unit,
  unitPlace,
  unitsOf,
  visibleText,
} from "./tokens";
export { Tooltip } from "./tooltip";
export { clampView, fitSize, panBy, toPicture, type ViewBox, visibleRange, WHOLE, zoomAt } from "./view-box";
export { type ViewProps, widget } from "./widget";
export { useWidth } from "./width";
