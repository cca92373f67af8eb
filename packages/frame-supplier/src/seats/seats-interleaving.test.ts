import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { giveBack, noLostWakeUp, type ReaderRig, Rig, settle, turn } from '../../test/support/seat-rig.ts';

type Step =
  | 'publish'
  | 'turn'
  | 'quiet'
  | { ask: number }
  | { hear: number }
  | { release: number }
  | { giveUp: number }
  | { leave: number }
  | { resize: number }
  | { wait: number };

/**
 * A reader gave back and requested again between two checks of its seat, which then lost track of the frame in flight.
 */
const GIVEN_BACK_BETWEEN_TWO_LOOKS: [Step[], number[]] = [
  [{ ask: 0 }, { giveUp: 0 }, 'publish', { ask: 1 }, { leave: 1 }, { resize: 4 }],
  [18, 9, 13, 0],
];

/** A reader takes the frame, and the clock goes on before its caller hears of it. */
const TAKEN_WHILE_TIME_PASSES: [Step[], number[]] = [
  [{ ask: 2 }, { giveUp: 2 }, { ask: 1 }, 'publish', { wait: 1001 }],
  [11, 4, 0],
];

describe('over any interleaving', () => {
  const index = fc.nat(2);
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom('publish' as const, 'turn' as const, 'quiet' as const) },
    { weight: 4, arbitrary: fc.record({ ask: index }) },
    { weight: 4, arbitrary: fc.record({ hear: index }) },
    { weight: 4, arbitrary: fc.record({ release: index }) },
    { weight: 1, arbitrary: fc.record({ giveUp: index }) },
    { weight: 1, arbitrary: fc.record({ leave: index }) },
    { weight: 1, arbitrary: fc.record({ resize: fc.integer({ min: 4, max: 12 }) }) },
    { weight: 2, arbitrary: fc.record({ wait: fc.integer({ min: 1, max: 1_500 }) }) },
  );
  /** Number of accesses until the other side interrupts, repeatedly. */
  const gaps = fc.array(fc.nat(25), { maxLength: 40 });

  test('order, whole frames, conservation, references hold; no reader waits while a frame is due', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array<Step>(step, { maxLength: 60 }), gaps, async (steps, between) => {
        const rig = new Rig(400);
        const readers = [rig.attach('a'), rig.attach('gated', 5), rig.attach('c')];
        const aborts = new Map<ReaderRig, AbortController>();
        // The other side's move: a frame is published and distributed in the middle of a protocol step.
        const left = [...between];
        let inside = false;
        rig.between = (reader, side) => {
          const gap = left[0];
          if (gap === undefined || inside) return;
          if (gap > 0) {
            left[0] = gap - 1;
            return;
          }
          left.shift();
          inside = true;
          const odd = left.length % 2 === 1;
          if (side === 'reader' && odd) reader.seat.evaluate();
          else if (side === 'reader') rig.publishAtOnce();
          else if (reader.held && odd) giveBack(reader);
          else rig.ask(reader);
          inside = false;
        };
        for (const s of steps) {
          if (s === 'publish') rig.publish();
          else if (s === 'turn') await turn();
          else if (s === 'quiet') {
            await settle(rig, readers);
            noLostWakeUp(rig, readers);
          } else if ('ask' in s) {
            const reader = readers[s.ask] as ReaderRig;
            const abort = new AbortController();
            aborts.set(reader, abort);
            rig.ask(reader, abort.signal);
          } else if ('hear' in s) rig.hear(readers[s.hear] as ReaderRig);
          else if ('release' in s) {
            giveBack(readers[s.release] as ReaderRig);
          } else if ('giveUp' in s) aborts.get(readers[s.giveUp] as ReaderRig)?.abort();
          else if ('leave' in s) {
            const reader = readers[s.leave] as ReaderRig;
            reader.held?.[Symbol.dispose]();
            delete reader.held;
            reader.reader.finish('closed');
            reader.end = true;
            reader.seat.readerGone();
          } else if ('resize' in s) rig.publish(s.resize);
          else rig.clock.advance(s.wait);
          await Promise.resolve();
          for (const reader of readers) rig.balance(reader);
        }
        rig.between = () => undefined;
        // All bells have been heard: a reader that still waits must have no due frame waiting for it.
        for (let round = 0; round < 3; round += 1) {
          for (const reader of readers) {
            reader.held?.[Symbol.dispose]();
            delete reader.held;
            rig.ask(reader);
          }
          await settle(rig, readers);
        }
        for (const reader of readers) expect(reader.held).toBeUndefined();
        noLostWakeUp(rig, readers);
        rig.clock.advance(300);
        rig.publish();
        await settle(rig, readers);
        for (const reader of readers) {
          if (reader.end) continue;
          expect(reader.held?.frame.seq).toBe(rig.frames.length);
        }
        rig.supplier.stop();
        await settle(rig, readers);
        for (const reader of readers) rig.balance(reader);
        expect(rig.frames.filter((f) => f.references !== 0)).toEqual([]);
        rig.ring.close();
      }),
      { numRuns: 2_000, examples: [GIVEN_BACK_BETWEEN_TWO_LOOKS, TAKEN_WHILE_TIME_PASSES] },
    );
  });
});
