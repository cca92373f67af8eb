import { FakeClock } from '@vigia/base';
import type {
  CameraReport,
  ConsumerReport,
  NodeItem,
  NodeStatus,
  RecentAnswers,
  ResultMessage,
} from '@vigia/contracts';
import { describe, expect, test } from 'vitest';
import { paletteFor } from '#core/terminal';
import { Announcer } from '#node/events';
import { recordedLine } from './event-line.ts';
import { JsonView } from './json-view.ts';
import { LiveView } from './live-view.ts';
import { PlainView } from './plain-view.ts';
import { Keyed, keepOnly, Rate } from './recent.ts';
import { LIVE_STREAM, MODEL_CONSUMER } from '../../../test/support/model-consumer.ts';

const camera = (captured: number, ok: number): CameraReport => ({
  state: 'live',
  reason: null,
  reconnects: 0,
  stream: LIVE_STREAM,
  main: null,
  lost_packets: 0,
  concealed: 0,
  captured,
  skipped: { no_demand: 0, undecodable: 2, late: 0 },
  in_decoder: 0,
  published: captured - 2,
  distributed: captured - 2,
  inbox_drops: 0,
  inbox_pending: 0,
  restarts: 0,
  unsent_results: 0,
  consumers: {
    people: {
      ...MODEL_CONSUMER,
      model: 'ssdlite',
      published: captured - 2,
      delivered: ok,
      pending: 0,
      dropped: { gated: 7, overwritten: 1, stale: 0, closed: 0 },
      in_flight: 0,
      results: { ok, expired: 0, timeout: 0, unavailable: 3, error: 0 },
      discarded_answers: 0,
      age_ms: null,
      detections: {},
      results_with: {},
    },
  },
});

const ANSWERS: RecentAnswers = { per_s: 9.96, age_p50_ms: 30, age_p99_ms: 39, age_certain: true, sees: '2 person' };

const status = (upMs: number, captured: number, ok: number, message: string | null = null): NodeStatus => ({
  version: 1,
  node: 'ward',
  vigia: '0.1.0',
  pid: 4242,
  up_ms: upMs,
  shm_bytes: 1024 * 1024,
  mqtt: 'connected',
  problems: [],
  alarms: [],
  cameras: { hall: { report: camera(captured, ok), message, answers: { people: ANSWERS } } },
  models: {
    ssdlite: {
      state: 'ready',
      reason: null,
      requests: ok,
      batches: ok,
      inference_ms: { p50: 12.4, p99: 18.1 },
      restarts: 0,
    },
  },
});

const person = {
  class_id: 0,
  class_name: 'person',
  confidence: 0.9,
  bbox: [0, 0, 1, 1] as [number, number, number, number],
};
const result = (ageMs: number, seq: number): ResultMessage => ({
  node: 'ward-3',
  boot: 'b',
  camera: 'hall',
  consumer: 'people',
  model: 'ssdlite',
  seq,
  status: 'ok',
  captured_at: '2026-01-01T00:00:00.000Z',
  age_ms: ageMs,
  age_certain: true,
  age_bound_ms: ageMs,
  pts_us: 0,
  hops_ms: { decoded: 1, taken: 1, rendered: 2, sent: 2, received: ageMs, decided: ageMs },
  detections: [person, person],
  error: null,
});

test('the live table shows detections, ages, rates and drops of each consumer', () => {
  const clock = new FakeClock();
  let screen = '';
  const view = new LiveView({ columns: 140, rows: 40, write: (text) => void (screen = text) }, paletteFor({}), clock);
  view.draw(status(0, 100, 50));
  clock.advance(2_000);
  view.draw(status(2_000, 120, 70));
  expect(screen).toMatch(/hall +live +10\.0 +h264 768×576 +2 undecodable/);
  expect(screen).toMatch(
    /people \(ssdlite\) +running +10\.0 +30 ms +39 ms +2 person +7 gated, 1 overwritten +no result: 3 unavailable/,
  );
  expect(screen).toMatch(/ssdlite +ready +10\.0 +12 ms +18 ms/);
  view.close();
});

