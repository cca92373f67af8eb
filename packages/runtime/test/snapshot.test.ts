import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ConsumerReport, Report } from '@vigia/contracts';
import { SimulatedCamera } from '@vigia/testkit';
import sharp from 'sharp';
import { afterEach, expect, test } from 'vitest';
import { reportNow } from './support/fleet.ts';
import { ReadMetrics } from './support/openmetrics.ts';
import { CLIP, readReport, Sandbox, stepThrough, Vigia } from './support/vigia.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function run(args: readonly string[], env: NodeJS.ProcessEnv): Promise<{ code: number | null; stderr: string }> {
  const vigia = new Vigia(args, env);
  closers.push(() => vigia.process.kill('SIGKILL'));
  return { code: await vigia.ended(), stderr: vigia.stderr };
}

/** How far two pictures of the same size differ, mean of 0..255. */
async function difference(a: string, b: string): Promise<number> {
  const [x, y] = await Promise.all([a, b].map((file) => sharp(file).removeAlpha().raw().toBuffer()));
  if (!x || !y || x.byteLength !== y.byteLength) throw new Error('pictures of different sizes');
  let sum = 0;
  for (let i = 0; i < x.byteLength; i += 1) sum += Math.abs((x[i] as number) - (y[i] as number));
  return sum / x.byteLength;
}

test('vigia snapshot: the whole picture, with boxes or bare; everything that cannot be is one sentence', async () => {
  const camera = await SimulatedCamera.start({ clip: CLIP });
  const box = new Sandbox();
  closers.push(
    () => camera.close(),
    () => box.remove(),
  );
  const config = box.config({ hall: camera.url, dark: 'rtsp://127.0.0.1:1/x' });
  const bare = join(box.dir, 'bare.jpg');
  const annotated = join(box.dir, 'annotated.jpg');
  expect(await run(['snapshot', 'hall', bare, '-c', config], box.env)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('no node answers'),
  });

  const vigia = new Vigia(['run', '-c', config, '--json'], box.env);
  closers.push(() => vigia.process.kill('SIGKILL'));
  await vigia.until('an ok result', () => vigia.results.some((r) => r.status === 'ok'));
  expect((await run(['snapshot', 'hall', annotated, '-c', config], box.env)).code).toBe(0);
  expect((await run(['snapshot', 'hall', bare, '--node', box.node, '--bare'], box.env)).code).toBe(0);
  for (const file of [bare, annotated]) {
    expect(await sharp(file).metadata()).toMatchObject({ format: 'jpeg', width: 768, height: 576 });
  }
  expect(await difference(bare, annotated)).toBeGreaterThan(0.5);
  // The frame colour of a person's box is on the annotated one only.
  const pink = async (file: string): Promise<number> => {
    const pixels = await sharp(file).removeAlpha().raw().toBuffer();
    let n = 0;
    for (let i = 0; i < pixels.byteLength; i += 3)
      if ((pixels[i] as number) > 220 && (pixels[i + 1] as number) < 110 && (pixels[i + 2] as number) < 160) n += 1;
    return n;
  };
  expect(await pink(annotated)).toBeGreaterThan(20 * ((await pink(bare)) + 10));

  expect(await run(['snapshot', 'yard', bare, '-c', config], box.env)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('there is no camera "yard"; this node has hall, dark'),
  });
  expect(await run(['snapshot', 'dark', bare, '-c', config], box.env)).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/camera dark is (waiting|connecting)/),
  });
  expect(await run(['snapshot', 'hall', '/nowhere/x.jpg', '-c', config], box.env)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('/nowhere/x.jpg: cannot be written (ENOENT)'),
  });
  expect(readFileSync(bare).byteLength).toBeGreaterThan(10_000);
  await expectMetricsBetweenReports(box);
});

