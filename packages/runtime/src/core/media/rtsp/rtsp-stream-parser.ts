import { quoted } from '@vigia/base';
import { SourceError } from '#core/media';

/** Largest header of a message, in bytes. */
export const HEADER_LIMIT: number = 16 * 1024;
/** Largest body of a message, in bytes. */
export const BODY_LIMIT: number = 64 * 1024;
/** The most garbage skipped in a row before the stream counts as corrupt, in bytes. */
const RESYNC_LIMIT = 256 * 1024;

/** A response of the server, or, with status 0, a request from it. Header names are lower case. */
export interface RtspMessage {
  readonly status: number;
  readonly startLine: string;
  readonly headers: ReadonlyMap<string, string>;
  /** All `www-authenticate` lines: a server may offer several schemes. */
  readonly challenges: readonly string[];
  readonly body: string;
}

/** Receives the parsed elements. Interleaved data is valid until the callback returns. */
export interface RtspStreamHandler {
  onInterleaved(channel: number, packet: Buffer): void;
  onMessage(message: RtspMessage): void;
}

const DOLLAR = 0x24;
/** The version of RTP and RTCP (RFC 3550, 5.1): the first two bits of every packet. */
const VERSION = { mask: 0xc0, two: 0x80 } as const;
const EMPTY = Buffer.alloc(0);

/**
 * Splits an RTSP connection into messages and interleaved packets (RFC 2326, sections 4 and 10.12). Skips other bytes
 * up to the next packet or `RTSP/`; a `$` among them that begins no packet is skipped, too. Buffers at most one message:
 * 16 KB of header, 64 KB of body or packet.
 */
export class RtspStreamParser {
  readonly #handler: RtspStreamHandler;
  #held: Buffer = EMPTY;
  #garbage = 0;
  /** 1 for each channel that packets came on. */
  readonly #channels = new Uint8Array(256);
  #packets = 0;
  /** Bytes skipped so far. */
  skippedBytes = 0;

  constructor(handler: RtspStreamHandler) {
    this.#handler = handler;
  }

  /** @param chunk Borrowed until this returns. @throws SourceError `corrupt` when a limit is passed. */
  push(chunk: Buffer): void {
    let data = this.#held.byteLength === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    for (;;) {
      const used = this.#one(data);
      if (used === 0) break;
      data = data.subarray(used);
    }
    // A short copy releases the memory of the chunk.
    this.#held = data.byteLength === 0 ? EMPTY : Buffer.from(data);
  }

  /** Parses one element. Returns the number of bytes consumed, 0 when more are needed. */
  #one(data: Buffer): number {
    if (data.byteLength < 4) return 0;
    if (data[0] === DOLLAR && (this.#garbage === 0 || this.#isPacket(data))) return this.#interleaved(data);
    if (isMessageStart(data)) return this.#message(data);
    return this.#resync(data);
  }

  /** Whether a `$` behind garbage begins a packet like those before. An empty one proves nothing. */
  #isPacket(data: Buffer): boolean {
    const isKnown = this.#packets === 0 || this.#channels[data[1] as number] === 1;
    const isEmpty = data.readUInt16BE(2) === 0;
    // The fifth byte may be yet to come.
    return isKnown && !isEmpty && ((data[4] ?? VERSION.two) & VERSION.mask) === VERSION.two;
  }

  #interleaved(data: Buffer): number {
    const size = data.readUInt16BE(2);
    if (data.byteLength < 4 + size) return 0;
    const channel = data[1] as number;
    this.#garbage = 0;
    this.#channels[channel] = 1;
    this.#packets += 1;
    this.#handler.onInterleaved(channel, data.subarray(4, 4 + size));
    return 4 + size;
  }

  #message(data: Buffer): number {
    const end = data.indexOf('\r\n\r\n');
    if (end < 0 || end > HEADER_LIMIT) {
      if (data.byteLength > HEADER_LIMIT)
        throw new SourceError('corrupt', `the camera sent a header of more than ${HEADER_LIMIT} bytes`);
      return 0;
    }
    const { startLine, headers, challenges } = parseHead(data.toString('utf8', 0, end));
    const length = Number(headers.get('content-length') ?? 0);
    if (!Number.isInteger(length) || length < 0 || length > BODY_LIMIT) {
      throw new SourceError(
        'corrupt',
        `the camera announced a body of ${quoted(headers.get('content-length') ?? '', 20)} bytes, at most ${BODY_LIMIT} are read`,
      );
    }
    const total = end + 4 + length;
    if (data.byteLength < total) return 0;
    this.#garbage = 0;
    const status = startLine.startsWith('RTSP/') ? Number(startLine.split(' ', 2)[1]) || 0 : 0;
    this.#handler.onMessage({ status, startLine, headers, challenges, body: data.toString('utf8', end + 4, total) });
    return total;
  }

  #resync(data: Buffer): number {
    const dollar = data.indexOf(DOLLAR, 1);
    // Searches only up to the next packet. Otherwise the same bytes would be searched again for every packet.
    const rtsp = (dollar < 0 ? data : data.subarray(0, dollar)).indexOf('RTSP/', 1);
    const at = rtsp > 0 ? rtsp : dollar;
    const skip = at > 0 ? at : data.byteLength - 4;
    if (skip <= 0) return 0;
    this.#garbage += skip;
    this.skippedBytes += skip;
    if (this.#garbage > RESYNC_LIMIT)
      throw new SourceError('corrupt', `the camera sent ${this.#garbage} bytes that are not RTSP`);
    return skip;
  }
}

/** The beginnings of a message: a response, or a request from the server. */
const MESSAGE_STARTS = [
  'RTSP/',
  'OPTIONS ',
  'ANNOUNCE ',
  'REDIRECT ',
  'GET_PARAMETER ',
  'SET_PARAMETER ',
  'TEARDOWN ',
  'PAUSE ',
  'PLAY ',
];

/** Also true for a prefix of one: more bytes are needed then. */
function isMessageStart(data: Buffer): boolean {
  const head = data.toString('latin1', 0, Math.min(data.byteLength, 'GET_PARAMETER '.length));
  return MESSAGE_STARTS.some((start) => head.startsWith(start) || start.startsWith(head));
}

function parseHead(text: string): { startLine: string; headers: Map<string, string>; challenges: string[] } {
  const [startLine = '', ...lines] = text.split('\r\n');
  const headers = new Map<string, string>();
  const challenges: string[] = [];
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon <= 0) continue;
    const name = line.slice(0, colon).trim().toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (name === 'www-authenticate') challenges.push(value);
    else headers.set(name, value);
  }
  return { startLine, headers, challenges };
}
