export {
  BedJudge,
  type BedPictureNews,
  FallJudge,
  type FallNews,
  type Judge,
  type Judgement,
  type ResultJudge,
  type Subject,
  VisitJudge,
  type VisitNews,
} from './judges.ts';
export { type PreviewOptions, previewRules } from './preview.ts';
export { Replay, type Step } from './replay.ts';
