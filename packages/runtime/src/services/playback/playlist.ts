import { iso } from './clip-plan.ts';
import { isJump, type Part } from './parts.ts';

/** Decoding begins before the first picture is shown, and sound may begin before it. Milliseconds. */
const LEAD_MS = 2_000;

/** An HLS playlist of recordings (RFC 8216, version 7), with URLs relative to its own. @param parts At least one. */
export function playlistOf(parts: readonly Part[]): string {
  const longestMs = parts.reduce((most, part) => Math.max(most, part.toMs - part.fromMs), 1);
  const zeroMs = Math.max(0, Math.floor(parts[0]?.fromMs ?? 0) - LEAD_MS);
  const head = [
    '#EXTM3U',
    '#EXT-X-VERSION:7',
    `#EXT-X-TARGETDURATION:${Math.ceil(longestMs / 1000)}`,
    '#EXT-X-MEDIA-SEQUENCE:0',
    '#EXT-X-PLAYLIST-TYPE:VOD',
    '#EXT-X-INDEPENDENT-SEGMENTS',
  ];
  const lines = parts.flatMap((part, i) => linesOf(part, parts[i - 1], zeroMs));
  return [...head, ...lines, '#EXT-X-ENDLIST', ''].join('\n');
}

function linesOf(part: Part, before: Part | undefined, zeroMs: number): string[] {
  const { order, from, to, fromMs, toMs, format } = part;
  const where = `order=${order}&at=${Math.round(fromMs)}`;
  return [
    ...(before && isJump(before, part) ? ['#EXT-X-DISCONTINUITY'] : []),
    ...(before?.format === format ? [] : [`#EXT-X-MAP:URI="init.mp4?${where}"`]),
    `#EXT-X-PROGRAM-DATE-TIME:${iso(fromMs)}`,
    `#EXTINF:${((toMs - fromMs) / 1000).toFixed(5)},`,
    `part.m4s?${where}&from=${from}&to=${to}&zero=${zeroMs}`,
  ];
}
