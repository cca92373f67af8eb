import { VigiaError } from '@vigia/base';

/** Largest request line plus headers in bytes. */
export const MAX_HEADER_BYTES: number = 16 * 1024;
/** Largest body of a request in bytes. */
export const MAX_BODY_BYTES: number = 64 * 1024;

const INTERLEAVED_MARK = 0x24;
const INTERLEAVED_HEADER_BYTES = 4;
const HEADER_END = Buffer.from('\r\n\r\n');

/** A parsed request. */
export interface RtspRequest {
  readonly kind: 'request';
  readonly method: string;
  /** As the client wrote it: an absolute URL, a path or `*`. */
  readonly uri: string;
  readonly version: string;
  /** Names in lower case; the last one of repeated headers. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

/** RTP or RTCP from the client between requests (RFC 2326 10.12). */
export interface InterleavedData {
  readonly kind: 'interleaved';
  readonly channel: number;
  readonly payload: Buffer;
}

/** A client's input. */
export type RtspInput = RtspRequest | InterleavedData;

/** A header of a reply; `separator` is between name and value, by default `: `. */
export type RtspHeader = readonly [name: string, value: string, separator?: string];

/**
 * A reply before formatting. Headers keep order and spelling. The values of `CSeq` and `Content-Length` are filled in,
 * in place where they are listed, else first and last.
 */
export interface RtspReply {
  readonly status: number;
  /** Default: the standard's phrase for the status. */
  readonly reason?: string;
  readonly headers?: readonly RtspHeader[];
  readonly body?: string;
}

/**
 * Cuts a client's bytes into requests and interleaved packets, at any chunking. Knows no socket. Holds at most
 * {@link MAX_HEADER_BYTES} + {@link MAX_BODY_BYTES} plus one chunk.
 */
export class RtspRequestParser {
  #pending: Buffer = Buffer.alloc(0);