/** The metrics of a running node have the numbers of the reports before and after them. */
async function expectMetricsBetweenReports(box: Sandbox): Promise<void> {
  const before = await reportNow(box);
  const metrics = await ReadMetrics.of(box);
  const after = await reportNow(box);
  const grows = (name: string, labels: Record<string, string>, count: (report: Report) => number): void => {
    const value = metrics.value(name, labels);
    expect(value, `${name} as before`).toBeGreaterThanOrEqual(count(before));
    expect(value, `${name} as after`).toBeLessThanOrEqual(count(after));
  };
  const hall = ({ cameras }: Report): Report['cameras'][string] => cameras['hall'] as Report['cameras'][string];
  const people = (report: Report): ConsumerReport => hall(report).consumers['people'] as ConsumerReport;
  const of = { camera: 'hall', consumer: 'people' };
  grows('vigia_uptime_seconds', {}, (r) => r.duration_ms / 1000);
  grows('vigia_camera_captured_total', { camera: 'hall' }, (r) => hall(r).captured);
  grows('vigia_camera_published_total', { camera: 'hall' }, (r) => hall(r).published);
  grows('vigia_consumer_offered_total', of, (r) => people(r).published);
  grows('vigia_consumer_dropped_total', { ...of, cause: 'overwritten' }, (r) => people(r).dropped.overwritten);
  grows('vigia_consumer_results_total', { ...of, status: 'ok' }, (r) => people(r).results.ok);
  grows(
    'vigia_process_cpu_seconds_total',
    { process: 'supervisor' },
    (r) => r.system.processes['supervisor']?.cpu_s ?? 0,
  );
  grows('vigia_model_requests_total', { model: 'ssdlite' }, (r) => r.models['ssdlite']?.requests ?? 0);
  expect(hall(before).captured).toBeGreaterThan(0);

  // The histograms come from the stream: every ok result of the report had reached the supervisor before its counters.
  expect(hall(after).unsent_results).toBe(0);
  for (const labels of [{}, { hop: 'decoded' }, { hop: 'decided' }]) {
    const name = `vigia_consumer_${'hop' in labels ? 'hop' : 'age'}_seconds_count`;
    grows(name, { ...of, ...labels }, (r) => people(r).results.ok);
  }
  const sumOf = (hop: string): number => metrics.value('vigia_consumer_hop_seconds_sum', { ...of, hop });
  const means = ['decoded', 'taken', 'rendered', 'sent', 'received', 'decided'].map(
    (hop) => sumOf(hop) / metrics.value('vigia_consumer_hop_seconds_count', { ...of, hop }),
  );
  expect(means).toEqual(means.toSorted((a, b) => a - b));
  expect(means.at(-1)).toBeGreaterThan(0.001);
  expect(metrics.value('vigia_consumer_age_unknown_total', of)).toBe(0);

  expect(metrics.value('vigia_camera_state', { camera: 'hall', state: 'live' })).toBe(1);
  expect(metrics.value('vigia_camera_state', { camera: 'dark', state: 'live' })).toBe(0);
  expect(metrics.value('vigia_consumer_age_seconds_count', { camera: 'dark' })).toBe(0);
  expect(metrics.value('vigia_model_state', { model: 'ssdlite', state: 'ready' })).toBe(1);
  expect(metrics.value('vigia_build_info', { node: box.node, nodejs: process.versions.node })).toBe(1);
  expect(metrics.value('vigia_process_memory_bytes', { process: 'camera:hall' })).toBeGreaterThan(1e6);
  expect(metrics.valuesOf('subscriber')).toEqual(['health', 'metrics', 'report', 'view']);
}

test('a camera that nobody looks at: live, nothing decoded, and still good for a picture', async () => {
  const camera = await SimulatedCamera.start({ clip: CLIP });
  const box = new Sandbox();
  closers.push(
    () => camera.close(),
    () => box.remove(),
  );
  const reportFile = join(box.dir, 'r.json');
  const config = box.file(
    'vigia.yml',
    `version: 1\nnode: ${box.node}\ncameras:\n  hall: { source: "${camera.url}" }\n`,
  );
  const vigia = new Vigia(['run', '-c', config, '--report', reportFile, '--json'], box.env);
  closers.push(() => vigia.process.kill('SIGKILL'));
  await vigia.until('live', () => vigia.lines.some((l) => l.type === 'camera_state' && l.state === 'live'));
  // Two at once: both get one.
  const files = [join(box.dir, 'a.jpg'), join(box.dir, 'b.jpg')];
  const done = await Promise.all(files.map((file) => run(['snapshot', 'hall', file, '-c', config], box.env)));
  expect(done.map((d) => [d.code, d.stderr])).toEqual([
    [0, ''],
    [0, ''],
  ]);
  for (const file of files) expect((await sharp(file).metadata()).width).toBe(768);
  vigia.process.kill('SIGTERM');
  expect(await vigia.ended()).toBe(0);
  const { skipped, captured = 0, published = 0 } = readReport(reportFile).cameras['hall'] ?? {};
  expect(skipped?.no_demand).toBeGreaterThan(0);
  // Decoding began at a keyframe when a picture was asked for, and ended with it.
  expect(published).toBeGreaterThan(0);
  expect(published).toBeLessThan(captured);
});

