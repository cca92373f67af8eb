import { FakeClock } from '@vigia/base';
import type { CameraReport, ConsumerReport, ModelReport, NodeProblem } from '@vigia/contracts';
import { describe, expect, test } from 'vitest';
import { type NodeSight, Problems } from './problems.ts';

const START = Date.UTC(2026, 10, 22, 3, 14, 0);

function consumer(more: Partial<ConsumerReport> = {}): ConsumerReport {
  const base = {
    kind: 'model',
    model: 'pose',
    worker: null,
    sla: 'high',
    state: 'running',
    reason: null,
    slowed: null,
  };
  return { ...base, ...more } as unknown as ConsumerReport;
}

function camera(more: Partial<CameraReport> = {}, consumers: Record<string, ConsumerReport> = {}): CameraReport {
  return { state: 'live', reason: null, consumers, ...more } as unknown as CameraReport;
}

function sight(
  cameras: Record<string, CameraReport> = {},
  { health = [], models = {} }: { health?: NodeSight['health']; models?: Record<string, Partial<ModelReport>> } = {},
): NodeSight {
  return {
    health,
    cameras: Object.entries(cameras).map(([id, report]) => ({ id, report, message: null })),
    models: Object.entries(models).map(([id, report]) => ({ id, report: report as ModelReport })),
  };
}

function subjects(found: readonly NodeProblem[]): string[] {
  return found.map(({ kind, subject }) => `${kind} ${subject}`);
}

describe('problems', () => {
  test('nothing is wrong while all run, or end by themselves', () => {
    const problems = new Problems(new FakeClock(1_000, START));
    const all = sight(
      { hall: camera({}, { pose: consumer(), flow: consumer({ state: 'idle' }) }), gone: camera({ state: 'stopped' }) },
      { models: { pose: { state: 'ready', reason: null } } },
    );
    expect(problems.look(all)).toEqual([]);
  });

  test('each has its cause, since when it is there, and what to do; the worst comes first', () => {
    const clock = new FakeClock(1_000, START);
    const problems = new Problems(clock);
    const slow = consumer({ state: 'breaching', reason: 'breaching: 6 of 50 turns' });
    problems.look(sight({ hall: camera({}, { pose: slow }) }));
    clock.advance(5_000);
    const stairs = camera({ state: 'waiting', reason: 'unauthorized' }, { pose: consumer({ state: 'unavailable' }) });
    const full = { code: 'recording_paused', camera: 'hall', message: 'camera hall: the disk is full' };
    const found = problems.look(sight({ hall: camera({}, { pose: slow }), stairs }, { health: [full] }));
    expect(subjects(found)).toEqual(['camera stairs', 'recording_paused hall', 'consumer hall/pose']);
    expect(found).toMatchObject([
      {
        message: 'waiting, unauthorized',
        since: '2026-11-22T03:14:05.000Z',
        remedy: expect.stringContaining('password'),
      },
      { remedy: expect.stringContaining('disk') },
      { message: 'high, breaching: breaching: 6 of 50 turns', since: '2026-11-22T03:14:00.000Z', consumer: 'pose' },
    ]);
  });

  test('what begins is a problem after a while only, and then since its beginning', () => {
    const clock = new FakeClock(1_000, START);
    const problems = new Problems(clock);
    const starting = sight(
      { hall: camera({ state: 'connecting' }) },
      { models: { pose: { state: 'starting', reason: null } } },
    );
    expect(problems.look(starting)).toEqual([]);
    clock.advance(9_999);
    expect(problems.look(starting)).toEqual([]);
    clock.advance(1);
    expect(problems.look(starting)).toMatchObject([{ subject: 'hall', since: '2026-11-22T03:14:00.000Z' }]);
    clock.advance(20_000);
    expect(subjects(problems.look(starting))).toEqual(['model model:pose', 'camera hall']);
  });

  test('a problem that ended and comes again is a new one', () => {
    const clock = new FakeClock(1_000, START);
    const problems = new Problems(clock);
    const away = sight({ hall: camera({ state: 'stalled', reason: 'stalled' }) });
    problems.look(away);
    clock.advance(2_000);
    problems.look(sight({ hall: camera() }));
    clock.advance(2_000);
    expect(problems.look(away)).toMatchObject([{ message: 'stalled', since: '2026-11-22T03:14:04.000Z' }]);
  });

  test('a cause is listed once, and not again for each effect', () => {
    const problems = new Problems(new FakeClock(1_000, START));
    const waits = { pose: consumer({ state: 'unavailable' }) };
    const model = { models: { pose: { state: 'failing' as const, reason: 'exit code 1' } } };
    expect(subjects(problems.look(sight({ hall: camera({}, waits), yard: camera({}, waits) }, model)))).toEqual([
      'model model:pose',
    ]);
    const blind = { code: 'blind', camera: 'hall', consumer: 'falls', message: 'hall/falls: critical, and …' };
    const falls = { falls: consumer({ kind: 'worker', model: null, sla: 'critical', state: 'breaching' }) };
    const live = problems.look(sight({ hall: camera({}, falls) }, { health: [blind] }));
    expect(subjects(live)).toEqual(['blind hall/falls']);
    expect(live[0]?.remedy).toMatch(/starts again by itself/);
    const away = camera({ state: 'waiting', reason: 'timeout' }, falls);
    const cut = problems.look(sight({ hall: away }, { health: [blind] }));
    expect(subjects(cut)).toEqual(['blind hall/falls']);
    expect(cut[0]?.remedy).toMatch(/cable/);
  });

  test('a problem of the whole node is about no camera; an unknown one still has something to do', () => {
    const problems = new Problems(new FakeClock(1_000, START));
    const health = [
      { code: 'store', camera: '_node', message: 'no space' },
      { code: 'new', camera: '_node', message: 'something' },
    ];
    expect(problems.look(sight({}, { health }))).toMatchObject([
      { kind: 'store', camera: null, remedy: expect.stringContaining('disk') },
      { kind: 'new', camera: null, remedy: 'The log has more' },
    ]);
  });
});
