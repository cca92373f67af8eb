export { BedJudge, type BedPictureNews, type BedSettings, FallJudge, type FallNews, type Judge } from './judges.ts';
export { type Moment, rehearse, type Rehearsed } from './rehearsal.ts';
export { BED_PALETTE, FALL_PALETTE, type Palette, Sheet } from './sheet.ts';
