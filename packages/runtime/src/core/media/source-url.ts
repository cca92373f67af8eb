import { SourceError } from './source-error.ts';

/** A source's address, by its kind. */
export interface SourceUrl {
  readonly kind: 'rtsp' | 'rtsps' | 'http' | 'https' | 'file' | 'v4l2';
  /** `file:` and `v4l2:`: the path. Otherwise the whole address, which may contain credentials. */
  readonly target: string;
  /** `file:`: start over at the end. */
  readonly loop: boolean;
}

/** The supported forms of a source, for error messages. */
export const SOURCE_FORMS: string =
  'rtsp://…, rtsps://…, http://… or https://… (MJPEG), file:PATH or file:PATH?loop, v4l2:/dev/videoN';

const KNOWN = /^(?:rtsps?|https?|file|v4l2)$/;

/** Parses a source. @throws SourceError `not_found`; the message never repeats the source. */
export function parseSourceUrl(text: string): SourceUrl {
  const scheme = /^([a-z0-9+.-]+):/i.exec(text)?.[1]?.toLowerCase();
  const rest = text.slice((scheme?.length ?? 0) + 1);
  if ((scheme === 'rtsp' || scheme === 'rtsps' || scheme === 'http' || scheme === 'https') && rest.startsWith('//'))
    return { kind: scheme, target: text, loop: false };
  if (scheme === 'v4l2' && rest.startsWith('/')) return { kind: scheme, target: rest, loop: false };
  if (scheme === 'file') {
    const path = rest.replace(/^\/\/(?=\/)/, '');
    const loop = path.endsWith('?loop');
    const target = loop ? path.slice(0, -'?loop'.length) : path;
    if (target !== '') return { kind: scheme, target, loop };
    throw new SourceError('not_found', 'found file: without a path, allowed are file:PATH and file:PATH?loop');
  }
  // Of `user:password@host` the part in front of the colon is no scheme.
  const shown = scheme !== undefined && (rest.startsWith('//') || KNOWN.test(scheme)) ? `${scheme}:` : 'no scheme';
  throw new SourceError('not_found', `found ${shown.slice(0, 20)}, allowed are ${SOURCE_FORMS}`);
}