  /**
   * Adds a chunk and returns what it completed, in order.
   *
   * @throws VigiaError `rtsp_malformed` or `rtsp_too_large`: the connection must be closed, it cannot be re-aligned.
   */
  push(chunk: Buffer): RtspInput[] {
    this.#pending = this.#pending.byteLength > 0 ? Buffer.concat([this.#pending, chunk]) : chunk;
    const out: RtspInput[] = [];
    for (let input = this.#next(); input; input = this.#next()) out.push(input);
    return out;
  }

  #next(): RtspInput | undefined {
    this.#skipBlankLines();
    if (this.#pending.byteLength === 0) return undefined;
    return this.#pending[0] === INTERLEAVED_MARK ? this.#nextInterleaved() : this.#nextRequest();
  }

  // RFC 2326 4.1 allows empty lines before a request.
  #skipBlankLines(): void {
    let at = 0;
    while (this.#pending[at] === 13 || this.#pending[at] === 10) at += 1;
    if (at > 0) this.#pending = this.#pending.subarray(at);
  }

  #nextInterleaved(): InterleavedData | undefined {
    if (this.#pending.byteLength < INTERLEAVED_HEADER_BYTES) return undefined;
    const size = this.#pending.readUInt16BE(2);
    if (this.#pending.byteLength < INTERLEAVED_HEADER_BYTES + size) return undefined;
    const channel = this.#pending[1] as number;
    const payload = this.#take(INTERLEAVED_HEADER_BYTES + size).subarray(INTERLEAVED_HEADER_BYTES);
    return { kind: 'interleaved', channel, payload };
  }

  #nextRequest(): RtspRequest | undefined {
    const end = this.#pending.indexOf(HEADER_END);
    if ((end < 0 ? this.#pending.byteLength : end) > MAX_HEADER_BYTES) {
      throw new VigiaError(
        'rtsp_too_large',
        `a request header of more than ${MAX_HEADER_BYTES} bytes came, at most that many are allowed`,
      );
    }
    if (end < 0) return undefined;
    const head = parseHead(this.#pending.toString('latin1', 0, end));
    const bodyBytes = bodyBytesOf(head.headers);
    const bodyBegin = end + HEADER_END.byteLength;
    if (this.#pending.byteLength < bodyBegin + bodyBytes) return undefined;
    return { ...head, body: this.#take(bodyBegin + bodyBytes).subarray(bodyBegin) };
  }

  #take(bytes: number): Buffer {
    const head = this.#pending.subarray(0, bytes);
    this.#pending = this.#pending.subarray(bytes);
    return head;
  }
}

function parseHead(text: string): Omit<RtspRequest, 'body'> {
  const [first = '', ...lines] = text.split('\r\n');
  const match = /^([A-Z_]{1,32}) (\S+) (RTSP\/\d\.\d)$/.exec(first);
  if (!match)
    throw new VigiaError(
      'rtsp_malformed',
      `"${first.slice(0, 80)}" is no RTSP request line: METHOD URL RTSP/1.0 is needed`,
    );
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon < 1) throw new VigiaError('rtsp_malformed', `"${line.slice(0, 80)}" is no header: name: value is needed`);
    headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
  return { kind: 'request', method: match[1] as string, uri: match[2] as string, version: match[3] as string, headers };
}

function bodyBytesOf(headers: ReadonlyMap<string, string>): number {
  const text = headers.get('content-length');
  if (text === undefined) return 0;
  if (!/^\d{1,9}$/.test(text))
    throw new VigiaError('rtsp_malformed', `Content-Length is "${text.slice(0, 20)}": a number of bytes is needed`);
  const bytes = Number(text);
  if (bytes <= MAX_BODY_BYTES) return bytes;
  throw new VigiaError(
    'rtsp_too_large',
    `a request body of ${bytes} bytes was announced, at most ${MAX_BODY_BYTES} are allowed`,
  );
}

const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  302: 'Moved Temporarily',
  400: 'Bad Request',
  401: 'Unauthorized',
  404: 'Not Found',
  453: 'Not Enough Bandwidth',
  454: 'Session Not Found',
  455: 'Method Not Valid In This State',
  459: 'Aggregate Operation Not Allowed',
  460: 'Only Aggregate Operation Allowed',
  461: 'Unsupported Transport',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  505: 'RTSP Version Not Supported',
};

/** The bytes of a reply. `cseq` is echoed from the request, and omitted when the request had none. */
export function formatReply(reply: RtspReply, cseq: string | undefined, lowerCase = false): Buffer {
  const lines = [`RTSP/1.0 ${reply.status} ${reply.reason ?? REASONS[reply.status] ?? 'Status'}`];
  const headers = reply.headers ?? [];
  const lists = (wanted: string): boolean => headers.some(([name]) => name.toLowerCase() === wanted);
  const spell = (name: string): string => (lowerCase ? name.toLowerCase() : name);
  const bytes = String(Buffer.byteLength(reply.body ?? ''));
  if (cseq !== undefined && !lists('cseq')) lines.push(`${spell('CSeq')}: ${cseq}`);
  for (const [name, value, separator = ': '] of headers) {
    const lower = name.toLowerCase();
    if (lower === 'cseq' && cseq === undefined) continue;
    const said = lower === 'cseq' ? inPlaceOf(value, cseq ?? '') : lower === 'content-length' ? bytes : value;
    lines.push(`${name}${separator}${said}`);
  }
  if (reply.body !== undefined && !lists('content-length')) lines.push(`${spell('Content-Length')}: ${bytes}`);
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${reply.body ?? ''}`, 'utf8');
}

/** With the spaces around the old value. */
function inPlaceOf(old: string, value: string): string {
  return `${/^\s*/.exec(old)?.[0] ?? ''}${value}${old.trim() === '' ? '' : (/\s*$/.exec(old)?.[0] ?? '')}`;
}
