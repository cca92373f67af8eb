import { FakeClock } from '@vigia/base';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Estimate } from './estimate.ts';
import type { Job } from './turn-line.ts';
import { Turns } from './turns.ts';

const step = fc.record({
  act: fc.constantFrom('want', 'unwant', 'infer', 'granted', 'finish', 'wait', 'drop'),
  camera: fc.integer({ min: 0, max: 3 }),
  connection: fc.integer({ min: 0, max: 2 }),
});

test('in any order of events: at most one run and one after it, none above the batch limit, every request settled once', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3 }), fc.array(step, { maxLength: 120 }), (maxBatch, steps) => {
      const time = new FakeClock();
      let running = 0;
      let open = 0;
      const subject = new Turns({
        clock: time,
        maxWaiting: 5,
        maxBatch,
        runs: new Estimate(100),
        start: (jobs) => {
          open -= jobs.length;
          running += 1;
          // One is computing, one was handed over ahead.
          expect(running).toBeLessThanOrEqual(2);
          expect(jobs.length).toBeGreaterThanOrEqual(1);
          expect(jobs.length).toBeLessThanOrEqual(maxBatch);
        },
      });
      const grants: { id: string; camera: string; connection: number; at: number }[] = [];
      const job = (camera: string, connection: number, grant?: string): Job => {
        open += 1;
        return {
          camera,
          connection,
          grant,
          deadlineMs: 150,
          reject: () => void (open -= 1),
        };
      };
      for (const { act, camera: number, connection } of steps) {
        const camera = `c${number}`;
        const turn = { connection, camera, consumer: 'p' };
        if (act === 'want') {
          open += 1;
          const give = (grant: { id: string }): void => {
            open -= 1;
            grants.push({ id: grant.id, camera, connection, at: time.nowMs() });
          };
          if (subject.want({ key: turn, give, withdraw: () => void (open -= 1) })) open -= 1;
        } else if (act === 'unwant') subject.unwant(turn);
        else if (act === 'infer') subject.submit(job(camera, connection));
        else if (act === 'granted') {
          const grant = grants.pop();
          if (grant) subject.submit(job(grant.camera, grant.connection, grant.id));
        } else if (act === 'finish' && running) {
          running -= 1;
          subject.finished();
        } else if (act === 'wait') time.advance(60);
        else if (act === 'drop') subject.disconnect(connection);
        expect(open).toBe(subject.waiting);
      }
      subject.close();
      expect([open, time.pendingTimers]).toEqual([0, 0]);
    }),
  );
});
