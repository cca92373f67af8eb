import { beforeEach, describe, expect, test } from 'vitest';
import { AddScreen, adviceOf, idOf, sourceOf } from './settings-add.ts';

interface Asked {
  readonly body: unknown;
  answer(status: number | undefined, body?: unknown): Promise<void>;
}

let asked: Asked[];
let timers: (() => void)[];
let screen: AddScreen;

beforeEach(() => {
  [asked, timers] = [[], []];
  screen = new AddScreen(
    {
      request: (method, path, options) =>
        new Promise((resolve, reject) => {
          expect([method, path, options.csrf]).toEqual(['POST', '/api/v1/probe', 'token']);
          asked.push({
            body: options.body,
            answer: async (status, body) => {
              if (status === undefined) reject(new Error('timeout'));
              else resolve({ status, body });
              for (let n = 0; n < 20; n += 1) await Promise.resolve();
            },
          });
        }),
      after: (_ms, then) => {
        timers.push(then);
        return () => void timers.splice(timers.indexOf(then), 1);
      },
    },
    () => 'token',
  );
  screen.begin('ssdlite');
});

const stream = { kind: 'rtsp', transport: 'tcp', codec: 'h264', width: 1920, height: 1080 };
const live = (smallStream: string | null = null): object => ({
  state: 'live',
  reason: null,
  message: null,
  took_ms: 900,
  stream: { ...stream, interval_ms: 40, gop_ms: 2000, decode: 'full', decoder: 'software' },
  picture: { width: 640, height: 360, jpeg: '' },
  memory_bytes: 90_000_000,
  small_stream: smallStream,
});
const ADDRESS = { address: '192.168.1.33/Streaming/Channels/101', user: 'care', password: 'a@b/c' };

describe('an address', () => {
  test.each([
    [{ address: ' 10.0.0.4/live ', user: '', password: '' }, 'rtsp://10.0.0.4/live'],
    [{ address: '10.0.0.4:8554/live', user: '', password: '' }, 'rtsp://10.0.0.4:8554/live'],
    [{ address: 'camera.local:554', user: '', password: '' }, 'rtsp://camera.local:554'],
    [{ address: 'rtsp://10.0.0.4/live', user: 'care', password: 'a@b:c/d' }, 'rtsp://care:a%40b%3Ac%2Fd@10.0.0.4/live'],
    [{ address: 'rtsp://old:one@10.0.0.4/live', user: 'care', password: 'x' }, 'rtsp://old:one@10.0.0.4/live'],
    [{ address: 'rtsp://10.0.0.4/a@b', user: 'care', password: 'x' }, 'rtsp://care:x@10.0.0.4/a@b'],
    [{ address: 'https://10.0.0.4/mjpeg', user: '', password: '' }, 'https://10.0.0.4/mjpeg'],
    [{ address: 'v4l2:/dev/video0', user: 'care', password: 'x' }, 'v4l2:/dev/video0'],
  ])('%j is %s', (typed, source) => {
    expect(sourceOf(typed)).toBe(source);
  });
});

test('an id is made from the name, and is not taken', () => {
  expect(idOf('Zimmer 4', [])).toBe('zimmer-4');
  expect(idOf('Flur süd – Straße!', ['flur-sud-strasse'])).toBe('flur-sud-strasse-2');
  expect(idOf(' ', ['camera', 'camera-2'])).toBe('camera-3');
  expect(idOf('x'.repeat(90), ['x'.repeat(59)])).toMatch(/^x{59}-2$/);
});

test('a camera is tried, its small stream with it; what is added has both', async () => {
  screen.type(ADDRESS);
  void screen.try();
  expect(screen.trial.value).toEqual({ kind: 'asking', forS: 0 });
  timers[0]?.();
  expect(screen.trial.value).toEqual({ kind: 'asking', forS: 1 });
  expect(asked[0]?.body).toEqual({ source: 'rtsp://care:a%40b%2Fc@192.168.1.33/Streaming/Channels/101' });
  await asked[0]?.answer(200, live('/Streaming/Channels/102'));
  expect(screen.trial.value.kind).toBe('answer');
  expect(asked[1]?.body).toEqual({ source: 'rtsp://care:a%40b%2Fc@192.168.1.33/Streaming/Channels/102' });
  await asked[1]?.answer(200, live());
  screen.type({ name: 'Room 6', record: 'on_event' });
  expect(screen.settings(['room-6'])).toEqual({
    id: 'room-6-2',
    settings: {
      source: 'rtsp://care:a%40b%2Fc@192.168.1.33/Streaming/Channels/101',
      detect_source: 'rtsp://care:a%40b%2Fc@192.168.1.33/Streaming/Channels/102',
      name: 'Room 6',
      consumers: { people: { model: 'ssdlite', fps: 5, sla: 'critical' } },
      rules: { fall: { from: 'people' } },
      record: { mode: 'on_event' },
    },
  });
});

test('a small stream that is not there is not used', async () => {
  screen.type(ADDRESS);
  void screen.try();
  await asked[0]?.answer(200, live('/Streaming/Channels/102'));
  await asked[1]?.answer(200, { ...live(), state: 'waiting', reason: 'not_found', picture: null });
  expect(screen.small.value).toBe('');
  screen.type({ model: '', record: 'never' });
  expect(screen.settings([])).toEqual({
    id: 'camera',
    settings: { source: 'rtsp://care:a%40b%2Fc@192.168.1.33/Streaming/Channels/101' },
  });
});

test('what came of another address is not shown for this one', async () => {
  screen.type(ADDRESS);
  void screen.try();
  screen.type({ password: 'other' });
  await asked[0]?.answer(200, live());
  expect(screen.trial.value).toEqual({ kind: 'idle' });
  void screen.try();
  await asked[1]?.answer(503, { error: { code: 'busy', message: 'another camera is being tried' } });
  expect(screen.trial.value).toEqual({ kind: 'failed', why: 'another camera is being tried' });
  screen.type({ name: 'Hall' });
  expect(screen.trial.value.kind).toBe('failed');
});

test('a form that is closed keeps no password', async () => {
  screen.type(ADDRESS);
  void screen.try();
  screen.close();
  await asked[0]?.answer(200, live('/Streaming/Channels/102'));
  expect(screen.camera.value.password).toBe('');
  expect(screen.trial.value).toEqual({ kind: 'idle' });
  expect(asked).toHaveLength(1);
  expect(screen.settings([])).toBeNull();
});

test('advice: keyframes that are far apart, H.265, large pictures without a small stream', () => {
  const of = (change: object): ReturnType<typeof adviceOf> =>
    adviceOf({ stream: { ...stream, interval_ms: 40, gop_ms: 2000, decode: 'full', decoder: '', ...change } }, false);
  expect(of({ width: 640 })).toEqual([]);
  expect(of({ gop_ms: 8000, codec: 'hevc' })).toEqual(['gop', 'hevc', 'large']);
  expect(adviceOf({ stream: null }, false)).toEqual([]);
});
