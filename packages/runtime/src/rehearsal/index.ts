export {
  BedJudge,
  type BedPictureNews,
  type BedSettings,
  FallJudge,
  type FallNews,
  type Judge,
  type ResultJudge,
  type VisitedZone,
  VisitJudge,
  type VisitNews,
} from './judges.ts';
export { type Moment, rehearse, type Rehearsed } from './rehearsal.ts';
export { BED_PALETTE, FALL_PALETTE, type Palette, Sheet, VISIT_PALETTE } from './sheet.ts';
