import { FakeClock } from '@vigia/base';
import type { SlaClass } from '@vigia/contracts';
import { Gate } from '@vigia/frame-supplier';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SlaMeter } from './sla-meter.ts';

const LOOK_MS = 500;
/** The second frame of a gate may come a source interval early (see `Gate`): one extra turn, once. */
const EARLY = 1;

/** A consumer with two looks a second. */
class Stage {
  readonly clock = new FakeClock();
  readonly meter: SlaMeter;
  readonly crossings: string[] = [];
  #owed = 0;
  /** When the next frame is due, and the interval between frames. */
  #frameMs = 0;
  #intervalMs = 1000 / 30;

  /** @param fps Null: no gate. */
  constructor(sla: SlaClass, fps: number | null = 5, maxAgeMs?: number) {
    const sourceIntervalMs = (): number => this.#intervalMs;
    this.meter = new SlaMeter({ sla, fps: fps ?? undefined, maxAgeMs, sourceIntervalMs, clock: this.clock });
    this.#frameMs = this.clock.nowMs();
    this.#look(true);
  }

  /**
   * Some seconds of a camera with `source` frames per second, of which `ok` per second get an ok result of this age.
   */
  run(seconds: number, { source = 30, ok = 5, ageMs = 40, live = true, inFlight = 0 }): void {
    for (let i = 0; i < seconds * 2; i += 1) {
      this.#frames(this.clock.nowMs() + LOOK_MS, source);
      this.clock.advance(LOOK_MS);
      this.#owed += ok / 2;
      for (; this.#owed >= 1; this.#owed -= 1) this.meter.record({ status: 'ok', age_ms: ageMs, error: null });
      this.#look(live, inFlight);
    }
  }

  #frames(untilMs: number, source: number): void {
    if (source === 0) {
      this.#frameMs = untilMs;
      return;
    }
    this.#intervalMs = 1000 / source;
    // Rounding must not move a frame into the next look.
    for (; this.#frameMs < untilMs - 1e-6; this.#frameMs += this.#intervalMs) this.meter.offered(this.#frameMs);
  }

  #look(live: boolean, inFlight = 0): void {
    const crossing = this.meter.look({ live, begun: true, inFlight });
    if (crossing) this.crossings.push(crossing);
  }
}

