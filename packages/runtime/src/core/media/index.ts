export {
  type Geometry,
  geometryOf,
  type Rect,
  type Region,
  type RenditionSpec,
  WHOLE,
  wholeFromRendition,
} from './geometry.ts';
