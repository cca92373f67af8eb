import type { Bbox, Detection } from '@vigia/contracts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Colours } from './colours.ts';
import { type Sighting, Tracker, TRACKER_DEFAULTS, type TrackerUpdate } from './tracker.ts';

const ASPECT = 16 / 9;
/** A person of a quarter of the picture's height. */
const [WIDTH, HEIGHT] = [0.055, 0.25];

function person(x: number, y = 0.5, confidence = 0.8): Detection {
  const bbox: Bbox = [x - WIDTH / 2, y - HEIGHT / 2, x + WIDTH / 2, y + HEIGHT / 2];
  return { class_id: 0, class_name: 'person', confidence, bbox };
}

const tracker = (): Tracker => new Tracker({ ...TRACKER_DEFAULTS, aspect: ASPECT });
const seen = (detections: readonly Detection[]): Sighting[] => detections.map((detection) => ({ detection }));
const ids = ({ tracks }: TrackerUpdate): number[] => tracks.map(({ id }) => id);

/** Plays results at these times; nothing at a time when `dropped` says so. */
function play(
  subject: Tracker,
  timesMs: readonly number[],
  scene: (atMs: number) => Detection[],
): { updates: TrackerUpdate[]; ended: TrackerUpdate['ended'] } {
  const updates = timesMs.map((atMs) => subject.see(atMs, seen(scene(atMs))));
  return { updates, ended: updates.flatMap(({ ended }) => ended) };
}

const every = (ms: number, untilMs: number): number[] =>
  Array.from({ length: Math.floor(untilMs / ms) }, (_, i) => i * ms);

describe('one person', () => {
  test('is a track from the second sighting on, with the times of its frames', () => {
    const subject = tracker();
    expect(ids(subject.see(0, seen([person(0.3)])))).toEqual([]);
    const { tracks } = subject.see(200, seen([person(0.31)]));
    expect(tracks).toMatchObject([{ id: 1, className: 'person', firstMs: 0, seenMs: 200 }]);
    expect(tracks[0]?.bbox).toEqual(person(0.31).bbox);
  });

  test('what is detected once is no track, whatever its confidence', () => {
    const subject = tracker();
    const { updates } = play(subject, every(200, 4_000), (atMs) => (atMs === 0 ? [person(0.3, 0.5, 0.99)] : []));
    expect(updates.flatMap(ids)).toEqual([]);
    expect(updates.flatMap(({ ended }) => ended)).toEqual([]);
  });

  test('keeps its id through a gap of 1.9 s while it walks on; after one of 2.5 s it is gone, and another one comes', () => {
    const walks = (gap: readonly [number, number]) => (atMs: number) =>
      atMs > gap[0] && atMs < gap[1] ? [] : [person(0.2 + 0.00006 * atMs)];
    const short = play(tracker(), every(200, 6_000), walks([2_000, 3_900]));
    expect(new Set(short.updates.flatMap(ids))).toEqual(new Set([1]));
    expect(short.ended).toEqual([]);
    const long = play(tracker(), every(200, 8_000), walks([2_000, 4_500]));
    expect(new Set(long.updates.flatMap(ids))).toEqual(new Set([1, 2]));
    expect(long.ended).toMatchObject([{ track: { id: 1, seenMs: 2_000 }, reason: 'gone' }]);
  });

  test('low scores keep it, and never begin it', () => {
    const weak = play(tracker(), every(200, 4_000), () => [person(0.4, 0.5, 0.2)]);
    expect(weak.updates.flatMap(ids)).toEqual([]);
    const fading = play(tracker(), every(200, 9_000), (atMs) => [person(0.4, 0.5, atMs < 1_000 ? 0.8 : 0.2)]);
    expect(fading.updates.slice(1).every((update) => update.tracks[0]?.seenMs !== undefined)).toBe(true);
    expect(fading.updates.at(-1)?.tracks).toMatchObject([{ id: 1, seenMs: 8_800 }]);
  });

  test('falls: the box turns within 600 ms, and it is the same person', () => {
    const fall = (atMs: number): Detection[] => {
      const share = Math.min(1, Math.max(0, (atMs - 1_000) / 600));
      const [width, height] = [WIDTH + share * (0.14 - WIDTH), HEIGHT - share * (HEIGHT - 0.1)];
      const bottom = 0.625;
      return [
        { class_id: 0, class_name: 'person', confidence: 0.5, bbox: [0.4, bottom - height, 0.4 + width, bottom] },
      ];
    };
    for (const stepMs of [100, 200, 500])
      expect(new Set(play(tracker(), every(stepMs, 4_000), fall).updates.flatMap(ids))).toEqual(new Set([1]));
  });

  test('two boxes of one person are one track', () => {
    const half: Detection = { ...person(0.4), bbox: [0.375, 0.38, 0.42, 0.5], confidence: 0.6 };
    const { updates } = play(tracker(), every(200, 2_000), () => [person(0.4), person(0.402, 0.505, 0.6), half]);
    expect(new Set(updates.flatMap(ids))).toEqual(new Set([1]));
  });
});

