import type { LogEntry, NodeBudget, NodeProblem, NodeStatus, Report } from '@vigia/contracts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Reply } from './connection.ts';
import { budgetBars, logSourceOf, modelRows, processRows, restartOf, SystemScreen } from './system-screen.ts';
import { TestTime } from './test-time.ts';

const MIB = 1024 * 1024;

function report(ms: number, cpu: Record<string, number>, requests = 0): Report {
  const consumer = { kind: 'worker', worker: 'falls', restarts: 2 };
  return {
    duration_ms: ms,
    cameras: { hall: { restarts: 1, consumers: { a: consumer } }, yard: { restarts: 0, consumers: { b: consumer } } },
    models: { pose: { state: 'ready', requests, batches: 5, inference_ms: { p50: 1, p99: 2 }, restarts: 3 } },
    system: {
      shm_bytes: 10 * MIB,
      processes: Object.fromEntries(Object.entries(cpu).map(([name, s]) => [name, { pss_bytes: 10 * MIB, cpu_s: s }])),
    },
  } as unknown as Report;
}

const CPU = {
  supervisor: 5,
  'camera:hall': 1,
  'camera:yard': 1,
  'model:pose': 9,
  'worker:hall/a': 1,
  'worker:yard/b': 1,
};
const BUDGET: NodeBudget = {
  cores: 2,
  memory_bytes: 100 * MIB,
  memory_available_bytes: 400 * MIB,
  shm_bytes: 10 * MIB,
  shm_available_bytes: 50 * MIB,
  processes: { supervisor: 20 * MIB, 'camera:hall': 30 * MIB, 'camera:yard': 30 * MIB, 'worker:hall/a': MIB },
};

test('processes of a kind are one row: their sum, against their sum at most', () => {
  const later = { ...CPU, supervisor: 5.5, 'camera:hall': 2, 'camera:yard': 2.5 };
  const rows = processRows(report(20_000, later), BUDGET, report(15_000, CPU));
  expect(rows.map(({ name, count, cpu, most, restarts }) => [name, count, cpu, most, restarts])).toEqual([
    ['supervisor', 1, 10, 20 * MIB, null],
    ['camera', 2, 50, 60 * MIB, 1],
    ['model pose', 1, 0, null, 3],
    // One of them has no limit: there is none for both.
    ['worker falls', 2, 0, null, 4],
  ]);
  expect(rows[1]?.bytes).toBe(20 * MIB);
});

test('CPU is not known in the first report, nor of a process that was started again', () => {
  expect(processRows(report(5_000, CPU), null, null).map(({ cpu }) => cpu)).toEqual([null, null, null, null]);
  const again = processRows(report(20_000, { ...CPU, 'model:pose': 0.1 }), null, report(15_000, CPU));
  expect(again.find(({ name }) => name === 'model pose')?.cpu).toBeNull();
});

test('what is used stands beside what may be used and what is there', () => {
  const rows = processRows(report(20_000, { ...CPU, supervisor: 10 }), BUDGET, report(15_000, CPU));
  expect(budgetBars(report(20_000, CPU), BUDGET, rows)).toEqual([
    { what: 'cpu', used: 1, most: null, there: 2 },
    { what: 'memory', used: 60 * MIB, most: 100 * MIB, there: 400 * MIB },
    { what: 'shm', used: 10 * MIB, most: 10 * MIB, there: 50 * MIB },
  ]);
  const first = processRows(report(5_000, CPU), BUDGET, null);
  expect(budgetBars(report(5_000, CPU), BUDGET, first).map(({ what }) => what)).toEqual(['memory', 'shm']);
});

test('a model has a rate from the second report on', () => {
  expect(modelRows(report(5_000, CPU, 20), null)).toMatchObject([{ perSecond: null, batch: 4 }]);
  expect(modelRows(report(10_000, CPU, 40), report(5_000, CPU, 20))).toMatchObject([{ perSecond: 4, batch: 8 }]);
  // It was started again.
  expect(modelRows(report(10_000, CPU, 3), report(5_000, CPU, 20))).toMatchObject([{ perSecond: null }]);
});

function problem(more: Partial<NodeProblem>): NodeProblem {
  const base = { subject: 'hall', kind: 'camera', camera: 'hall', consumer: null, model: null };
  return { ...base, since: '2026-11-22T03:14:00.000Z', message: 'waiting', remedy: 'look', ...more };
}