test('a stalled camera, one with losses, and a missing large stream', () => {
  let screen = '';
  const view = new LiveView(
    { columns: 160, rows: 0, write: (text) => void (screen = text) },
    paletteFor({}),
    new FakeClock(),
  );
  const report = camera(100, 50);
  const cameras: NodeStatus['cameras'] = {
    hall: { report: { ...report, state: 'stalled' as const }, message: 'no packet for 5 s', answers: {} },
    yard: {
      message: null,
      answers: {},
      report: {
        ...report,
        lost_packets: 12,
        concealed: 3,
        stream: { ...(report.stream as NonNullable<CameraReport['stream']>), transport: 'udp', decoder: 'vaapi' },
        main: { state: 'waiting' as const, reason: 'timeout', reconnects: 1, captured: 5, lost_packets: 0 },
      },
    },
  };
  view.draw({ ...status(0, 0, 0), cameras });
  expect(screen).toMatch(/hall +stalled +–\n\S* {4}no packet for 5 s/);
  expect(screen).toMatch(
    /yard +live +– +h264 768×576 udp vaapi +2 undecodable, 3 concealed, 12 packets lost {2}large stream waiting \(timeout\)/,
  );
});

test('removed names are forgotten', () => {
  const rates = new Keyed(() => new Rate());
  for (const key of ['hall', 'hall/people', 'model ssdlite', 'gone', 'gone/people', 'hall/gone', 'model gone'])
    rates.get(key).read(1, 0);
  const before = rates.get('hall');
  keepOnly(status(0, 1, 1), rates);
  expect(rates.get('hall')).toBe(before);
  expect(rates.size).toBe(3);
});

test('lines never exceed the terminal, nor the table its rows', () => {
  const lines: string[] = [];
  const view = new LiveView(
    { columns: 40, rows: 8, write: (text) => void lines.push(text) },
    paletteFor({}),
    new FakeClock(),
  );
  for (let n = 0; n < 9; n += 1) view.onLog(`a very long line of a log that goes on and on ${n}`);
  view.draw(status(0, 100, 50));
  const drawn = (lines.at(-1) ?? '')
    .replaceAll(new RegExp(`${String.fromCharCode(27)}\\[[0-9;?]*[A-Za-z]`, 'g'), '')
    .split('\n');
  expect(Math.max(...drawn.map((line) => line.length))).toBeLessThanOrEqual(39);
  expect(drawn.length).toBeLessThanOrEqual(9);
});

describe('many cameras on a small terminal', () => {
  const ESCAPES = new RegExp(`${String.fromCharCode(27)}\\[[0-9;?]*[A-Za-z]`, 'g');
  const reason =
    'rtsp://192.168.1.20/stream1: connection refused, is the camera on and the port right? It was there before.';

  function stage(): { terminal: { columns: number; rows: number }; view: LiveView; draw: () => string[] } {
    let text = '';
    const terminal = { columns: 80, rows: 20, write: (more: string) => void (text = more) };
    const view = new LiveView(terminal, paletteFor({}), new FakeClock());
    const away = { ...camera(0, 0), state: 'waiting' as const, reason: 'refused' };
    const cameras = Object.fromEntries(
      Array.from({ length: 32 }, (_, n) => [
        `camera-${n}`,
        { report: n === 30 ? away : camera(10, 10), message: n === 30 ? reason : null, answers: {} },
      ]),
    );
    return {
      terminal,
      view,
      draw: () => {
        view.draw({ ...status(0, 0, 0), cameras });
        return text.replaceAll(ESCAPES, '').replaceAll('\r', '').split('\n');
      },
    };
  }

  test('the one in trouble comes first, with its whole reason; the rest is counted and scrolled', () => {
    const { view, draw } = stage();
    const first = draw();
    expect(first[3]).toMatch(/^camera-30 +waiting/);
    expect(
      first
        .slice(4, 6)
        .map((line) => line.trim())
        .join(' '),
    ).toBe(reason);
    expect(first).toHaveLength(20);
    expect(first.at(-2)).toMatch(/^0 lines above, \d+ below/);
    view.scroll(10);
    expect(draw().at(-2)).toMatch(/^10 lines above/);
    view.scroll(1_000);
    const last = draw();
    expect(last.at(-2)).toMatch(/ 0 below/);
    expect(last.join('\n')).toContain('ssdlite');
    view.scroll(-1_000);
    expect(draw()).toEqual(first);
  });

  test('? explains the columns, and goes back', () => {
    const { view, draw } = stage();
    const before = draw();
    view.toggleHelp();
    expect(draw().join('\n')).toMatch(/p50 is usual[^]*gated: more/);
    view.toggleHelp();
    expect(draw()).toEqual(before);
  });

  test('after a change of size the screen is cleared', () => {
    let text = '';
    const terminal = { columns: 80, rows: 20, write: (more: string) => void (text = more) };
    const view = new LiveView(terminal, paletteFor({}), new FakeClock());
    view.draw(status(0, 0, 0));
    view.draw(status(500, 0, 0));
    expect(text).not.toContain('\u001b[2J');
    terminal.columns = 60;
    view.draw(status(1_000, 0, 0));
    expect(text.startsWith('\u001b[H\u001b[2J')).toBe(true);
  });
});