describe('results that do not come', () => {
  test('are no absence: after 3 s without a result, who stands there is the same', () => {
    const times = [...every(200, 2_000), 4_800, 5_000, 5_200];
    const { updates, ended } = play(tracker(), times, () => [person(0.5)]);
    expect(new Set(updates.flatMap(ids))).toEqual(new Set([1]));
    expect(ended).toEqual([]);
  });

  test('for a minute are an absence: who stands there then may be somebody else', () => {
    const { updates } = play(tracker(), [0, 200, 400, 60_000, 60_200, 60_400], () => [person(0.5)]);
    expect(ids(updates.at(-1) as TrackerUpdate)).toEqual([2]);
  });

  test('who is not there afterwards ended unseen, not gone', () => {
    const { ended } = play(tracker(), [0, 200, 400, 9_000, 9_200], (atMs) => (atMs < 500 ? [person(0.5)] : []));
    expect(ended).toMatchObject([{ track: { id: 1 }, reason: 'blind' }]);
  });

  test('a result that is older than another one changes nothing', () => {
    const subject = tracker();
    play(subject, [0, 200, 400], () => [person(0.5)]);
    const update = subject.see(300, []);
    expect(update).toMatchObject({ tracks: [{ id: 1, seenMs: 400 }], ended: [] });
  });
});

