import { quoted, VigiaError } from '@vigia/base';

/** Longest message, in characters. */
const MESSAGE_LIMIT = 500;

/** Why a camera delivers no pictures. */
export const SOURCE_REASONS = [
  'dns',
  'refused',
  'timeout',
  'unauthorized',
  'not_found',
  'no_video',
  'unsupported_codec',
  'codec_changed',
  'corrupt',
  'stalled',
  'ended',
  'process_died',
] as const;
/** See {@link SOURCE_REASONS}. */
export type SourceReason = (typeof SOURCE_REASONS)[number];

/**
 * A source that could not be opened, or that ended. `code` is the reason. The message may quote the camera: it is
 * printable, short, and contains no credentials.
 */
export class SourceError extends VigiaError<SourceReason> {
  /** When the process that holds the connection tries again, milliseconds; undefined: the caller decides. */
  readonly retryInMs: number | undefined;

  constructor(
    code: SourceReason,
    message: string,
    options: { readonly cause?: unknown; readonly retryInMs?: number } = {},
  ) {
    super(code, quoted(message, MESSAGE_LIMIT), options);
    this.retryInMs = options.retryInMs;
  }
}
