import { beforeEach, expect, test } from 'vitest';
import { EventsScreen } from './events-screen.ts';

interface Asked {
  readonly path: string;
  answer(status: number, body: unknown): Promise<void>;
}

let asked: Asked[];
let timers: (() => void)[];
let screen: EventsScreen;

beforeEach(() => {
  [asked, timers] = [[], []];
  screen = new EventsScreen({
    after: (_, then) => {
      timers.push(then);
      return () => void timers.splice(timers.indexOf(then), 1);
    },
    request: (_, path) =>
      new Promise((resolve) => {
        const answer = async (status: number, body: unknown): Promise<void> => {
          resolve({ status, body });
          for (let n = 0; n < 5; n += 1) await Promise.resolve();
        };
        asked.push({ path, answer });
      }),
  });
});

/** So many events of as many subjects. */
function events(count: number): object[] {
  return Array.from({ length: count }, (_, i) => ({
    id: `01J${String(count - i).padStart(23, '0')}`,
    kind: 'audit',
    phase: null,
    subject: null,
    severity: 'notice',
  }));
}

const last = (): Asked => asked.at(-1) as Asked;

test('asks for the newest that are kept; what is chosen is asked for', async () => {
  screen.start();
  expect(last().path).toBe('/api/v1/events?limit=100&severity=notice');
  await last().answer(200, { events: events(30), more: false });
  expect(screen.episodes.value).toHaveLength(30);
  expect(screen.more.value).toBe('no');
  screen.choose({ choice: 'people', camera: 'hall' });
  expect(screen.episodes.value).toBeNull();
  expect(last().path).toBe('/api/v1/events?limit=100&severity=notice&kind=fall%2Cbed%2Cvisit&camera=hall');
});

test('asks for more where few episodes are found, and when somebody wants earlier ones, up to what the node gives at once', async () => {
  screen.start();
  await last().answer(200, { events: events(5), more: true });
  expect(last().path).toContain('limit=300&');
  expect(screen.episodes.value).toBeNull();
  await last().answer(200, { events: events(40), more: true });
  expect(screen.more.value).toBe('yes');
  screen.older();
  expect(last().path).toContain('limit=900&');
  await last().answer(200, { events: events(90), more: true });
  screen.older();
  expect(last().path).toContain('limit=1000&');
  await last().answer(200, { events: events(3), more: true });
  expect(screen.more.value).toBe('limit');
});

test('an answer to an earlier choice is not shown', async () => {
  screen.start();
  const before = last();
  screen.choose({ choice: 'changes' });
  await before.answer(200, { events: events(30), more: false });
  expect(screen.episodes.value).toBeNull();
  await last().answer(200, { events: events(25), more: false });
  expect(screen.episodes.value).toHaveLength(25);
});

test('asks again once when events come, and not any more when it is closed', async () => {
  const close = screen.start();
  await last().answer(200, { events: events(30), more: false });
  screen.stale();
  screen.stale();
  expect(timers).toHaveLength(1);
  timers.shift()?.();
  expect(asked).toHaveLength(2);
  screen.stale();
  close();
  expect(timers).toHaveLength(0);
  await last().answer(200, { events: events(40), more: false });
  expect(screen.episodes.value).toHaveLength(30);
});

test('a failure is said, the list stays, and the next answer ends it', async () => {
  screen.start();
  await last().answer(200, { events: events(30), more: false });
  screen.older();
  await last().answer(409, { error: { code: 'no_store', message: 'this node keeps no events' } });
  expect(screen.failed.value).toBe('this node keeps no events');
  expect(screen.episodes.value).toHaveLength(30);
  screen.older();
  await last().answer(200, { events: events(31), more: false });
  expect(screen.failed.value).toBe('');
});
