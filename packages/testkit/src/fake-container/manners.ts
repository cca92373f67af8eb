/** Misbehaviours of a fake container, by name. Each affects answers to `infer` unless stated otherwise. */
export const FAKE_MANNERS = {
  silent: 'reads every request and answers none but describe and health',
  mute: 'reads every request and answers none at all',
  hang: 'connections are accepted by the kernel only: nothing is read',
  wrong_frame: 'answers for another frame than it was asked for',
  missing_fields: 'the answer has neither frame nor error',
  null_detections: 'detections are null, and so is the error',
  empty_with_error: 'an error, with an empty list beside it',
  garbage: 'bytes that are no message, and on with the next answer',
  not_json: 'a whole message that is no JSON',
  closes: 'closes in place of answering',
  closes_mid_answer: 'half of the answer, then the end',
  answers_twice: 'the same answer twice',
  wrong_id: 'the answer has the id of another request',
  no_id: 'the answer has no id',
  huge: 'announces a message above the limit',
  never_grants: 'a want is never answered',
  grants_twice: 'a want is answered by two grants',
  refuses_grants: 'a want is answered by `overloaded`',
} as const;

/** See {@link FAKE_MANNERS}. */
export type FakeManner = keyof typeof FAKE_MANNERS;