describe('drop ratio', () => {
  test('turns are min(gate, source rate) × live time', () => {
    const gate = new Stage('normal', 5);
    gate.run(60, { source: 30, ok: 5 });
    expect(gate.meter.window()).toMatchObject({ live_ms: 60_000, turns: 300 + EARLY, ok: 300, drop_ratio: 0 });
    const source = new Stage('normal', 30);
    source.run(60, { source: 10, ok: 10 });
    expect(source.meter.window().turns).toBe(600);
    const free = new Stage('normal', null);
    free.run(60, { source: 30, ok: 15 });
    expect(free.meter.window()).toMatchObject({ turns: 1800, ok: 900 });
    expect(free.meter.window().drop_ratio).toBeCloseTo(0.5, 2);
  });

  test.each([
    ['at the rate of the gate, jittering', 5, 5],
    ['faster', 25, 5],
    ['slower', 2, 5],
    ['without a gate', 25, undefined],
    ['a slow gate', 25, 2],
  ])(
    'who answers every frame that its gate lets through owes nothing, whatever the camera does: %s',
    (_, source, fps) => {
      fc.assert(
        fc.property(fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), (stream) => {
          const clock = new FakeClock();
          const intervalMs = 1000 / source;
          const common = { fps, maxAgeMs: undefined, sourceIntervalMs: () => intervalMs, clock };
          const meter = new SlaMeter({ sla: 'critical', ...common });
          const gate = new Gate(fps, () => intervalMs);
          const random = (): number => stream.next().value ?? 0;
          let frameMs = clock.nowMs();
          let ok = 0;
          for (let i = 0; i < 240; i += 1) {
            const untilMs = clock.nowMs() + LOOK_MS;
            while (frameMs < untilMs) {
              meter.offered(frameMs);
              if (gate.due(frameMs)) {
                gate.taken(frameMs);
                ok += 1;
                meter.record({ status: 'ok', age_ms: 10, error: null });
              }
              // Jitter, with occasional gaps of up to 1.5 s.
              frameMs += intervalMs * (0.8 + 0.4 * random()) + (random() > 0.97 ? 1_500 * random() : 0);
            }
            clock.advance(LOOK_MS);
            expect(meter.look({ live: true, begun: i > 0, inFlight: 0 })).toBeUndefined();
          }
          expect(meter.window().drop_ratio).toBe(0);
          expect(ok).toBeGreaterThan(50);
        }),
        { numRuns: 50 },
      );
    },
  );

  test('time without a live camera does not count, and the window slides by live time', () => {
    const stage = new Stage('high');
    stage.run(30, { ok: 0 });
    stage.run(3_600, { source: 0, ok: 0, live: false });
    expect(stage.meter.window()).toMatchObject({ live_ms: 30_000, turns: 150 });
    stage.run(60, {});
    expect(stage.meter.window()).toMatchObject({ live_ms: 60_000, ok: 300, drop_ratio: 0 });
  });

  test('frames that a slow source did not deliver are not owed later', () => {
    const stage = new Stage('critical', 5);
    stage.run(60, { source: 2, ok: 2 });
    expect(stage.meter.window()).toMatchObject({ turns: 120, ok: 120, drop_ratio: 0 });
    stage.run(60, { source: 30, ok: 5 });
    expect(stage.meter.window()).toMatchObject({ turns: 300, ok: 300, drop_ratio: 0 });
    expect(stage.crossings).toEqual([]);
  });
});

