import type { CameraReport, ConsumerReport, NodeStatus } from '@vigia/contracts';
import { describe, expect, test } from 'vitest';
import { paletteFor } from '#core/terminal';
import { statusScreen } from './status-screen.ts';
import { LIVE_STREAM, MODEL_CONSUMER } from '../../../test/support/model-consumer.ts';

const PLAIN = paletteFor({});
const COUNTS = { published: 60, delivered: 53, pending: 0, in_flight: 0, discarded_answers: 0, age_ms: null };
const PEOPLE: ConsumerReport = {
  ...MODEL_CONSUMER,
  ...COUNTS,
  model: 'ssdlite',
  dropped: { gated: 7, overwritten: 1, stale: 0, closed: 0 },
  results: { ok: 50, expired: 0, timeout: 0, unavailable: 3, error: 0 },
  detections: {},
  results_with: {},
};
const FALLS: ConsumerReport = {
  ...PEOPLE,
  kind: 'worker',
  model: null,
  worker: 'falls',
  sla: 'critical',
  state: 'failed',
  reason: 'exited with code 3',
  restarts: 3,
  process: {
    pid: null,
    name: null,
    transport: 'shm',
    restarts_used: 3,
    restarts_allowed: 3,
    protocol_errors: 0,
    log_dropped: 0,
    last_exit: { at: '2026-11-22T03:00:00.000Z', reason: 'exited with code 3', stderr: [] },
  },
};
const CAMERA: CameraReport = {
  state: 'live',
  reason: null,
  reconnects: 0,
  stream: LIVE_STREAM,
  main: null,
  lost_packets: 0,
  concealed: 0,
  captured: 100,
  skipped: { no_demand: 0, undecodable: 2, late: 0 },
  in_decoder: 0,
  published: 98,
  distributed: 98,
  inbox_drops: 0,
  inbox_pending: 0,
  restarts: 0,
  unsent_results: 0,
  consumers: { people: PEOPLE },
};
const STATUS: NodeStatus = {
  version: 1,
  node: 'ward',
  vigia: '0.1.0',
  pid: 4242,
  up_ms: 65_000,
  shm_bytes: 1024 * 1024,
  mqtt: 'connected',
  problems: [],
  alarms: [],
  cameras: {
    hall: {
      report: CAMERA,
      message: null,
      answers: { people: { per_s: 9.96, age_p50_ms: 30.2, age_p99_ms: 39, age_certain: true, sees: '2 person' } },
    },
  },
  models: {
    ssdlite: {
      state: 'ready',
      reason: null,
      requests: 50,
      batches: 48,
      inference_ms: { p50: 12.4, p99: 18.1 },
      restarts: 2,
    },
  },
};
/** A node on which nearly everything is wrong. */
const TROUBLE: NodeStatus = {
  ...STATUS,
  problems: [
    {
      code: 'worker_failed',
      camera: 'yard',
      message: `yard/falls: critical worker falls has failed: ${'trouble '.repeat(20)}`,
    },
  ],
  cameras: {
    ...STATUS.cameras,
    yard: {
      report: { ...CAMERA, state: 'waiting', reason: 'refused', reconnects: 4, consumers: { falls: FALLS } },
      message:
        'rtsp://192.168.1.20/a-rather-long-path-of-a-stream: connection refused, is the camera on and the port right?',
      answers: { falls: { per_s: 0, age_p50_ms: null, age_p99_ms: null, age_certain: true, sees: 'unavailable' } },
    },
  },
};

