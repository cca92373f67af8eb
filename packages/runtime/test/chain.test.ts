import { join } from 'node:path';
import { resultMessageSchema } from '@vigia/contracts';
import { SimulatedCamera } from '@vigia/testkit';
import { afterEach, describe, expect, test } from 'vitest';
import { CLIP, readReport, Sandbox, stepThrough, Vigia } from './support/vigia.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function setUp(
  options: Partial<Parameters<typeof SimulatedCamera.start>[0]> = {},
): Promise<{ camera: SimulatedCamera; box: Sandbox }> {
  const camera = await SimulatedCamera.start({ clip: CLIP, ...options });
  const box = new Sandbox();
  closers.push(
    () => camera.close(),
    () => box.remove(),
  );
  return { camera, box };
}

function start(box: Sandbox, args: readonly string[]): Vigia {
  const vigia = new Vigia(args, box.env);
  closers.push(() => vigia.process.kill('SIGKILL'));
  return vigia;
}

describe('a live camera', () => {
  test('people are found, every result is well formed, every frame is accounted for', async () => {
    const { camera, box } = await setUp();
    const reportFile = join(box.dir, 'r.json');
    const vigia = start(box, ['run', '-c', box.config({ hall: camera.url }), '--report', reportFile, '--json']);
    await vigia.until('results', () => vigia.results.filter((r) => r.status === 'ok').length > 30);
    vigia.process.kill('SIGTERM');
    expect(await vigia.ended()).toBe(0);
    const report = readReport(reportFile);
    const hall = report.cameras['hall'];
    const people = hall?.consumers['people'];
    expect(hall?.state).toBe('live');
    expect(people?.results.ok).toBeGreaterThan(30);
    expect(people?.results_with['person'] ?? 0).toBeGreaterThanOrEqual(0.95 * (people?.results.ok ?? 0));
    for (const { type: _, ...result } of vigia.lines.filter((l) => l.type === 'result'))
      resultMessageSchema.parse(result);
    const sequence = vigia.results.map((r) => r.seq);
    expect(sequence).toEqual([...sequence].sort((a, b) => a - b));
    expect(new Set(sequence).size).toBe(sequence.length);
    for (const r of vigia.results.filter((x) => x.status === 'ok')) {
      const { decoded, taken, rendered, sent, received, decided } = r.hops_ms;
      const hops = [0, decoded, taken, rendered, sent, received, decided] as number[];
      expect(hops).toEqual([...hops].sort((a, b) => a - b));
    }
    expect(box.leftovers()).toEqual([]);
  });

  test('a gate of 5 fps takes every other picture of 10, and says so', async () => {
    const { camera, box } = await setUp();
    const reportFile = join(box.dir, 'r.json');
    const config = box.config({ hall: camera.url }, '', '{ model: ssdlite, fps: 5, sla: critical }');
    const vigia = start(box, ['run', '-c', config, '--for', '6s', '--report', reportFile, '--json']);
    expect(await vigia.ended()).toBe(0);
    const people = readReport(reportFile).cameras['hall']?.consumers['people'];
    expect(people?.sla).toBe('critical');
    const { delivered = 0, dropped } = people ?? {};
    expect(dropped?.gated ?? 0).toBeGreaterThanOrEqual(delivered - 2);
    expect(dropped?.gated ?? 0).toBeLessThanOrEqual(delivered + 2);
  });
});

describe('no hidden delay', () => {
  test('in lock-step every unit comes out as a result before the next one is sent; frame 100 shows its people', async () => {
    const { camera, box } = await setUp({ pacing: 'lock-step' });
    const reportFile = join(box.dir, 'r.json');
    const vigia = start(box, ['run', '-c', box.config({ hall: camera.url }), '--report', reportFile, '--json']);
    await stepThrough(camera, vigia, 100);
    const results = vigia.results;
    expect(results.map((r) => r.seq)).toEqual(Array.from({ length: 101 }, (_, i) => i + 1));
    const people = results[100]?.detections?.filter((d) => d.class_name === 'person') ?? [];
    expect(people.length).toBeGreaterThanOrEqual(4);
    for (const truth of people) expect(PEOPLE_OF_FRAME_100.some((p) => overlaps(p, truth.bbox))).toBe(true);
    vigia.process.kill('SIGTERM');
    expect(await vigia.ended()).toBe(0);
    const { captured, published } = readReport(reportFile).cameras['hall'] ?? {};
    expect([captured, published]).toEqual([101, 101]);
  });
});

/** Where people stand in frame 100, centre x and y of 768×576, read off the picture by eye. */
const PEOPLE_OF_FRAME_100: readonly (readonly [number, number])[] = [
  [362, 237],
  [392, 218],
  [441, 218],
  [506, 186],
  [528, 186],
  [604, 193],
  [230, 77],
];

function overlaps([x, y]: readonly [number, number], [x0, y0, x1, y1]: readonly number[]): boolean {
  return (
    x / 768 >= (x0 as number) && x / 768 <= (x1 as number) && y / 576 >= (y0 as number) && y / 576 <= (y1 as number)
  );
}