test('plain lines: state changes, and a summary every five seconds', () => {
  const clock = new FakeClock();
  const lines: string[] = [];
  const view = new PlainView((line) => lines.push(line), clock);
  const at = '2026-01-01T00:00:00.000Z';
  const state = { state: 'waiting', reason: 'refused', message: 'connection refused', retry_in_ms: 512 } as const;
  announcing((item) => view.onItem(item)).cameraState({ camera: 'hall', ...state, at });
  expect(lines[0]).toMatch(/camera hall: waiting: connection refused; again in 0\.5 s/);
  view.draw(status(0, 0, 0));
  expect(lines).toHaveLength(1);
  clock.advance(5_000);
  view.draw(status(5_000, 50, 50));
  expect(lines[1]).toMatch(
    /hall\/people: camera live, running, 10\.0 fps, age p50 30 ms p99 39 ms, sees 2 person, dropped 7 gated 1 overwritten 0 stale/,
  );
});

test('JSON lines: a slow reader holds back the stream until it reads', async () => {
  const written: string[] = [];
  let drain: () => void = () => undefined;
  const stream = {
    writableLength: 0,
    write: (text: string) => void written.push(text),
    once: (_: 'drain', fn: () => void) => void (drain = fn),
  };
  const view = new JsonView(stream, () => 7);
  expect(view.onItem({ type: 'result', result: result(25, 1) })).toBeUndefined();
  stream.writableLength = 2 ** 21;
  const held = view.onItem({ type: 'result', result: result(25, 2) });
  // Counters are not written to a reader that is too slow.
  view.draw(status(0, 10, 1));
  stream.writableLength = 0;
  drain();
  await held;
  view.draw(status(0, 10, 1));
  expect(written.map((text) => JSON.parse(text).type)).toEqual(['result', 'result', 'stats']);
  expect(JSON.parse(written[2] ?? '').events_dropped).toBe(7);
});

test('JSON lines: what a terminal acts on is escaped, and means the same', () => {
  const written: string[] = [];
  const view = new JsonView(
    { writableLength: 0, write: (text) => void written.push(text), once: () => undefined },
    () => 0,
  );
  const data = { text: '\u009b31m\u202eevil\u2066\u0085\u001b[2J\u2028', 'k\u009d0': 1 };
  void view.onItem({ type: 'result', result: { ...result(25, 1), data } });
  expect(written[0]).toMatch(/^[\x20-\x7e]+\n$/);
  expect(JSON.parse(written[0] ?? '').data).toEqual(data);
});

test('a failed worker and a slowed one: each with its reason', () => {
  const { consumers } = camera(100, 50);
  const people = consumers['people'] as ConsumerReport;
  const worker = { ...people, kind: 'worker' as const, model: null };
  const report: CameraReport = {
    ...camera(100, 50),
    consumers: {
      falls: { ...worker, worker: 'falls', state: 'failed', reason: 'exited with code 1' },
      scene: { ...worker, worker: 'vlm', slowed: { fps: 0.5, reason: 'hall/people (critical) is short of CPU' } },
    },
  };
  let screen = '';
  const clock = new FakeClock();
  const view = new LiveView({ columns: 170, rows: 40, write: (text) => void (screen = text) }, paletteFor({}), clock);
  view.draw({ ...status(0, 100, 50), cameras: { hall: { report, message: null, answers: {} } } });
  expect(screen).toMatch(/falls \(falls\) +failed .* 7 gated.*\n\S* {4}exited with code 1\S*\n/);
  expect(screen).toMatch(
    /scene \(vlm\) +running .* slowed to 0\.5\/s: hall\/people \(critical\) is short of CPU {2}7 gated/,
  );
  view.close();
});

