import type { Footage } from './footage.ts';

/** A part of a playlist, as its text has it. */
export interface Part {
  /** EXT-X-PROGRAM-DATE-TIME. Wall time, milliseconds. */
  readonly dateMs: number;
  readonly durationMs: number;
  /** Whether EXT-X-DISCONTINUITY stands before it. */
  readonly isJump: boolean;
}

/** Times are rounded to milliseconds. */
const ROUNDING_MS = 2;
/** A new segment may correct the clock by so much without a discontinuity: see the README of playback. */
const SILENT_MS = 100;

/** The parts of a playlist's text. */
export function partsIn(text: string): Part[] {
  const parts: Part[] = [];
  let [dateMs, durationMs, isJump] = [Number.NaN, Number.NaN, false];
  for (const line of text.split('\n')) {
    const [tag = '', ...rest] = line.split(':');
    if (tag === '#EXT-X-PROGRAM-DATE-TIME') dateMs = Date.parse(rest.join(':'));
    if (tag === '#EXTINF') durationMs = Number.parseFloat(rest[0] ?? '') * 1000;
    if (tag === '#EXT-X-DISCONTINUITY') isJump = true;
    if (line === '' || line.startsWith('#')) continue;
    parts.push({ dateMs, durationMs, isJump });
    isJump = false;
  }
  return parts;
}

/** Where a playlist of everything that is recorded is not like the recording: a sentence each. */
export function wrongParts(parts: readonly Part[], { pictures, gaps }: Footage): string[] {
  const jumps = parts.flatMap(({ dateMs, isJump }, i) => {
    const before = parts[i - 1];
    return before ? [{ isJump, ms: dateMs - before.dateMs - before.durationMs }] : [];
  });
  const marked = jumps.filter(({ isJump }) => isJump).map(({ ms }) => ms);
  const silent = jumps.filter(({ isJump, ms }) => !isJump && Math.abs(ms) > SILENT_MS);
  const wrong = gaps.filter(({ fromMs, toMs }, i) => !near(marked[i], toMs - fromMs));
  return [
    ...(near(parts[0]?.dateMs, pictures[0]?.wallMs) ? [] : ['its playlist begins at another time']),
    ...(marked.length === gaps.length
      ? []
      : [`its playlist has ${marked.length} discontinuities for ${gaps.length} gaps`]),
    ...(wrong.length === 0 ? [] : [`at ${wrong.length} gaps the dates of its playlist jump by another time`]),
    ...(silent.length === 0 ? [] : [`at ${silent.length} other places the dates of its playlist jump`]),
  ];
}

function near(a: number | undefined, b: number | undefined): boolean {
  return a !== undefined && b !== undefined && Math.abs(a - b) <= ROUNDING_MS;
}

/** The text without its last part. */
export function withoutLastPart(text: string): string {
  const lines = text.split('\n');
  const last = lines.findLastIndex((line) => line.startsWith('part.m4s'));
  const before = lines.findLastIndex((line, i) => i < last && line.startsWith('part.m4s'));
  return [...lines.slice(0, before + 1), ...lines.slice(last + 1)].join('\n');
}
