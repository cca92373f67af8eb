import type { NodeEvent } from '@vigia/contracts';
import { beforeEach, expect, test } from 'vitest';
import { knewOf, lanesOf, rangeAround, TimelineScreen } from './timeline-screen.ts';

const MINUTE = 60_000;
const NOW = 1_795_000_000_000;

interface Asked {
  readonly path: string;
  answer(status: number, body: unknown): Promise<void>;
}

let asked: Asked[];
let lines: string[];
let asksForLines: string[];
let timers: (() => void)[];
let screen: TimelineScreen;

async function settled(): Promise<void> {
  for (let n = 0; n < 10; n += 1) await Promise.resolve();
}

beforeEach(() => {
  [asked, lines, asksForLines, timers] = [[], [], [], []];
  screen = new TimelineScreen(
    {
      after: (_, then) => {
        timers.push(then);
        return () => void (timers = timers.filter((one) => one !== then));
      },
      request: (_, path) =>
        new Promise((resolve) => {
          asked.push({
            path,
            answer: async (status, body) => {
              resolve({ status, body });
              await settled();
            },
          });
        }),
      lines: (path) => {
        asksForLines.push(path);
        return Promise.resolve(lines);
      },
    },
    NOW,
    null,
    null,
  );
});

const recorded = { cameras: { hall: { spans: [{ from_ms: NOW - MINUTE, to_ms: NOW, event: false }], gaps: [] } } };

test('the last hour is in sight at first, and the first camera is chosen', async () => {
  void screen.load(NOW);
  expect(asked.map(({ path }) => path.split('?')[0])).toEqual(['/api/v1/recordings', '/api/v1/events']);
  const iso = (ms: number): string => encodeURIComponent(new Date(ms).toISOString());
  for (const { path } of asked) expect(path).toContain(`from=${iso(NOW - 60 * MINUTE)}&to=${iso(NOW)}`);
  await asked[0]?.answer(200, recorded);
  await asked[1]?.answer(200, { events: [] });
  expect(screen.lanes.value).toMatchObject([{ camera: 'hall', spans: [{ fromMs: NOW - MINUTE, toMs: NOW }] }]);
  expect(screen.camera.value).toBe('hall');
});

test('an answer to an earlier question is not shown; a refusal is said, and what was there stays', async () => {
  void screen.load(NOW);
  screen.choose('day', NOW);
  await asked[0]?.answer(200, { cameras: {} });
  await asked[1]?.answer(200, { events: [] });
  expect(screen.lanes.value).toBeNull();
  await asked[2]?.answer(200, recorded);
  await asked[3]?.answer(500, {});
  expect(screen.lanes.value).toHaveLength(1);
  screen.shift(-1, NOW);
  expect(screen.range.value.toMs).toBe(NOW - 24 * 60 * MINUTE);
  await asked[4]?.answer(409, { error: { message: 'this node records nothing' } });
  await asked[5]?.answer(200, { events: [] });
  expect([screen.failed.value, screen.lanes.value?.length]).toEqual(['this node records nothing', 1]);
});

test('nothing is in sight that has not happened yet', () => {
  expect(rangeAround(10 * MINUTE, NOW, NOW)).toEqual({ fromMs: NOW - 10 * MINUTE, toMs: NOW });
  expect(rangeAround(10 * MINUTE, NOW - 60 * MINUTE, NOW)).toEqual({
    fromMs: NOW - 65 * MINUTE,
    toMs: NOW - 55 * MINUTE,
  });
  screen.shift(3, NOW);
  expect(screen.range.value.toMs).toBe(NOW);
});

test('a gap that lasts goes on until now; what is out of sight is left out; events are of their camera', () => {
  const event = (camera: string, id: string): NodeEvent =>
    ({
      id,
      camera,
      kind: 'fall',
      phase: 'start',
      subject: `${camera}/fall`,
      severity: 'alarm',
      at: '',
    }) as unknown as NodeEvent;
  const cameras = {
    hall: {
      spans: [
        { from_ms: 0, to_ms: 5, event: true },
        { from_ms: 50, to_ms: 60, event: false },
      ],
      gaps: [{ from_ms: 60, to_ms: null, reason: 'camera_away' }],
    },
    yard: { spans: [], gaps: [] },
  };
  const range = { fromMs: 40, toMs: 100 };
  const [hall, yard] = lanesOf({ cameras }, [event('yard', 'b'), event('hall', 'a')], range, 90);
  expect(hall).toMatchObject({
    spans: [{ fromMs: 50, toMs: 60 }],
    gaps: [{ fromMs: 60, toMs: 90, reason: 'camera_away' }],
    events: [{ id: 'a' }],
  });
  expect(yard?.events).toMatchObject([{ id: 'b' }]);
});

test('what was known: of each consumer the newest answer before that time, whatever the order of the lines', () => {
  const at = (ms: number): string => new Date(NOW + ms).toISOString();
  const line = (consumer: string, ms: number, more: object): string =>
    JSON.stringify({ consumer, captured_at: at(ms), status: 'ok', age_ms: 50, ...more });
  const person = { class_name: 'person' };
  const found = knewOf(
    [
      line('people', -900, { detections: [] }),
      line('people', -200, { detections: [person, { class_name: 'cat' }, person] }),
      line('people', -500, { detections: [person] }),
      // After it: nobody knew that yet.
      line('people', 1, { detections: [] }),
      line('mood', -100, { status: 'timeout', detections: [] }),
      'no JSON',
      'null',
      '',
    ],
    NOW,
  );
  expect(found).toEqual([
    { consumer: 'mood', status: 'timeout', people: null, ageMs: 50, agoMs: 100 },
    { consumer: 'people', status: 'ok', people: 2, ageMs: 50, agoMs: 200 },
  ]);
});

test('what was known is asked for once somebody stays', async () => {
  screen.camera.value = 'hall';
  for (const ms of [1000, 2000, 3000]) screen.look(NOW + ms);
  expect([asksForLines, timers.length]).toEqual([[], 1]);
  timers[0]?.();
  await settled();
  expect(asksForLines).toEqual([`/api/v1/recordings/hall/results.jsonl?from=${NOW - 2000}&to=${NOW + 3000}`]);
  expect(screen.knew.value).toEqual([]);
});

test('a clip is never shorter than a second, and says what it holds, or why there is none', async () => {
  screen.camera.value = 'hall';
  screen.mark('from', 50_000);
  expect(screen.clip.value).toMatchObject({ fromMs: 50_000, toMs: 60_000 });
  screen.mark('to', 50_200);
  expect(screen.clip.value).toMatchObject({ fromMs: 49_200, toMs: 50_200, facts: null });
  // That of the first mark is not wanted any more.
  await asked[0]?.answer(200, { from_ms: 1, to_ms: 2, gaps: [], bytes: 3 });
  expect(screen.clip.value?.facts).toBeNull();
  await asked[1]?.answer(200, { from_ms: 48_900, to_ms: 50_200, gaps: [{}], bytes: 900 });
  expect(screen.clip.value?.facts).toEqual({ fromMs: 48_900, toMs: 50_200, gaps: 1, bytes: 900 });
  screen.mark('to', 70_000);
  await asked[2]?.answer(404, { error: { message: 'nothing was recorded' } });
  expect(screen.clip.value).toMatchObject({ toMs: 70_000, facts: null, refused: 'nothing was recorded' });
});
