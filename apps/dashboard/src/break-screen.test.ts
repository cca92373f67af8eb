import { describe, expect, test } from 'vitest';
import { BreakScreen } from './break-screen.ts';
import type { Reply } from './connection.ts';
import { TestTime } from './test-time.ts';
import { clockTime } from './texts.ts';
import type { TileView, Ward } from './ward.ts';

/** The server's wall clock minus the page's clock. */
const OFFSET = Date.parse('2026-11-22T03:14:00.000Z');

/** A camera whose answers the test gives. */
class Scene extends TestTime {
  watch: TileView['watch'] = 'watching';
  readonly asked: string[] = [];
  reply: Reply = { status: 200, body: {} };
  recordings: Reply = { status: 200, body: { cameras: {} } };
  readonly screen = new BreakScreen(
    'room',
    {
      serverMs: (localMs) => OFFSET + localMs,
      tile: () => ({ watch: this.watch }) as TileView,
    } satisfies Pick<Ward, 'serverMs' | 'tile'>,
    this,
    () => 'csrf',
  );

  async request(method: string, path: string, { body }: { body?: unknown }): Promise<Reply> {
    this.asked.push(`${method} ${path} ${JSON.stringify(body ?? null)}`);
    return method === 'POST' ? this.reply : this.recordings;
  }

  /** @param agoMs How long ago its picture was taken. */
  answer(status: 'ok' | 'unavailable' | 'expired', agoMs: number): void {
    this.screen.take({ status, captured_at: new Date(OFFSET + this.nowMs - agoMs).toISOString() });
  }

  get said(): string {
    return this.screen.said.value;
  }
}

describe('a killed model', () => {
  test('it is said when vigia said so, how many looks had no answer, and when it looked again', async () => {
    const scene = new Scene();
    await scene.pass(1000);
    await scene.screen.break('model');
    expect(scene.asked).toEqual(['POST /api/v1/demo/break {"what":"model","camera":"room"}']);
    expect(scene.said).toBe(`The model was killed at ${clockTime(OFFSET + 1000)}. All cameras shared it.`);
    // An answer from before is none of what follows.
    await scene.pass(10);
    scene.answer('ok', 50);
    await scene.pass(30);
    scene.answer('unavailable', 20);
    expect(scene.said).toMatch(/After 40 ms vigia said that it cannot look\. One look had no answer\.$/);
    await scene.pass(200);
    scene.answer('unavailable', 20);
    await scene.pass(1000);
    scene.answer('ok', 60);
    expect(scene.said).toMatch(/After 1\.2 s it looked again\. 2 looks had no answer\.$/);
    const { said } = scene;
    scene.answer('unavailable', 20);
    await scene.pass(1000);
    expect(scene.said).toBe(said);
    expect(scene.timers).toBe(0);
  });

  test('a refusal says why, and nothing is waited for', async () => {
    const scene = new Scene();
    scene.reply = {
      status: 409,
      body: { error: { code: 'not_running', message: 'model ssdlite is not running now' } },
    };
    await scene.screen.break('model');
    expect(scene.said).toBe('Nothing was broken: model ssdlite is not running now');
    scene.answer('unavailable', 0);
    expect([scene.said, scene.timers]).toEqual(['Nothing was broken: model ssdlite is not running now', 0]);
  });
});

test('a frozen camera: its last pictures do not count as looked at again; the silence is noticed', async () => {
  const scene = new Scene();
  await scene.screen.break('camera');
  await scene.pass(100);
  scene.answer('ok', 20);
  scene.answer('expired', 90);
  expect(scene.said).not.toContain('vigia said');
  await scene.pass(2000);
  scene.watch = 'blind';
  await scene.pass(250);
  expect(scene.said).toMatch(/After 2\.\d s vigia said that it cannot look\./);
  await scene.pass(6000);
  scene.answer('ok', 20);
  expect(scene.said).toMatch(/After 8\.3 s it looked again\. One look had no answer\.$/);
});

test('a killed recorder: the gap is the one that ended after it, once it has ended', async () => {
  const scene = new Scene();
  await scene.pass(100_000);
  const before = { from_ms: OFFSET + 70_000, to_ms: OFFSET + 71_000, reason: 'node_down' };
  const lasting = { from_ms: OFFSET + 99_800, to_ms: null, reason: 'node_down' };
  scene.recordings = { status: 200, body: { cameras: { room: { spans: [], gaps: [before, lasting] } } } };
  await scene.screen.break('recorder');
  scene.answer('ok', -20);
  await scene.pass(2500);
  expect(scene.asked.slice(1)).toEqual([
    `GET /api/v1/recordings?camera=room&from=${OFFSET + 40_000} null`,
    expect.anything(),
  ]);
  expect(scene.said).not.toContain('gap');
  const ended = { ...lasting, to_ms: OFFSET + 100_400 };
  scene.recordings = { status: 200, body: { cameras: { room: { spans: [], gaps: [before, ended] } } } };
  await scene.pass(2500);
  expect(scene.said).toContain(`The recording has a gap of 600 ms, from ${clockTime(OFFSET + 99_800)} to`);
  expect(scene.timers).toBe(0);
});

test('what does not come is not waited for without end; another break, or the end, ends the wait', async () => {
  const scene = new Scene();
  await scene.screen.break('camera');
  await scene.pass(61_000);
  expect(scene.timers).toBe(0);
  await scene.screen.break('model');
  await scene.screen.break('camera');
  expect(scene.timers).toBe(1);
  scene.screen.close();
  expect(scene.timers).toBe(0);
});
