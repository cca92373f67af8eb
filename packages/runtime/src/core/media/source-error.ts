import { quoted, VigiaError } from '@vigia/base';

/** Longest message, in characters. */
const MESSAGE_LIMIT = 500;

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

/**
 * A source that could not be opened, or that ended. `code` is the reason. The message may quote the camera: it is
 * printable, short, and contains no credentials.
 */
export class SourceError extends VigiaError<SourceReason> {
  constructor(code: SourceReason, message: string, options: { readonly cause?: unknown } = {}) {
    super(code, quoted(message, MESSAGE_LIMIT), options);
  }
}
