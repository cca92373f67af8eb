export { nalEnd, nextNal } from './annex-b.ts';
export { BitReader } from './bit-reader.ts';
export { JpegNeeds } from './jpeg-needs.ts';
export { ParameterSetWatch } from './parameter-set-watch.ts';
export { type Needs, PictureNeeds } from './picture-needs.ts';
export { withoutReordering } from './sps-without-reordering.ts';
export { AT_ONCE, UnitInspector } from './unit-inspector.ts';
