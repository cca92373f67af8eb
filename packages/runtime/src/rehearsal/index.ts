export { type Moment, rehearse, type Rehearsed } from './rehearsal.ts';
export { BED_PALETTE, FALL_PALETTE, type Palette, Sheet, VISIT_PALETTE } from './sheet.ts';