describe('several people', () => {
  test('who cross keep their ids, at 2 to 10 results a second, also when one hides the other', () => {
    for (const stepMs of [100, 200, 350, 500]) {
      const scene = (atMs: number): Detection[] => {
        const [left, right] = [0.2 + 0.00008 * atMs, 0.8 - 0.00008 * atMs];
        // The one behind is not seen while the two overlap.
        return Math.abs(left - right) < WIDTH ? [person(left)] : [person(left), person(right, 0.49)];
      };
      const { updates } = play(tracker(), every(stepMs, 7_000), scene);
      const last = updates.at(-1)?.tracks ?? [];
      expect(new Set(updates.flatMap(ids))).toEqual(new Set([1, 2]));
      const places = new Map(last.map(({ id, bbox }) => [id, bbox[0]]));
      const [first, second] = [places.get(1) as number, places.get(2) as number];
      const before = updates[2]?.tracks ?? [];
      const firstWasLeft = (before.find(({ id }) => id === 1)?.bbox[0] ?? 0) < 0.5;
      expect(firstWasLeft ? first > second : second > first, `one result every ${stepMs} ms`).toBe(true);
    }
  });

  test('side by side: while one is not seen, the other one’s detection is not taken for it', () => {
    // Both walk; the one in front is lost, again and again, for up to a second.
    const subject = tracker();
    const owner = new Map<number, string>();
    for (let atMs = 0; atMs < 8_000; atMs += 200) {
      const x = 0.2 + 0.00006 * atMs;
      const both = [
        { detection: person(x + 0.05), who: 'front' },
        { detection: person(x), who: 'behind' },
      ];
      const shown = atMs % 2_000 >= 1_000 ? both.slice(1) : both;
      for (const { id, detection } of subject.see(atMs, shown).tracks) {
        const who = shown.find((one) => one.detection === detection)?.who;
        if (who !== undefined) owner.set(id, `${owner.get(id) ?? ''}${owner.get(id)?.endsWith(who) ? '' : who}`);
      }
    }
    expect([...owner.values()].toSorted()).toEqual(['behind', 'front']);
  });

  test('one box for two who overlap, between them: afterwards each has its id', () => {
    const subject = tracker();
    const owner = new Map<number, Set<string>>();
    for (let atMs = 0; atMs < 3_000; atMs += 200) {
      const x = 0.2 + 0.00008 * atMs;
      const both = [
        { detection: person(x + 0.03, 0.5), who: 'front' },
        { detection: person(x, 0.49), who: 'behind' },
      ];
      const shown = atMs === 1_600 || atMs === 1_800 ? [{ detection: person(x + 0.012, 0.495), who: 'both' }] : both;
      for (const { id, detection } of subject.see(atMs, shown).tracks) {
        const who = shown.find((one) => one.detection === detection)?.who;
        if (who !== undefined && who !== 'both') owner.set(id, (owner.get(id) ?? new Set()).add(who));
      }
    }
    expect([...owner.values()].map((who) => who.size)).toEqual([1, 1]);
  });

  test('one behind the other comes in at the edge, where half of the first one is seen: each has its id', () => {
    const subject = tracker();
    const owner = new Map<number, Set<number>>();
    for (let atMs = 0; atMs < 3_000; atMs += 200) {
      const shown = [0, 1].flatMap((n) => {
        const x = 1.03 - 0.0001 * (atMs - 900 * n);
        const { bbox, ...rest } = person(x);
        const [left, top, right, bottom] = bbox;
        return left > 0.985
          ? []
          : [{ detection: { ...rest, bbox: [left, top, Math.min(1, right), bottom] as Bbox }, n }];
      });
      for (const { id, detection } of subject.see(atMs, shown).tracks) {
        const n = shown.find((one) => one.detection === detection)?.n;
        if (n !== undefined) owner.set(id, (owner.get(id) ?? new Set()).add(n));
      }
    }
    expect([...owner.values()]).toEqual([new Set([0]), new Set([1])]);
  });

  test('a box round two people is nobody', () => {
    const group: Detection = { ...person(0.5), bbox: [0.35, 0.3, 0.65, 0.7], confidence: 0.7 };
    const { updates } = play(tracker(), every(200, 2_000), () => [person(0.4), person(0.6), group]);
    expect(new Set(updates.flatMap(ids))).toEqual(new Set([1, 2]));
  });

  test('a part of somebody is nobody', () => {
    const head: Detection = { ...person(0.4), bbox: [0.39, 0.38, 0.41, 0.43], confidence: 0.7 };
    const { updates } = play(tracker(), every(200, 2_000), () => [person(0.4), head]);
    expect(new Set(updates.flatMap(ids))).toEqual(new Set([1]));
  });

  test('of other classes are others', () => {
    const { updates } = play(tracker(), every(200, 2_000), (atMs) => [
      { ...person(0.4), ...(atMs < 1_000 ? {} : { class_id: 17, class_name: 'dog' }) },
    ]);
    expect(updates.at(-1)?.tracks.map(({ id, className }) => [id, className])).toEqual([
      [1, 'person'],
      [2, 'dog'],
    ]);
  });
});

describe('colours', () => {
  const RED: Colours = [80, 100, 200, 60, 128, 128];
  const BLUE: Colours = [80, 180, 110, 60, 128, 128];

  /** Two come together behind something that hides them, and go back to where they came from. Whether an id changed hands. */
  function isMixedUp(isColoured: boolean): boolean {
    const subject = tracker();
    const owner = new Map<number, string>();
    let isMixed = false;
    for (let atMs = 0; atMs < 8_000; atMs += 200) {
      const off = 0.01 + 0.00008 * Math.max(0, Math.abs(atMs - 4_000) - 500);
      const both = [
        { detection: person(0.5 - off), colours: isColoured ? RED : undefined, who: 'red' },
        { detection: person(0.5 + off), colours: isColoured ? BLUE : undefined, who: 'blue' },
      ];
      const shown = off < 0.04 ? [] : both;
      for (const { id, detection } of subject.see(atMs, shown).tracks) {
        const who = shown.find((one) => one.detection === detection)?.who;
        if (who === undefined) continue;
        isMixed ||= (owner.get(id) ?? who) !== who;
        owner.set(id, who);
      }
    }
    return isMixed;
  }

  test('two who meet and turn round keep their ids by what they wear, which motion does not show', () => {
    expect([isMixedUp(true), isMixedUp(false)]).toEqual([false, true]);
  });
});

