import { FakeClock } from '@vigia/base';
import { describe, expect, test } from 'vitest';
import { type SheddableConsumer, Shedding } from './shedding.ts';

const BUSY = { idle: 0.02, waiting: 0.6 };
const CALM = { idle: 0.6, waiting: 0.01 };

const consumer = (id: string, sla: SheddableConsumer['sla'], fps?: number): SheddableConsumer => ({
  camera: 'hall',
  consumer: id,
  sla,
  fps,
  sourceIntervalMs: 40,
  maxAgeMs: undefined,
  ok: 0,
  breaching: false,
});

/** A simulated node with one check a second. */
class Stage {
  readonly clock = new FakeClock();
  readonly shedding = new Shedding(this.clock);
  /** The rate of each slowed consumer, pictures per second. */
  readonly slowed = new Map<string, number>();
  readonly reasons = new Set<string>();
  /** Ok results of the consumer without a gate. */
  #ok = 0;

  /** @param workMs How long the critical consumer works on each picture; its interval is 200 ms. */
  run(seconds: number, workMs: number, pressure: typeof BUSY | undefined, breaching = false): void {
    for (let i = 0; i < seconds; i += 1) {
      for (let k = 0; k < 5; k += 1) {
        this.clock.advance(200);
        const hops = { decoded: 1, taken: 2, rendered: 3, sent: 3, received: 2 + workMs, decided: 2 + workMs };
        this.shedding.record({ camera: 'hall', consumer: 'falls', age_ms: workMs, hops_ms: hops });
      }
      this.#ok += 8;
      const all = [
        { ...consumer('falls', 'critical', 5), breaching },
        consumer('pose', 'high', 5),
        consumer('flow', 'normal', 2),
        { ...consumer('vlm', 'best-effort'), ok: this.#ok },
      ];
      for (const { consumer: id, slowed } of this.shedding.look(all, pressure)) {
        if (slowed) {
          this.slowed.set(id, slowed.fps);
          this.reasons.add(slowed.reason);
        } else this.slowed.delete(id);
      }
    }
  }
}

describe('shedding', () => {
  test('best-effort first, in steps; then normal; high and critical never', () => {
    const stage = new Stage();
    stage.run(10, 50, CALM);
    expect(stage.slowed.size).toBe(0);
    stage.run(1, 190, BUSY);
    // A consumer without a gate is slowed relative to its measured rate.
    expect(stage.slowed.get('vlm')).toBeCloseTo(4, 0);
    expect([...stage.slowed.keys()]).toEqual(['vlm']);
    stage.run(4, 190, BUSY);
    expect(stage.slowed.get('vlm')).toBeCloseTo(1, 0);
    expect(stage.slowed.has('flow')).toBe(false);
    stage.run(20, 190, BUSY);
    expect(stage.slowed.get('flow')).toBe(0.5);
    expect([...stage.slowed.keys()].sort()).toEqual(['flow', 'vlm']);
    expect([...stage.reasons]).toEqual(['hall/falls (critical) is short of CPU']);
  });

  test('results from a time without a worker do not change the usual time', () => {
    const stage = new Stage();
    for (let i = 0; i < 200; i += 1) {
      const hops = { decoded: 1, taken: 2, rendered: null, sent: null, received: null, decided: 2.03 };
      stage.shedding.record({ camera: 'hall', consumer: 'falls', age_ms: 2, hops_ms: hops });
    }
    stage.run(3, 50, CALM);
    stage.run(30, 60, BUSY);
    expect(stage.slowed.size).toBe(0);
  });

  test('a consumer that is slow for another reason keeps none slowed once CPU is idle', () => {
    const stage = new Stage();
    stage.run(10, 50, CALM);
    stage.run(10, 190, BUSY);
    expect(stage.slowed.size).toBeGreaterThan(0);
    stage.run(100, 190, CALM);
    expect(stage.slowed.size).toBe(0);
  });

  test('a critical consumer with a frame every five seconds is judged over its own intervals', () => {
    const clock = new FakeClock();
    const shedding = new Shedding(clock);
    let changes = 0;
    const all = [{ ...consumer('falls', 'critical', 0.2), breaching: true }, consumer('flow', 'best-effort', 2)];
    for (let i = 0; i < 60; i += 1) {
      clock.advance(1_000);
      const hops = { decoded: 1, taken: 2, rendered: 3, sent: 3, received: 20, decided: 22 };
      if (i % 5 === 0) shedding.record({ camera: 'hall', consumer: 'falls', age_ms: 22, hops_ms: hops });
      changes += shedding.look(all, BUSY).length;
    }
    expect(changes).toBe(0);
  });

  test('a breach without CPU pressure slows none', () => {
    const stage = new Stage();
    stage.run(30, 400, CALM, true);
    stage.run(30, 400, undefined, true);
    expect(stage.slowed.size).toBe(0);
  });

  test('CPU pressure without a strained critical consumer slows none', () => {
    const stage = new Stage();
    stage.run(30, 60, BUSY);
    expect(stage.slowed.size).toBe(0);
    const calm = new Stage();
    calm.run(30, 50, CALM);
    calm.run(30, 90, BUSY);
    expect(calm.slowed.size).toBe(0);
  });

  test('under CPU pressure, twice the usual time is strain, well within the interval', () => {
    const stage = new Stage();
    stage.run(30, 30, CALM);
    stage.run(5, 70, CALM);
    expect(stage.slowed.size).toBe(0);
    stage.run(5, 90, BUSY);
    expect(stage.slowed.size).toBe(1);
  });

  test('rates are restored step by step when all is well; between the limits nothing changes', () => {
    const stage = new Stage();
    stage.run(5, 50, CALM);
    stage.run(5, 190, BUSY);
    // The results from before must leave the window first.
    stage.run(4, 80, BUSY);
    const before = stage.slowed.get('vlm') ?? 0;
    stage.run(60, 80, BUSY);
    expect(stage.slowed.get('vlm')).toBe(before);
    stage.run(9, 50, CALM);
    expect(stage.slowed.get('vlm')).toBe(before);
    stage.run(60, 50, CALM);
    expect(stage.slowed.size).toBe(0);
  });

  test('after a restore that came too early, the next one waits twice as long', () => {
    const stage = new Stage();
    stage.run(5, 50, CALM);
    const secondsSlowed = (): number => {
      let seconds = 0;
      while (stage.slowed.size > 0 && seconds < 1_000) {
        stage.run(1, 50, CALM);
        seconds += 1;
      }
      return seconds;
    };
    const waits = [1, 2, 3].map(() => {
      while (stage.slowed.size === 0) stage.run(1, 190, BUSY);
      return secondsSlowed();
    });
    expect(waits[1]).toBeGreaterThan((waits[0] ?? 0) * 1.7);
    expect(waits[2]).toBeGreaterThan((waits[1] ?? 0) * 1.7);
  });

  test('a critical consumer without any results is strained', () => {
    const stage = new Stage();
    stage.run(10, 50, CALM);
    const all = [{ ...consumer('falls', 'critical', 5), breaching: true }, consumer('flow', 'best-effort', 2)];
    let changes = 0;
    for (let i = 0; i < 10; i += 1) {
      stage.clock.advance(1_000);
      changes += stage.shedding.look(all, BUSY).filter((c) => c.slowed).length;
    }
    expect(changes).toBeGreaterThan(2);
  });

  test('with shedding disabled, consumers get their rates back at once', () => {
    const stage = new Stage();
    stage.run(5, 50, CALM);
    stage.run(9, 190, BUSY);
    const all = [consumer('falls', 'critical', 5), consumer('flow', 'normal', 2), consumer('vlm', 'best-effort')];
    expect(stage.shedding.active).toBe(true);
    const changes = stage.shedding.look(all, BUSY, false);
    expect(changes.map(({ consumer: id, slowed }) => [id, slowed])).toContainEqual(['vlm', null]);
    expect(stage.shedding.active).toBe(false);
    expect(stage.shedding.look(all, BUSY, false)).toEqual([]);
  });

  test('a removed consumer is forgotten', () => {
    const stage = new Stage();
    stage.run(5, 50, CALM);
    stage.run(5, 190, BUSY);
    expect([...stage.shedding.slowedOf('hall')]).toEqual([
      ['vlm', { fps: expect.any(Number), reason: expect.any(String) }],
    ]);
    expect(stage.shedding.slowedOf('hal').size).toBe(0);
    expect(stage.shedding.look([consumer('falls', 'critical', 5)], BUSY)).toEqual([]);
    expect(stage.shedding.slowedOf('hall').size).toBe(0);
  });
});

test('results are bounded when nothing reads them', () => {
  const clock = new FakeClock();
  const shedding = new Shedding(clock);
  const hops = { decoded: 1, taken: 2, rendered: 3, sent: 3, received: 4, decided: 4 };
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < 500_000; i += 1) shedding.record({ camera: 'hall', consumer: 'falls', age_ms: i, hops_ms: hops });
  // Half a million of them would take 50 MB.
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(40e6);
  expect(shedding.look([consumer('falls', 'critical', 5)], CALM)).toEqual([]);
});