test('lines for a log: worker states, SLA crossings, slowed consumers, falls, and no event that repeats a state', () => {
  const lines: string[] = [];
  const view = new PlainView((line) => lines.push(line), new FakeClock());
  const of = { camera: 'hall', consumer: 'falls', sla: 'critical' as const, at: '2026-01-01T00:00:00.000Z' };
  const announcer = announcing((item) => view.onItem(item));
  const failed = { state: 'failed', reason: 'exited', message: 'exited with code 1', alarm: true } as const;
  announcer.workerState({ ...of, worker: 'w', ...failed });
  announcer.consumerEvent({ ...of, type: 'worker_failed', alarm: true, reason: 'exited', message: 'm' });
  announcer.consumerEvent({ ...of, type: 'slowed', alarm: false, reason: 'cpu', message: 'slowed to 2' });
  const fall = { reason: 'fall' as const, captured_at: of.at, age_ms: 200, down_ms: 3_000, bbox: null };
  const evidence = { drop: 0.7, shape: 2.1, body_height: 0.4, sightings: 9, looks: 2 };
  const who = { kind: 'fall' as const, person: 1, from: 'people' };
  announcer.rule('hall', { ...who, phase: 'start', data: { ...fall, evidence, state: 'down', message: 'm' } });
  announcer.rule('hall', { ...who, phase: 'end', data: { ...fall, evidence, state: 'gone', message: 'm' } });
  const bed = {
    state: 'out',
    reason: null,
    message: 'b',
    captured_at: of.at,
    age_ms: 1,
    since_ms: 1,
    away_ms: 1,
  } as const;
  announcer.rule('hall', { kind: 'bed', zone: 'bed', from: 'people', phase: null, data: { ...bed, bbox: null } });
  expect(lines.map((line) => line.slice(9))).toEqual([
    'worker hall/falls: ALARM failed (it exited with code 1)',
    'hall/falls: slowed: slowed to 2',
    'hall/person-1: ALARM fall, down: m',
    'hall/person-1: fall, gone: m',
    'hall/bed: out: b',
  ]);
});

test('events of the past: each kind as a sentence, none as JSON', () => {
  const lines: string[] = [];
  const announcer = announcing((item) => item.type === 'event' && lines.push(recordedLine(item.event).slice(33)));
  announcer.node('started', '0.1.0');
  announcer.recording('hall', { state: 'paused', reason: 'disk_full', message: 'the disk is full' });
  announcer.recording('hall', { state: 'recording', reason: null, message: null });
  announcer.recording('hall', undefined);
  announcer.storage({ state: 'failing', message: 'the disk is full', discarded: 0 });
  announcer.footage('ok', 'recordings can be written again');
  announcer.cameraGone('hall');
  const of = { camera: 'hall', consumer: 'falls', sla: 'high' as const, at: '2026-01-01T00:00:00.000Z' };
  announcer.consumerEvent({ ...of, type: 'worker_recovered', alarm: false, reason: null, message: 'works again' });
  const done = { by: 'anna', action: 'restartCamera', target: 'hall', outcome: 'done' as const, reason: null };
  announcer.audit(done, 'hall');
  announcer.audit({ ...done, action: 'acknowledge', found: { outcome: 'helped_up' } }, 'hall');
  announcer.audit({ ...done, action: 'stop', target: null, outcome: 'refused', reason: 'forbidden' }, null);
  expect(lines).toEqual([
    'node ward-3: started, vigia 0.1.0',
    'camera hall: recording: paused: the disk is full',
    'camera hall: recording: recording',
    'camera hall: recording: stopped',
    'events: the disk is full',
    'recordings: recordings can be written again',
    'hall: left the configuration',
    'hall/falls: works again',
    'anna: restartCamera hall',
    'anna: acknowledge hall, found helped_up',
    'anna: stop: refused (forbidden)',
  ]);
});

function announcing(publish: (item: NodeItem) => void): Announcer {
  const newId = (): string => '01J00000000000000000000000';
  return new Announcer({ node: 'ward-3', boot: newId(), clock: new FakeClock(), newId, publish });
}
