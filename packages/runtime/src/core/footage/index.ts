export type { FootageView, Piece } from './footage-view.ts';
export {
  boxAt,
  boxesIn,
  type FragmentTimes,
  type TrackBoxes,
  tracksOf,
  timesOfFragment,
  withoutEdits,
} from './movie-boxes.ts';
export { readSegment, type Fragment, type Segment } from './segment-file.ts';
export { dayOf, footagePath, isFootageDay, type FootageName, parseFootagePath } from './footage-name.ts';
export {
  hourOf,
  parseResultLine,
  parseResultPath,
  RESULT_FILE_MS,
  RESULT_LINE_LIMIT,
  type ResultFileName,
  type ResultLine,
  ResultLines,
  resultPath,
} from './result-file.ts';
export {
  encodeNote,
  ABSENCE_REASONS,
  type AbsenceReason,
  GAP_REASONS,
  type GapReason,
  NOTE_USER_TYPE,
  parseNote,
  type SegmentNote,
  segmentNoteSchema,
} from './segment-note.ts';
export {
  RECORDER_STATES,
  type RecorderCounters,
  type RecorderState,
  type RecordPolicy,
  recordPolicySchema,
  type RecordRoom,
  recordRoomSchema,
  type Written,
} from './recording.ts';
