import { SourceError } from '#core/media';
import type { Credentials } from './authorization.ts';

/** An RTSP address, taken apart. */
export interface RtspUrl {
  /** Without credentials: what goes over the wire and into logs. */
  readonly url: string;
  /** For people: without credentials, also those that some cameras want in path or query. */
  readonly name: string;
  /** Over TLS: `rtsps://`. */
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
  readonly credentials: Credentials | undefined;
}

/** @throws SourceError `not_found` when it is no rtsp:// or rtsps:// URL. The text never repeats the credentials. */
export function parseRtspUrl(text: string): RtspUrl {
  // Not `new URL`: passwords of cameras hold characters that people do not escape. Only `/` and `?` must be.
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

/** Without the query, and without what looks like a password in the path. */
function nameOfPath(path: string): string {
  return path.replace(/\?.*$/s, '').replace(/((?:pass(?:word|wd)?|pwd)=)[^&/;]*/gi, '$1***');
}

/** A user name or password out of an address: percent signs that encode nothing are meant as they stand. */
export function decodeLogin(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
