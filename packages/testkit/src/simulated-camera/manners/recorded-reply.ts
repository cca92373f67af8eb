import { VigiaError } from '@vigia/base';
import type { RtspHeader } from '#simulated-camera/rtsp';

/** The request that a recorded reply answers. */
export type RecordedKind = 'options' | 'describe' | 'setup' | 'play' | 'done' | 'unauthorized' | 'refused';

/** A reply of a real camera, as recorded. */
export interface RecordedReply {
  readonly path: string;
  readonly kind: RecordedKind;
  readonly status: number;
  readonly reason: string;
  /** In the order, spelling and spacing of the file. */
  readonly headers: readonly RtspHeader[];
  /** Empty without a body. */
  readonly body: string;
}

/** Error codes of recorded manners. */
export type MannersErrorCode = 'manners_not_found' | 'manners_unreadable' | 'manners_unfit';

/**
 * Parses a raw reply, or a bare session description. Its content shows which request it answers.
 *
 * @throws VigiaError `manners_unreadable`.
 */
export function parseRecordedReply(text: string, path: string): RecordedReply {
  if (/^\s*v=0[ \t]*\r?\n/.test(text)) {
    const headers: RtspHeader[] = [['Content-Type', 'application/sdp']];
    return { path, kind: 'describe', status: 200, reason: 'OK', headers, body: text.trimStart() };
  }
  const end = /\r?\n\r?\n/.exec(text);
  const head = end ? text.slice(0, end.index) : text.trimEnd();
  const body = end ? text.slice(end.index + end[0].length) : '';
  const [first = '', ...lines] = head.split(/\r?\n/);
  const status = /^RTSP\/\d\.\d (\d{3}) ?(.*)$/.exec(first);
  if (!status) {
    const message = `${path} begins with "${first.slice(0, 60)}": a raw RTSP reply (RTSP/1.0 200 OK …) or a session description (v=0) is needed`;
    throw new VigiaError<MannersErrorCode>('manners_unreadable', message, { path });
  }
  const headers = lines.map((line) => parseHeader(line, path));
  const [, code = '', reason = ''] = status;
  return { path, kind: kindOf(Number(code), headers, body), status: Number(code), reason, headers, body };
}

function parseHeader(line: string, path: string): RtspHeader {
  const [, name, separator, value] = /^([^:\s][^:]*)(:[ \t]*)(.*)$/.exec(line) ?? [];
  if (name !== undefined && separator !== undefined && value !== undefined) return [name, value, separator];
  const message = `${path} has the line "${line.slice(0, 60)}" among its headers: name: value is needed`;
  throw new VigiaError<MannersErrorCode>('manners_unreadable', message, { path });
}

function kindOf(status: number, headers: readonly RtspHeader[], body: string): RecordedKind {
  const has = (wanted: string): boolean => headerOf(headers, wanted) !== undefined;
  if (status === 401) return 'unauthorized';
  if (status >= 300) return 'refused';
  if (/^\s*v=0\s*\r?\n/.test(body)) return 'describe';
  if (has('public')) return 'options';
  if (has('transport')) return 'setup';
  return has('rtp-info') || has('range') ? 'play' : 'done';
}

/** The value of the first header of that name (in lower case), trimmed. */
export function headerOf(headers: readonly RtspHeader[], wanted: string): string | undefined {
  return headers.find(([name]) => name.trim().toLowerCase() === wanted)?.[1].trim();
}
