export {
  type Geometry,
  geometryOf,
  type Rect,
  type Region,
  type FrameFit,
  type RenditionSpec,
  WHOLE,
  wholeFromRendition,
} from './geometry.ts';
export { referencePictures } from './reference-pictures.ts';
export {
  canBeTurned,
  LOOK_SLOTS,
  lookSegmentBytes,
  renditionBytes,
  renditionKey,
  renditionSegmentBytes,
  renditionSlots,
} from './rendition.ts';
export {
  type AccessUnit,
  type AudioFormat,
  type AudioUnit,
  type ClockReport,
  DEFAULT_TIMEOUTS,
  type RecoveryPoint,
  type Source,
  type SourceEvents,
  type SourceFormat,
  type SourceOptions,
  type SourceTimeouts,
  type TlsOptions,
} from './source.ts';
export { SOURCE_REASONS, SourceError, type SourceReason } from './source-error.ts';
export { parseSourceUrl, SOURCE_FORMS, type SourceUrl } from './source-url.ts';
export { type Square, squareGeometry, type Turn, turnRight, wholeFromSquare } from './region-look.ts';