describe('breach and recovery', () => {
  test.each([
    ['critical', 4.9, true],
    ['critical', 5, false],
    ['high', 4.7, false],
    ['high', 4.4, true],
    ['normal', 2.6, false],
    ['normal', 2.4, true],
    ['best-effort', 0, false],
  ] as const)('%s with %d of 5 results a second: breached is %s', (sla, ok, breached) => {
    const stage = new Stage(sla);
    stage.run(60, { ok });
    expect(stage.crossings).toEqual(breached ? ['breached'] : []);
    expect(stage.meter.window().breaching).toBe(breached);
  });

  test('one turn at the edge and one in flight are not drops; for critical, two are', () => {
    const stage = new Stage('critical');
    for (let i = 0; i < EARLY; i += 1) stage.meter.record({ status: 'ok', age_ms: 1, error: null });
    stage.run(20, {});
    stage.run(0.5, { ok: 0, inFlight: 1 });
    expect(stage.crossings).toEqual([]);
    stage.run(0.5, { ok: 0 });
    expect(stage.crossings).toEqual(['breached']);
    expect(stage.meter.breach?.message).toMatch(
      /^gave no answer to \d of 10[0-9] pictures .*because it was busy; critical allows none$/,
    );
  });

  test('every result that is not ok is a drop: critical allows none', () => {
    const stage = new Stage('critical');
    stage.run(20, {});
    stage.meter.record({
      status: 'timeout',
      age_ms: 1_000,
      error: { code: 'timeout', message: 'no answer within 1 s' },
    });
    stage.run(0.5, {});
    expect(stage.crossings).toEqual(['breached']);
    expect(stage.meter.breach?.message).toMatch(
      /^gave no answer to 1 of 10\d pictures \(\S+ %\) in the last \d+ s, lastly timeout, no answer within 1 s;/,
    );
  });

  test.each([0.05, 0.02])('a gate of %d frames a second is judged over its own turns', (fps) => {
    const stage = new Stage('critical', fps);
    stage.run(4 / fps, { ok: 0 });
    expect(stage.crossings).toEqual(['breached']);
  });

  test('reports each crossing once: no flood of events around the limit', () => {
    const stage = new Stage('high');
    for (let i = 0; i < 20; i += 1) {
      stage.run(10, { ok: 4.4 });
      stage.run(10, { ok: 4.6 });
    }
    expect(stage.crossings).toEqual(['breached']);
    stage.run(80, {});
    expect(stage.crossings).toEqual(['breached', 'recovered']);
    // From the breach on, in the first of 20 rounds, until the share was small enough.
    expect(stage.meter.lastedMs / 1000).toBeGreaterThan(400);
    expect(stage.meter.lastedMs / 1000).toBeLessThan(480);
    expect(stage.meter.window()).toMatchObject({ breaching: false, breaches: 1 });
  });

  test('lasts until the share was small enough, not until that was certain', () => {
    const stage = new Stage('critical', 5);
    stage.run(10, { ok: 0 });
    stage.run(70, {});
    expect(stage.crossings).toEqual(['breached', 'recovered']);
    // It began at the first judgement, after 5 s, and the last drop left the window of 60 s at 70 s, 65 s later.
    expect(Math.abs(stage.meter.lastedMs / 1000 - 65)).toBeLessThan(1.5);
  });

  test('another rate is what is owed from then on', () => {
    const stage = new Stage('high', 5);
    stage.run(60, {});
    stage.meter.tune({ sla: 'high', fps: 10, maxAgeMs: undefined });
    stage.run(60, { ok: 5 });
    expect(stage.meter.window().turns).toBeGreaterThan(590);
    expect(stage.crossings).toEqual(['breached']);
  });

  test('late results breach with the same budget', () => {
    const stage = new Stage('high', 5, 200);
    stage.run(60, { ageMs: 100 });
    expect(stage.meter.window().late_ratio).toBe(0);
    stage.run(10, { ageMs: 300 });
    expect(stage.crossings).toEqual(['breached']);
    expect(stage.meter.breach?.cause).toBe('age');
    expect(stage.meter.breach?.message).toMatch(/answers later than after 200 ms .*high allows less than 10 %$/);
    stage.run(70, { ageMs: 100 });
    expect(stage.crossings).toEqual(['breached', 'recovered']);
  });

  test('results from before the worker was ready are not drops', () => {
    const clock = new FakeClock();
    const meter = new SlaMeter({ sla: 'critical', fps: 5, maxAgeMs: undefined, sourceIntervalMs: () => 33, clock });
    let crossings = 0;
    for (let i = 0; i < 60; i += 1) {
      for (let frame = 0; frame < 15; frame += 1) meter.offered(clock.nowMs() + (frame * LOOK_MS) / 15);
      clock.advance(LOOK_MS);
      // Becomes ready between two looks.
      meter.record({ status: i < 5 ? 'unavailable' : 'ok', age_ms: 1, error: null });
      if (i === 4) meter.record({ status: 'ok', age_ms: 1, error: null });
      if (i > 4) for (let k = 0; k < 2; k += 1) meter.record({ status: 'ok', age_ms: 1, error: null });
      crossings += meter.look({ live: true, begun: i >= 4, inFlight: 0 }) ? 1 : 0;
    }
    expect(crossings).toBe(0);
    expect(meter.window().ok).toBe(165);
  });

  test('there is no breach before the worker was ready, nor in the first five seconds', () => {
    const clock = new FakeClock();
    const meter = new SlaMeter({ sla: 'critical', fps: 5, maxAgeMs: undefined, sourceIntervalMs: () => 33, clock });
    for (let i = 0; i < 100; i += 1) {
      clock.advance(LOOK_MS);
      expect(meter.look({ live: true, begun: false, inFlight: 0 })).toBeUndefined();
    }
    const stage = new Stage('critical');
    stage.run(4, { ok: 0 });
    expect(stage.crossings).toEqual([]);
    stage.run(1, { ok: 0 });
    expect(stage.crossings).toEqual(['breached']);
  });
});
