/** What the widgets share. */
export { type Answered, AnswerCache, seedAnswer, useAnswer } from "./answers";
export { type Caption, CaptionList, GAP_DOC, isLargeGap } from "./caption";
export {
  type Answer,
  Channel,
  type Link,
  type Question,
  type Range,
  type Reply,
  type Request,
  type View,
} from "./channel";
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
export { download, fileName } from "./download";
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
export { type Fullscreen, useFullscreen } from "./fullscreen";
export { HeadsField, type HeadScores, type HeadsFieldProps } from "./heads-field";
export { foldThumbnail, thumbnailOf } from "./heads-field-canvas";
export { fieldLayout, type HeadRef, orderByScore, stepTile, tileAt } from "./heads-field-layout";
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
export { type History, noHistory, recorded, redone, type Step, undone } from "./history";
export { Icon, type IconName } from "./icons";
export { type KeyMap, isOwnKey, keepKeys, keyName, onKeys } from "./keyboard";
export { gradientOf, Legend, legendNotes, legendRange, OverlayLegend } from "./legend";
export { listen, whenAborted } from "./lifecycle";
export { LiveRegion } from "./live-region";
export { drawCells, drawMarks, labelsOf, labelText, type MatrixScene, prepared } from "./matrix-canvas";
export {
  clippedDomain,
  colorTable,
  type Domain,
  domainOf,
  entryOf,
  type Inks,
  inksOf,
  isHidden,
  type MatrixColors,
  matrixScale,
  paintCells,
  rampOf,
} from "./matrix-colors";
export { cellWords, type MatrixCell, valueText } from "./matrix-cursor";
export { MatrixLegend, matrixNotes } from "./matrix-legend";
export { type MatrixPainter, sceneSize } from "./matrix-painter";
export { selectingBy } from "./matrix-pointer";
export { MatrixView, type MatrixViewProps } from "./matrix-view";
export {
  boxOf,
  cellAt,
  cellSize,
  clampWindow,
  fitPlot,
  type MatrixWindow,
  panWindow,
  type Plot,
  showCell,
  visibleCells,
  WHOLE_MATRIX,
  zoomWindow,
} from "./matrix-window";
export type { BaseTraits, Listener, Model, RenderContext, Status } from "./model";
export { ModeControl, OpacityControl, ScaleControls } from "./overlay-controls";
export { contourPaths, contourSigma, PictureLayers, pathOf } from "./picture-layers";
export { PictureStage } from "./picture-stage";
export { png, pngUrl } from "./png";
export { type Pointed, readout, stageShape, valueUnder } from "./pointed";
export { type Cell, type Rectangle, spanning, sumInside } from "./rectangle";
export { type Hue, mixed, type Role, ROLES, roleHue, roleProperties, roleRamp, roleShading } from "./roles";
export { NeedsKernel } from "./saved-page";
export { OpacityTraitControl, type OverlayTraits, type ScaleTraits, ScaleTraitControls, scaleOf } from "./scale-traits";
export type { Bar, Box, Cells, Layer as SceneLayer, Mark, Ribbon, RibbonEnd, Scene } from "./scene";
export { drawScene } from "./scene-canvas";
export { type Hit, hitTest } from "./scene-hit";
export { sceneToSvg } from "./scene-svg";
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
export {
  isEnough,
  pixelsFor,
  pooledIndex,
  readTile,
  type Region,
  regionFor,
  type Tile,
  TileCache,
} from "./tiles";
export { type AxisLabel, axisLabels, elide, labelRoom, type Labels, strideFor } from "./token-axis";
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
