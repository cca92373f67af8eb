import { type Bbox, privacyOf, type ZoneConfig } from '@vigia/contracts';
import sharp, { type OverlayOptions } from 'sharp';
import { geometryOf, WHOLE } from '#core/media';
import { FrameScaler, type Picture } from '#core/media/libav';
import type { Subject } from '#services/replay';
import { textImage } from '#services/snapshot';
import type { Moment } from './rehearsal.ts';

/** Pictures side by side, and at most in all. */
const COLUMNS = 4;
const PICTURES = 16;
/** Kept while it plays, until it is known which ones matter. */
const KEPT = 120;
const CELL = { width: 320, caption: 26, gap: 8 };
const ROW = 26;
/** People who have a line of their own. */
const LINES = 10;
const NAMES = 110;
const QUALITY = 88;
const BACKGROUND = '#17181c';
const QUIET = '#9a9ca5';
const ALARM = '#ff3b4e';

/** Colours of states, in the order in which they are explained: distinct for colour-blind people too, together with the words. */
export type Palette = Readonly<Record<string, string>>;

/** Postures. */
export const FALL_PALETTE: Palette = {
  new: '#7b7f8c',
  upright: '#3fb37f',
  unclear: '#d8c04a',
  down: '#f0883e',
  lying: '#b877d9',
  alarm: ALARM,
};
/** States of a bed, and places of people. */
export const BED_PALETTE: Palette = {
  unknown: '#7b7f8c',
  in: '#4a90d9',
  lying: '#4a90d9',
  sitting: '#3fb37f',
  edge: '#d8c04a',
  near: '#f0a35e',
  out: '#f0883e',
  away: '#b877d9',
  helper: '#9a9ca5',
};
/** States of zones. */
export const VISIT_PALETTE: Palette = {
  unknown: '#7b7f8c',
  empty: '#4a90d9',
  occupied: '#3fb37f',
  alarm: ALARM,
};
/** Whose lines come first. */
const FIRST: Readonly<Record<string, number>> = { alarm: 2, down: 1, lying: 1 };
const ZONE_COLOURS: Readonly<Record<string, string>> = {
  floor: '#4a90d9',
  bed: '#3fb37f',
  chair: '#3fb37f',
  area: '#d8c04a',
};

interface Kept {
  readonly moment: Moment;
  readonly pixels: Buffer;
  /** Somebody’s posture changed, or an alarm did. */
  readonly matters: boolean;
}

/** A picture of a rehearsal: who was thought to be how, over time, and what was seen then. */
export class Sheet {
  readonly #zones: readonly ZoneConfig[];
  readonly #palette: Palette;
  readonly #scaler: FrameScaler;
  readonly #moments: Moment[] = [];
  #kept: Kept[] = [];
  #before = '';
  /** Of the small pictures. */
  #height = 0;
  /** Every so many of those that do not matter are kept. */
  #every = 1;
  #seen = 0;

  constructor(zones: readonly ZoneConfig[], palette: Palette = FALL_PALETTE) {
    this.#zones = zones;
    this.#palette = palette;
    this.#scaler = new FrameScaler(privacyOf(zones));
  }