describe('properties', () => {
  const box = fc
    .tuple(fc.double({ min: 0, max: 0.9, noNaN: true }), fc.double({ min: 0, max: 0.9, noNaN: true }))
    .chain(([left, top]) =>
      fc
        .tuple(fc.double({ min: 0, max: 1 - left, noNaN: true }), fc.double({ min: 0, max: 1 - top, noNaN: true }))
        .map(([width, height]): Bbox => [left, top, left + width, top + height]),
    );
  const detection = fc.record({
    class_id: fc.integer({ min: 0, max: 1 }),
    class_name: fc.constant<string>('person'),
    confidence: fc.double({ min: 0, max: 1, noNaN: true }),
    bbox: box,
  });
  const results = fc.array(
    fc.record({ afterMs: fc.integer({ min: 1, max: 4_000 }), detections: fc.array(detection, { maxLength: 8 }) }),
    { maxLength: 20 },
  );

  test('anything in: ids rise and do not come back, a sighting is one track’s, and numbers are finite', () => {
    fc.assert(
      fc.property(results, (all) => {
        const subject = tracker();
        let atMs = 0;
        const over = new Set<number>();
        for (const { afterMs, detections } of all) {
          atMs += afterMs;
          const { tracks, ended } = subject.see(atMs, seen(detections));
          for (const { track } of ended) over.add(track.id);
          const here = tracks.map(({ id }) => id);
          expect(new Set(here).size).toBe(here.length);
          expect(here.filter((id) => over.has(id))).toEqual([]);
          const used = tracks.filter(({ seenMs }) => seenMs === atMs).map((track) => track.detection);
          expect(new Set(used).size).toBe(used.length);
          expect(used.filter((one) => !detections.includes(one))).toEqual([]);
          for (const { bbox, uncertainty, speed, firstMs, seenMs } of tracks) {
            expect([...bbox, uncertainty, speed.x, speed.y].every(Number.isFinite)).toBe(true);
            expect(bbox[0] <= bbox[2] && bbox[1] <= bbox[3] && bbox.every((one) => one >= 0 && one <= 1)).toBe(true);
            expect(firstMs < seenMs && seenMs <= atMs && uncertainty > 0).toBe(true);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  test('the order of detections in a result does not matter', () => {
    fc.assert(
      fc.property(results, fc.infiniteStream(fc.nat()), (all, numbers) => {
        const [a, b] = [tracker(), tracker()];
        let atMs = 0;
        for (const { afterMs, detections } of all) {
          atMs += afterMs;
          // Of two with one confidence, the order decides which one is first.
          const unlike = detections.map((one, i) =>
            Object.assign({}, one, { confidence: (one.confidence + i / 1e6) / 1.1 }),
          );
          const keyed = unlike.map((one) => ({ one, key: numbers.next().value as number }));
          const shuffled = keyed.sort((p, q) => p.key - q.key).map(({ one }) => one);
          expect(b.see(atMs, seen(shuffled))).toEqual(a.see(atMs, seen(unlike)));
        }
      }),
      { numRuns: 200 },
    );
  });

  test('people who walk apart from each other keep their ids, at any times and with any gap below 2 s', () => {
    const walker = fc.record({ speed: fc.double({ min: -0.05, max: 0.05, noNaN: true }), lane: fc.integer() });
    fc.assert(
      fc.property(
        fc.array(walker, { minLength: 1, maxLength: 4 }),
        fc.array(fc.record({ afterMs: fc.integer({ min: 100, max: 500 }), hidden: fc.nat({ max: 31 }) }), {
          minLength: 10,
          maxLength: 60,
        }),
        (walkers, steps) => {
          const subject = tracker();
          const unseenMs = walkers.map(() => 0);
          let atMs = 0;
          const all = new Set<number>();
          for (const { afterMs, hidden } of steps) {
            atMs += afterMs;
            const here = walkers.map((one, i) => ({
              x: 0.5 + 0.3 * Math.sin((one.speed * atMs) / 1000),
              y: 0.13 + 0.25 * i,
            }));
            const shown = here.filter((_, i) => {
              const isHidden = ((hidden >> i) & 1) === 1 && (unseenMs[i] as number) + afterMs < 1_500 && atMs > 1_500;
              unseenMs[i] = isHidden ? (unseenMs[i] as number) + afterMs : 0;
              return !isHidden;
            });
            for (const id of ids(subject.see(atMs, seen(shown.map(({ x, y }) => person(x, y)))))) all.add(id);
          }
          expect(all.size).toBeLessThanOrEqual(walkers.length);
        },
      ),
      { numRuns: 200 },
    );
  });
});
