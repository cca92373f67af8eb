import { SourceError } from '#core/media';
import type { Credentials } from './authorization.ts';

/** A parsed RTSP address. */
export interface RtspUrl {
  /** Without credentials: sent to the camera and logged. */
  readonly url: string;
  /** For display: without credentials, and without those that some cameras expect in the path or the query. */
  readonly name: string;
  /** Over TLS: `rtsps://`. */
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
  readonly credentials: Credentials | undefined;
}

/** @throws SourceError `not_found` for any other URL. The message never repeats the credentials. */
export function parseRtspUrl(text: string): RtspUrl {
  // `new URL` would refuse passwords with unescaped characters, which are common for cameras. Only `/` and `?` must be
  // escaped.
  const match = /^(rtsps?):\/\/(?:([^/?]*)@)?(\[[^\]]+\]|[^/:@?]+)(?::(\d{1,5}))?([/?].*)?$/i.exec(text);
  const secure = match?.[1]?.toLowerCase() === 'rtsps';
  const port = Number(match?.[4] ?? (secure ? 322 : 554));
  if (!match || port < 1 || port > 65_535)
    throw new SourceError('not_found', 'the source is no address like rtsp://[user:password@]host[:port]/path');
  const [, , login, host = '', portText, path = '/'] = match;
  const colon = login?.indexOf(':') ?? -1;
  const credentials =
    login === undefined
      ? undefined
      : {
          user: decodeLogin(colon < 0 ? login : login.slice(0, colon)),
          password: decodeLogin(colon < 0 ? '' : login.slice(colon + 1)),
        };
  const place = `${secure ? 'rtsps' : 'rtsp'}://${host}${portText === undefined ? '' : `:${portText}`}`;
  return {
    name: `${place}${nameOfPath(path)}`,
    url: `${place}${path}`,
    secure,
    host: host.replace(/^\[|\]$/g, ''),
    port,
    credentials,
  };
}

/** The path without its query, and without parts that look like a password. */
function nameOfPath(path: string): string {
  return path.replace(/\?.*$/s, '').replace(/((?:pass(?:word|wd)?|pwd)=)[^&/;]*/gi, '$1***');
}

/** Decodes a user name or password. Percent signs that encode nothing are kept. */
export function decodeLogin(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