test('a region of interest: consumers see only it, boxes come back in the whole picture', async () => {
  const camera = await SimulatedCamera.start({ clip: CLIP, pacing: 'lock-step' });
  const box = new Sandbox();
  closers.push(
    () => camera.close(),
    () => box.remove(),
  );
  const reportFile = join(box.dir, 'r.json');
  // The left half of the road: at frame 100 people stand there between x = 0.44 and 0.58, the vans at 0.85 are outside.
  const config = box.file(
    'vigia.yml',
    `version: 1
node: ${box.node}
cameras:
  hall:
    source: ${camera.url}
    roi: { x: 0.3, y: 0.2, width: 0.5, height: 0.4 }
    consumers:
      people: { model: ssdlite }
models:
  ssdlite: { use: ssdlite-mobilenet-v2 }
`,
  );
  const vigia = new Vigia(['run', '-c', config, '--report', reportFile, '--json'], box.env);
  closers.push(() => vigia.process.kill('SIGKILL'));
  await stepThrough(camera, vigia, 100);
  const detections = vigia.results[100]?.detections ?? [];
  const people = detections.filter((d) => d.class_name === 'person');
  expect(people.length).toBeGreaterThanOrEqual(4);
  expect(detections.some((d) => d.class_name === 'car')).toBe(false);
  for (const { bbox } of people) {
    const [x0, y0, x1, y1] = bbox;
    expect(x0).toBeGreaterThanOrEqual(0.299);
    expect(x1).toBeLessThanOrEqual(0.801);
    // Feet on the road, heads above: where the people of this frame are (see chain.test.ts).
    expect((y0 + y1) / 2).toBeGreaterThan(0.28);
    expect((y0 + y1) / 2).toBeLessThan(0.45);
  }
  vigia.process.kill('SIGTERM');
  expect(await vigia.ended()).toBe(0);
  readReport(reportFile);
});

test('what lies in a privacy zone is seen by no model and in no snapshot', async () => {
  const camera = await SimulatedCamera.start({ clip: CLIP, pacing: 'lock-step' });
  const box = new Sandbox();
  closers.push(
    () => camera.close(),
    () => box.remove(),
  );
  // Where people stand at frame 100; the vans at 0.85 are outside.
  const config = box.file(
    'vigia.yml',
    `version: 1
node: ${box.node}
cameras:
  hall:
    source: ${camera.url}
    zones: { door: { kind: privacy, points: [[0.35, 0], [0.65, 0], [0.65, 1], [0.35, 1]] } }
    consumers:
      people: { model: ssdlite }
models:
  ssdlite: { use: ssdlite-mobilenet-v2 }
`,
  );
  const vigia = new Vigia(['run', '-c', config, '--json'], box.env);
  closers.push(() => vigia.process.kill('SIGKILL'));
  await stepThrough(camera, vigia, 100);
  const middles = (vigia.results[100]?.detections ?? []).map(({ bbox: [x0, , x1] }) => (x0 + x1) / 2);
  expect(middles.filter((x) => x > 0.36 && x < 0.64)).toEqual([]);
  expect(middles.length).toBeGreaterThan(0);
  const bare = join(box.dir, 'bare.jpg');
  const ended = new AbortController();
  const saved = run(['snapshot', 'hall', bare, '--node', box.node, '--bare'], box.env).finally(() => ended.abort());
  // It is of the next picture.
  for (let index = 101; !ended.signal.aborted; index += 1) {
    camera.step();
    await vigia.until(`the result of unit ${index}`, () => vigia.results.length > index, 10_000);
  }
  expect(await saved).toMatchObject({ code: 0, stderr: '' });
  const brightest = async (left: number): Promise<number> => {
    const part = await sharp(bare)
      .extract({ left, top: 0, width: 768 / 4, height: 576 })
      .raw()
      .toBuffer();
    return part.reduce((most, one) => Math.max(most, one), 0);
  };
  expect(await brightest(288)).toBeLessThan(24);
  expect(await brightest(0)).toBeGreaterThan(200);
  expect(await brightest(576)).toBeGreaterThan(200);
});