describe('the screen of `vigia status`', () => {
  test.each([
    [{ state: 'recording', bytes: 12_400_000, kept_ms: 59_999 }, 'recording: 11.8 MiB'],
    [{ state: 'recording', kept_ms: 60_000 }, 'recording: 0 B; footage of 1 minute'],
    [
      { state: 'recording', kept_ms: 2.19 * 86_400_000, room_ms: 23.99 * 86_400_000 },
      'recording: 0 B; footage of 2.1 days, room for about 23 days',
    ],
    [
      { state: 'recording', kept_ms: 86_399_999, room_ms: 3_600_000 },
      'recording: 0 B; footage of 23 hours, room for about 1 hour',
    ],
    [{ state: 'ready', lost_ms: 61_000 }, 'records on events: 0 B, lost 1:01'],
    [
      { state: 'paused', reason: 'disk_full', message: '/footage: the disk is full (ENOSPC)', kept_ms: 86_400_000 },
      'recording paused: /footage: the disk is full (ENOSPC) (0 B)',
    ],
  ] as const)('a recorder: %j', (part, line) => {
    const quiet = { reason: null, message: null, bytes: 0, lost_ms: 0, kept_ms: null, room_ms: null };
    const recording = { ...quiet, ...part };
    const { hall } = STATUS.cameras as Record<'hall', NodeStatus['cameras'][string]>;
    const lines = statusScreen({ ...STATUS, cameras: { hall: { ...hall, recording } } }, PLAIN, 100);
    expect(lines.map((one) => one.trim())).toContain(line);
  });

  test('open alarms: those that nobody acknowledged say how, the others who did', () => {
    const alarm = {
      camera: 'hall',
      kind: 'fall',
      state: 'down',
      reason: 'fall',
      message: 'somebody fell in hall',
    } as const;
    const alarms = [
      { ...alarm, subject: 'hall/person-1', event: '01JAAAAAAAAAAAAAAAAAAAAAAA', since_ms: 12_000, acknowledged: null },
      {
        ...alarm,
        subject: 'hall/person-2',
        event: '01JBBBBBBBBBBBBBBBBBBBBBBB',
        since_ms: 65_000,
        acknowledged: { at: '2026-11-22T03:14:07.123Z', by: 'anna' },
      },
    ];
    const lines = statusScreen({ ...STATUS, alarms }, PLAIN, 120);
    const at = lines.indexOf('2 open alarms');
    expect(lines.slice(at, at + 3).map((one) => one.trim())).toEqual([
      '2 open alarms',
      'somebody fell in hall, 0:12 ago · vigia acknowledge 01JAAAAAAAAAAAAAAAAAAAAAAA',
      'somebody fell in hall, 1:05 ago · acknowledged by anna',
    ]);
  });

  test('of a node that is well', () => {
    expect(statusScreen(STATUS, PLAIN, 80).join('\n')).toBe(
      `ward  vigia 0.1.0 · up 1:05 · MQTT connected · shared memory 1.0 MiB

health ok · 1 of 1 camera live

CAMERA              STATE        RATE/S  AGE p50      p99  STREAM, SEES
hall                live           10.0                    h264 768×576
    dropped: 2 undecodable
  people (ssdlite)  running        10.0    30 ms    39 ms  2 person
    dropped: 7 gated (more than its fps), 1 overwritten (a newer one came first)
    no result: 3 unavailable

MODEL               STATE          RUNS  RUN p50      p99  RESTARTS
ssdlite             ready            48    12 ms    18 ms  2`,
    );
  });

  test('problems come before everything else; a camera, a consumer and a worker say why', () => {
    const lines = statusScreen(TROUBLE, PLAIN, 80);
    expect(lines.findIndex((line) => line === '1 problem · 1 of 2 cameras live')).toBeLessThan(
      lines.findIndex((line) => line.startsWith('CAMERA')),
    );
    const text = lines.join('\n');
    expect(text).toMatch(
      /\nyard +waiting +–\n {4}rtsp:\/\/192\.168\.1\.20\/a-rather-long-path-of-a-stream: connection refused, is\n/,
    );
    expect(text).toMatch(/\n {2}falls \(falls\) +failed +0\.0 +– +– {2}unavailable\n {4}exited with code 3\n/);
    expect(text).toMatch(
      /\nyard\/falls +failed +– +3 +falls\n {4}last end: 2026-11-22T03:00:00\.000Z exited with code 3$/,
    );
  });

  test.each([0, 40, 80, 100, 200])('no line is longer than a terminal of %i columns, or than 80', (columns) => {
    const long = 'a'.repeat(63);
    const cameras = {
      ...TROUBLE.cameras,
      [long]: { ...STATUS.cameras['hall'], report: { ...CAMERA, consumers: { [long]: PEOPLE } } },
    };
    const status = { ...TROUBLE, node: long, cameras } as NodeStatus;
    const lines = statusScreen(status, PLAIN, columns);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(Math.max(80, columns));
    expect(lines.some((line) => line.startsWith('aaaa'))).toBe(true);
  });

  test('colours change nothing but colours', () => {
    const colours = new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, 'g');
    const coloured = statusScreen(TROUBLE, paletteFor({ isTTY: true }, {}), 80);
    expect(coloured.join('\n')).not.toBe(statusScreen(TROUBLE, PLAIN, 80).join('\n'));
    expect(coloured.join('\n')).toContain('\u001b[32mlive ');
    expect(coloured.join('\n')).toContain('\u001b[31mfailed ');
    expect(coloured.map((line) => line.replaceAll(colours, '').trimEnd())).toEqual(statusScreen(TROUBLE, PLAIN, 80));
  });
});
