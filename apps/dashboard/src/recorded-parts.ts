// What a node's playlist of recordings says, and which codecs the beginning of a movie names. Pure.

/** A piece of footage that can be decoded by itself. Wall times, milliseconds since 1970. */
export interface Part {
  readonly fromMs: number;
  readonly toMs: number;
  /** Address of the part, and of what a decoder needs before it: relative to the playlist. */
  readonly path: string;
  readonly init: string;
}

/** Parts in order of time. */
export interface Playlist {
  readonly parts: readonly Part[];
  /** The wall time at which the media time of all parts is 0. */
  readonly zeroMs: number;
}

/** Reads a playlist; null when it is none, or has no part. */
export function readPlaylist(text: string): Playlist | null {
  const parts: Part[] = [];
  let init: string | undefined;
  let [fromMs, durationMs] = [Number.NaN, Number.NaN];
  let zeroMs = Number.NaN;
  for (const line of text.split('\n')) {
    const map = /^#EXT-X-MAP:URI="([^"]+)"$/.exec(line)?.[1];
    const at = /^#EXT-X-PROGRAM-DATE-TIME:(.+)$/.exec(line)?.[1];
    const seconds = /^#EXTINF:([\d.]+),$/.exec(line)?.[1];
    if (map !== undefined) init = map;
    else if (at !== undefined) fromMs = Date.parse(at);
    else if (seconds !== undefined) durationMs = Number(seconds) * 1000;
    else if (line !== '' && !line.startsWith('#')) {
      const zero = Number(new URLSearchParams(line.slice(line.indexOf('?'))).get('zero') ?? Number.NaN);
      if (init === undefined || ![fromMs, durationMs, zero].every(Number.isFinite)) return null;
      zeroMs = zero;
      parts.push({ fromMs, toMs: fromMs + durationMs, path: line, init });
    }
  }
  return parts.length > 0 ? { parts, zeroMs } : null;
}

/** The first part that has this time, or comes after it; -1 when all are over by then. */
export function partAt(parts: readonly Part[], ms: number): number {
  return parts.findIndex(({ toMs }) => ms < toMs);
}

/**
 * The type of a movie for Media Source Extensions, such as `video/mp4; codecs="avc1.64001f"` (RFC 6381; ISO/IEC 14496-15 for
 * the boxes).
 *
 * @param init `ftyp` and `moov`.
 * @returns null for a codec that no browser plays from a movie, such as G.711.
 */
export function movieType(init: Uint8Array): string | null {
  const codecs: string[] = [];
  const avc = after(init, 'avcC');
  const hevc = after(init, 'hvcC');
  if (avc) codecs.push(`avc1.${[...avc.subarray(1, 4)].map(hex).join('')}`);
  else if (hevc) codecs.push(hevcCodec(init, hevc));
  else return null;
  if (after(init, 'mp4a')) codecs.push('mp4a.40.2');
  // Sound of a camera that is neither: the whole movie would be refused.
  else if (after(init, 'soun')) return null;
  return `video/mp4; codecs="${codecs.join(', ')}"`;
}

function hevcCodec(init: Uint8Array, description: Uint8Array): string {
  const [, profile = 0, ...rest] = description;
  const space = ['', 'A', 'B', 'C'][profile >> 6] ?? '';
  const [a = 0, b = 0, c = 0, d = 0] = rest;
  // The flags are written with their bits in reverse.
  const flags = reversed(a, b, c, d);
  const constraints = rest.slice(4, 10).map((byte) => byte.toString(16).toUpperCase());
  while (constraints.at(-1) === '0') constraints.pop();
  const tier = (profile & 0x20) === 0 ? 'L' : 'H';
  const parts = [
    `${space}${profile & 0x1f}`,
    flags.toString(16).toUpperCase(),
    `${tier}${rest[10] ?? 0}`,
    ...constraints,
  ];
  return `${after(init, 'hev1') ? 'hev1' : 'hvc1'}.${parts.join('.')}`;
}

function reversed(...bytes: readonly number[]): number {
  let flags = 0;
  bytes.forEach((byte, i) => {
    for (let bit = 0; bit < 8; bit += 1) if ((byte >> (7 - bit)) & 1) flags += 2 ** (i * 8 + bit);
  });
  return flags;
}

/** What follows the name of a box; undefined where there is none. */
function after(bytes: Uint8Array, name: string): Uint8Array | undefined {
  const letters = Array.from(name, (letter) => letter.charCodeAt(0));
  for (let at = 0; at + 4 <= bytes.byteLength; at += 1)
    if (letters.every((letter, i) => bytes[at + i] === letter)) return bytes.subarray(at + 4);
  return undefined;
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}