  /** @param picture Is copied. */
  add(moment: Moment, picture: Picture): void {
    this.#moments.push(moment);
    const now = moment.subjects.map(({ name, state }) => `${name} ${state}`).join();
    const matters = now !== this.#before || moment.alarm !== undefined;
    this.#before = now;
    this.#seen += 1;
    if (!matters && this.#seen % this.#every !== 0) return;
    const height = even((CELL.width * picture.height) / picture.width);
    if (this.#height !== 0 && height !== this.#height) return;
    this.#height = height;
    const pixels = Buffer.alloc(CELL.width * height * 3);
    const spec = { width: CELL.width, height, fit: 'stretch', format: 'RGB24' } as const;
    this.#scaler.scale(picture, geometryOf(picture.width, picture.height, WHOLE, spec), pixels);
    this.#kept.push({ moment, pixels, matters });
    if (this.#kept.length > KEPT) this.#thin();
  }

  close(): void {
    this.#scaler.close();
  }

  /** A JPEG. @param title One line. */
  async jpeg(title: string): Promise<Buffer> {
    const people = namesOf(this.#moments).slice(0, LINES);
    const chosen = chosenOf(this.#kept);
    const width = COLUMNS * CELL.width + (COLUMNS + 1) * CELL.gap;
    const top = ROW * (people.length + 3);
    const cellHeight = this.#height + CELL.caption + CELL.gap;
    const height = top + Math.max(1, Math.ceil(chosen.length / COLUMNS)) * cellHeight;
    const cells = await Promise.all(
      chosen.map((kept, i) => {
        const left = CELL.gap + (i % COLUMNS) * (CELL.width + CELL.gap);
        return this.#cell(kept, left, top + Math.floor(i / COLUMNS) * cellHeight);
      }),
    );
    const overlays = [...(await this.#lines(title, people, width)), ...cells.flat()];
    const base = sharp({ create: { width, height, channels: 3, background: BACKGROUND } });
    return base.composite(overlays).jpeg({ quality: QUALITY }).toBuffer();
  }

  /** Half of those that do not matter go, then half of all but alarms. */
  #thin(): void {
    this.#every *= 2;
    const quiet = this.#kept.filter(({ matters }) => !matters);
    const drop = quiet.length > 0 ? quiet : this.#kept.filter(({ moment }) => moment.alarm === undefined);
    const gone = new Set((drop.length > 0 ? drop : this.#kept).filter((_, i) => i % 2 === 1));
    this.#kept = this.#kept.filter((one) => !gone.has(one));
  }

  async #cell({ moment, pixels }: Kept, left: number, top: number): Promise<OverlayOptions[]> {
    const size = { width: CELL.width, height: this.#height };
    const svg = Buffer.from(overlaySvg(moment.subjects, this.#zones, this.#palette, size.width, size.height));
    const image = await sharp(pixels, { raw: { ...size, channels: 3 } })
      .composite([{ input: svg }])
      .png()
      .toBuffer();
    const caption = await textImage(captionOf(moment), 12, moment.alarm ? ALARM : '#f4f4f6', BACKGROUND);
    return [
      { input: image, left, top },
      { input: await cut(caption, CELL.width), left, top: top + this.#height },
    ];
  }

  /** The title, a line per person, the time, and the words for the colours. */
  async #lines(title: string, people: readonly string[], width: number): Promise<OverlayOptions[]> {
    const endMs = Math.max(1, this.#moments.at(-1)?.atMs ?? 1);
    const x = (atMs: number): number => NAMES + ((width - NAMES - 2 * CELL.gap) * atMs) / endMs;
    const words = Object.entries(this.#palette);
    const texts = [
      ...people.map((person, i) => ({
        text: person,
        left: CELL.gap,
        top: ROW * (i + 1),
        colour: '#f4f4f6',
      })),
      ...ticksOf(endMs).map((atMs) => ({
        text: `${atMs / 1000} s`,
        left: Math.min(width - 60, x(atMs) - 4),
        top: ROW * (people.length + 1),
        colour: QUIET,
      })),
      ...words.map(([word, colour], i) => ({
        text: `■ ${word}`,
        left: NAMES + i * Math.floor((width - NAMES) / words.length),
        top: ROW * (people.length + 2),
        colour,
      })),
    ];
    const heading = await cut(await textImage(title, 14, '#f4f4f6', BACKGROUND), width - 2 * CELL.gap);
    const shown = await Promise.all(
      texts.map(async ({ text, left, top, colour }) => ({
        input: (await textImage(text, 12, colour, BACKGROUND)).data,
        left: Math.round(left),
        top,
      })),
    );
    const svg = barsSvg(this.#moments, this.#palette, people, x, width, ROW * (people.length + 1));
    return [{ input: heading, left: CELL.gap, top: 2 }, { input: Buffer.from(svg), left: 0, top: 0 }, ...shown];
  }
}

async function cut({ data, width, height }: Awaited<ReturnType<typeof textImage>>, most: number): Promise<Buffer> {
  return width <= most ? data : sharp(data).extract({ left: 0, top: 0, width: most, height }).toBuffer();
}

/** Everybody, in order of appearance; those who had an alarm, or lay, first. */
function namesOf(moments: readonly Moment[]): string[] {
  const weight = new Map<string, number>();
  for (const { subjects } of moments)
    for (const { name, state } of subjects) weight.set(name, Math.max(FIRST[state] ?? 0, weight.get(name) ?? 0));
  const all = [...weight].map(([name, first], at) => ({ name, first, at }));
  return all.sort((a, b) => b.first - a.first || a.at - b.at).map(({ name }) => name);
}

/** Alarms, changes of posture, and what fills the rest evenly; in order of time. */
function chosenOf(kept: readonly Kept[]): Kept[] {
  const ranks = [
    kept.filter(({ moment }) => moment.alarm !== undefined),
    kept.filter(({ matters, moment }) => matters && moment.alarm === undefined),
    kept.filter(({ matters }) => !matters),
  ];
  const chosen: Kept[] = [];
  for (const rank of ranks) {
    const room = PICTURES - chosen.length;
    const step = Math.max(1, rank.length / Math.max(1, room));
    for (let i = 0; Math.floor(i) < rank.length && chosen.length < PICTURES; i += step)
      chosen.push(rank[Math.floor(i)] as Kept);
  }
  return chosen.sort((a, b) => a.moment.atMs - b.moment.atMs);
}

function captionOf({ atMs, subjects, alarm }: Moment): string {
  const seconds = `${(atMs / 1000).toFixed(1)} s`;
  if (alarm) return `${seconds}  ALARM: ${alarm}`;
  const shown = subjects.filter(({ isSeen, state }) => isSeen || state === 'alarm' || state === 'down');
  const words = shown.map(
    ({ name, state, looked }) => `${name.replace(/^person /, '')} ${state}${looked ? ' (look)' : ''}`,
  );
  return `${seconds}  ${words.join(', ')}`;
}

function overlaySvg(
  subjects: readonly Subject[],
  zones: readonly ZoneConfig[],
  palette: Palette,
  width: number,
  height: number,
): string {
  const outlines = zones.map(({ kind, points }) => {
    const corners = points.map(([x, y]) => `${x * width},${y * height}`).join(' ');
    return `<polygon points="${corners}" fill="none" stroke="${ZONE_COLOURS[kind] ?? QUIET}" stroke-dasharray="6 4"/>`;
  });
  const boxes = subjects.map(({ bbox, state, isSeen }) => {
    if (!bbox) return '';
    const dash = isSeen ? '' : ' stroke-dasharray="3 3"';
    return `<rect ${placeOf(bbox, width, height)} fill="none" stroke="${palette[state] ?? QUIET}" stroke-width="3"${dash}/>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${[...outlines, ...boxes].join('')}</svg>`;
}

function placeOf([left, top, right, bottom]: Bbox, width: number, height: number): string {
  return `x="${left * width}" y="${top * height}" width="${(right - left) * width}" height="${(bottom - top) * height}"`;
}

function barsSvg(
  moments: readonly Moment[],
  palette: Palette,
  people: readonly string[],
  x: (atMs: number) => number,
  width: number,
  height: number,
): string {
  const bars = moments.flatMap((moment, i) => {
    const [from, to] = [x(moment.atMs), x(moments[i + 1]?.atMs ?? moment.atMs)];
    return moment.subjects.flatMap(({ name, state, isSeen }) => {
      const line = people.indexOf(name);
      if (line < 0) return [];
      const [tall, low] = isSeen ? [16, 4] : [6, 9];
      const top = ROW * (line + 1) + low;
      return [
        `<rect x="${from}" y="${top}" width="${Math.max(1, to - from)}" height="${tall}" fill="${palette[state] ?? QUIET}"/>`,
      ];
    });
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${bars.join('')}</svg>`;
}

/** At most ten, at round times. Milliseconds. */
function ticksOf(endMs: number): number[] {
  const step =
    [500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 300_000, 600_000].find((ms) => endMs / ms <= 10) ?? 3_600_000;
  return Array.from({ length: Math.floor(endMs / step) + 1 }, (_, i) => i * step);
}

function even(value: number): number {
  return Math.max(2, 2 * Math.round(value / 2));
}
