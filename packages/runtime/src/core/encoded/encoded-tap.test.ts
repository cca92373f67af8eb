import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SourceFormat } from '#core/media';
import { type EncodedTap, EncodedTaps, type TapItem } from './encoded-tap.ts';

const FORMAT: SourceFormat = {
  kind: 'rtsp',
  transport: 'tcp',
  codec: 'h264',
  extradata: undefined,
  raw: undefined,
  audio: undefined,
  live: true,
};

/** Feeds units named by letters: upper case is a keyframe, lower case a picture, `~` sound; each of 10 bytes. */
function feed(taps: EncodedTaps, letters: string): void {
  for (const letter of letters) {
    const unit = { data: Buffer.alloc(10, letter), ptsMs: 0, arrivedMs: 0 };
    if (letter === '~') taps.offerAudio(unit);
    else taps.offerVideo({ ...unit, keyframe: letter === letter.toUpperCase(), damaged: false }, 0, 0);
  }
}

function text(item: TapItem): string {
  if (item.kind === 'end') return '.';
  return item.kind === 'format' ? '|' : item.data.toString('latin1', 0, 1);
}

function drain(tap: EncodedTap): string {
  let out = '';
  for (let item = tap.take(); item; item = tap.take()) out += text(item);
  return out;
}

describe('an encoded tap', () => {
  test('begins with the format and a keyframe, then delivers everything in order, audio included', () => {
    const taps = new EncodedTaps();
    taps.begin(FORMAT);
    const tap = taps.open({ maxBytes: 1000 });
    feed(taps, 'ab~Cd~eFg');
    expect(drain(tap)).toBe('|Cd~eFg');
    expect(tap.statistics()).toEqual({
      offered: 9,
      delivered: 6,
      dropped: 0,
      droppedGops: 0,
      skipped: 3,
      waiting: 0,
      waitingBytes: 0,
    });
  });

  test('a slow tap loses the oldest groups as a whole, and never the newest keyframe', () => {
    const taps = new EncodedTaps();
    const tap = taps.open({ maxBytes: 60 });
    feed(taps, 'AbcDefGhi');
    expect(drain(tap)).toBe('DefGhi');
    expect(tap.statistics()).toMatchObject({ dropped: 3, droppedGops: 1, waitingBytes: 0 });
  });

  test('a group that is larger than the bound is cut at its beginning, and nothing is delivered before the next keyframe', () => {
    const taps = new EncodedTaps();
    const tap = taps.open({ maxBytes: 40 });
    feed(taps, 'Abcdefgh');
    expect(drain(tap)).toBe('');
    feed(taps, 'iJk');
    expect(drain(tap)).toBe('Jk');
    expect(tap.statistics()).toMatchObject({ offered: 11, delivered: 2, dropped: 5, skipped: 4, waiting: 0 });
  });

  test('a reader in the middle of a group loses the rest of it and continues with a keyframe', () => {
    const taps = new EncodedTaps();
    const tap = taps.open({ maxBytes: 40 });
    feed(taps, 'Abcd');
    expect(text(tap.take() as TapItem)).toBe('A');
    feed(taps, 'efgHi');
    expect(drain(tap)).toBe('Hi');
  });

  test('a new connection repeats its format in order, even if earlier items were lost', () => {
    const taps = new EncodedTaps();
    taps.begin(FORMAT);
    const tap = taps.open({ maxBytes: 60 });
    feed(taps, 'Abc');
    taps.begin(FORMAT);
    feed(taps, 'xDef');
    expect(drain(tap)).toBe('|Abc|Def');
    feed(taps, 'Ghi');
    taps.begin(FORMAT);
    feed(taps, 'JklMno');
    expect(drain(tap)).toBe('|JklMno');
  });

  test('connections without units leave no trace, and a format alone is not a group', () => {
    const taps = new EncodedTaps();
    const tap = taps.open({ maxBytes: 30 });
    feed(taps, 'Ab');
    for (let n = 0; n < 5; n += 1) taps.begin(FORMAT);
    feed(taps, 'Cd');
    expect(drain(tap)).toBe('|Cd');
    expect(tap.statistics()).toMatchObject({ dropped: 2, droppedGops: 1 });
  });

  test('an unread tap never affects another one; a unit is copied once for both', async () => {
    const taps = new EncodedTaps();
    const stopped = taps.open({ maxBytes: 30 });
    const reader = taps.open({ maxBytes: 100 });
    let got = '';
    for (const letter of 'AbcdefGhijkLmno') {
      feed(taps, letter);
      got += drain(reader);
    }
    expect(got).toBe('AbcdefGhijkLmno');
    expect(stopped.statistics().waitingBytes).toBeLessThanOrEqual(30);
    const [a, b] = [taps.open({ maxBytes: 100 }), taps.open({ maxBytes: 100 })];
    feed(taps, 'P');
    const [first, second] = [a.take(), b.take()];
    expect(first?.kind === 'video' && second?.kind === 'video' && first.data === second.data).toBe(true);
  });

  test('units keep their bytes, of any size, however many wait', () => {
    const sizes = fc.array(fc.oneof(fc.nat(2_000), fc.nat(200_000), fc.constantFrom(131_072, 131_073, 524_288)), {
      minLength: 1,
      maxLength: 60,
    });
    const seed = 15;
    fc.assert(
      fc.property(sizes, (lengths) => {
        const taps = new EncodedTaps();
        taps.begin(FORMAT);
        const tap = taps.open({ maxBytes: 64 * 1024 * 1024 });
        // The source writes the next unit over this one.
        const source = Buffer.alloc(600_000);
        lengths.forEach((length, i) => {
          const data = source.subarray(0, length).fill(i + 1);
          taps.offerVideo({ data, ptsMs: i, arrivedMs: 0, keyframe: true, damaged: false }, 0, 0);
        });
        tap.take();
        lengths.forEach((length, i) => {
          const item = tap.take();
          if (item?.kind !== 'video') throw new Error('a unit is missing');
          expect(item.data.equals(Buffer.alloc(length, i + 1))).toBe(true);
        });
      }),
      { seed, numRuns: 50 },
    );
  });

  test('the end of a connection follows its units; one without units leaves no trace', () => {
    const taps = new EncodedTaps(100);
    taps.begin(FORMAT);
    const tap = taps.open({ maxBytes: 100 });
    feed(taps, 'Ab');
    taps.end();
    taps.end();
    taps.begin(FORMAT);
    taps.end();
    taps.begin(FORMAT);
    feed(taps, 'Cd');
    expect(drain(tap)).toBe('|Ab.|Cd');
    expect(drain(taps.open({ maxBytes: 100, fromRecent: true }))).toBe('|Cd');
    taps.end();
    expect(drain(taps.open({ maxBytes: 100, fromRecent: true }))).toBe('');
  });

  test('a waiting reader is woken by a unit, by the end, and by its signal', async () => {
    const taps = new EncodedTaps();
    const tap = taps.open({ maxBytes: 100 });
    const coming = tap.next();
    feed(taps, 'A');
    expect(text((await coming) as TapItem)).toBe('A');
    const abort = new AbortController();
    const aborted = tap.next(abort.signal);
    abort.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    const last = tap.next();
    taps.close();
    taps.close();
    expect(await last).toBeUndefined();
    expect(taps.size).toBe(0);
  });

  test('for any sequence of offers and takes: the sum is right, the bound holds, nothing follows a gap but a keyframe', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('K', 'p', 'p', 'p', '~', '-', '-'), { maxLength: 300 }), (steps) => {
        const taps = new EncodedTaps();
        const tap = taps.open({ maxBytes: 55 });
        let index = 0;
        const got: { index: number; letter: string }[] = [];
        for (const step of steps) {
          if (step === '-') {
            const item = tap.take();
            if (item && 'data' in item) got.push({ index: item.ptsMs, letter: text(item) });
            continue;
          }
          const unit = { data: Buffer.alloc(10, step), ptsMs: index, arrivedMs: 0 };
          index += 1;
          if (step === '~') taps.offerAudio(unit);
          else taps.offerVideo({ ...unit, keyframe: step === 'K', damaged: false }, 0, 0);
          const s = tap.statistics();
          expect(s.offered).toBe(s.delivered + s.dropped + s.skipped + s.waiting);
          expect(s.waitingBytes).toBeLessThanOrEqual(55);
          expect(s.waitingBytes).toBe(s.waiting * 10);
        }
        for (const [i, { index: at, letter }] of got.entries())
          if (at !== (got[i - 1]?.index ?? -2) + 1) expect(letter).toBe('K');
      }),
    );
  });
});
