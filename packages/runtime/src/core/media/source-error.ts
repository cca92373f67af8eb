import { VigiaError } from '@vigia/base';

/** Why a camera delivers no pictures. */
export type SourceReason =
  | 'dns'
  | 'refused'
  | 'timeout'
  | 'unauthorized'
  | 'not_found'
  | 'no_video'
  | 'unsupported_codec'
  | 'codec_changed'
  | 'corrupt'
  | 'stalled'
  | 'ended';

/** A source that could not be opened, or that ended. `code` is the reason; the message never contains credentials. */
export class SourceError extends VigiaError<SourceReason> {}