test('what can be started again: a camera, a worker, nothing', () => {
  const consumers = { falls: { kind: 'worker' }, pose: { kind: 'model' } };
  const status = (state: string): NodeStatus =>
    ({ cameras: { hall: { report: { state, consumers } } } }) as unknown as NodeStatus;
  const [live, away] = [status('live'), status('waiting')];
  expect(restartOf(problem({}), away)).toEqual({ camera: 'hall', consumer: null });
  const falls = problem({ kind: 'blind', consumer: 'falls' });
  expect(restartOf(falls, live)).toEqual({ camera: 'hall', consumer: 'falls' });
  // It is blind because its camera is away: another worker would see nothing either.
  expect(restartOf(falls, away)).toEqual({ camera: 'hall', consumer: null });
  expect(restartOf(problem({ kind: 'consumer', consumer: 'pose' }), live)).toBeNull();
  expect(restartOf(problem({ kind: 'recording_paused' }), live)).toBeNull();
  expect(restartOf(problem({ kind: 'model', camera: null, model: 'pose' }), live)).toBeNull();
  expect(restartOf(problem({ camera: 'gone' }), live)).toBeNull();
  expect([falls, problem({}), problem({ camera: null, model: 'pose' })].map(logSourceOf)).toEqual([
    'camera:hall/falls',
    'camera:hall',
    'model:pose',
  ]);
});

let time: TestTime;
let asked: string[];
let answers: Record<string, () => Reply>;
let screen: SystemScreen;
let stop: () => void;

beforeEach(async () => {
  time = new TestTime();
  asked = [];
  answers = {
    '/api/v1/problems': () => ({ status: 200, body: [problem({})] }),
    '/api/v1/budget': () => ({ status: 403, body: { error: { message: 'not yours' } } }),
    '/api/v1/report': () => ({ status: 200, body: report(time.now(), CPU) }),
  };
  const browser = {
    now: () => time.now(),
    after: (ms: number, then: () => void) => time.after(ms, then),
    hidden: () => false,
    request: (method: string, path: string): Promise<Reply> => {
      asked.push(`${method} ${path}`);
      const answer = answers[path.split('?')[0] ?? ''];
      return answer === undefined ? Promise.reject(new Error('no answer')) : Promise.resolve(answer());
    },
  };
  screen = new SystemScreen(browser, () => null);
  stop = screen.start();
  await time.pass(0);
});
afterEach(() => stop());

test('who may not see the whole node gets no budget, which is no failure', async () => {
  await time.pass(5_000);
  expect(screen.failed.value).toBe('');
  expect(screen.bars.value).toEqual([]);
  expect(screen.processes.value?.value.map(({ history }) => history.length)).toEqual([1, 1, 1, 1]);
});

test('an answer that does not come is said, and what was known keeps its time', async () => {
  const known = screen.problems.value;
  delete answers['/api/v1/problems'];
  await time.pass(2_000);
  expect(screen.failed.value).toBe('no answer');
  expect(screen.problems.value).toBe(known);
  expect(known?.atMs).toBe(time.now() - 2_000);
  // An answer to something else does not hide it.
  await time.pass(5_000);
  expect(screen.failed.value).toBe('no answer');
});

test('nothing is asked after the view was left', async () => {
  stop();
  asked = [];
  await time.pass(60_000);
  expect(asked).toEqual([]);
});

test('a restart is asked for once at a time; its outcome goes with the problem', async () => {
  let answer: (reply: Reply) => void = () => undefined;
  const waits = new Promise<Reply>((resolve) => {
    answer = resolve;
  });
  answers['/api/v1/cameras/hall/restart'] = () => waits as unknown as Reply;
  const first = screen.restart('hall', { camera: 'hall', consumer: null });
  void screen.restart('hall', { camera: 'hall', consumer: null });
  expect(asked.filter((one) => one.startsWith('POST'))).toEqual(['POST /api/v1/cameras/hall/restart']);
  expect(screen.pressed.value.get('hall')).toBe('asking');
  answer({ status: 409, body: { error: { message: 'the node is stopping' } } });
  await first;
  expect(screen.pressed.value.get('hall')).toEqual({ refused: 'the node is stopping' });
  answers['/api/v1/problems'] = () => ({ status: 200, body: [] });
  await time.pass(2_000);
  expect(screen.pressed.value.size).toBe(0);
});

test('the log goes on where it was, and keeps the newest lines', async () => {
  const line = (number: number): LogEntry => ({ number, time: '', level: 'info', source: 'supervisor', message: '' });
  answers['/api/v1/logs'] = () => ({ status: 200, body: { records: [line(1), line(2)], lost: 0, next: 2 } });
  screen.showLog({ source: '', level: 'info' });
  await time.pass(0);
  expect(screen.lines.value.map(({ number }) => number)).toEqual([1, 2]);
  answers['/api/v1/logs'] = () => ({ status: 200, body: { records: [line(3)], lost: 0, next: 3 } });
  screen.showLog({ source: 'camera:hall', level: 'warn' });
  await time.pass(2_000);
  expect(screen.lines.value.map(({ number }) => number)).toEqual([1, 2, 3]);
  expect(asked.filter((one) => one.includes('logs'))).toEqual([
    'GET /api/v1/logs?limit=300',
    'GET /api/v1/logs?after=2&limit=1000',
  ]);
  screen.showLog(null);
  expect(screen.lines.value).toEqual([]);
});
