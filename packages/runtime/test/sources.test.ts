import { createServer } from 'node:http';
import { join } from 'node:path';
import { systemClock, every } from '@vigia/base';
import type { Report } from '@vigia/contracts';
import { SimulatedCamera } from '@vigia/testkit';
import { afterEach, describe, expect, test } from 'vitest';
import { clip, jpegs } from './support/clips.ts';
import { CLIP, readReport, Sandbox, Vigia } from './support/vigia.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** An MJPEG camera: the project's clip, ten pictures a second, over and over. */
async function mjpegCamera(): Promise<string> {
  const pictures = jpegs();
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'Content-Type': 'multipart/x-mixed-replace; boundary=frame' });
    let n = 0;
    const timer = every(systemClock, 100, () => {
      const picture = pictures[(n += 1) % pictures.length] as Buffer;
      response.write(`--frame\r\nContent-Type: image/jpeg\r\nContent-Length: ${picture.byteLength}\r\n\r\n`);
      response.write(picture);
      response.write('\r\n');
    });
    response.on('close', () => timer.cancel());
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    server.closeAllConnections();
    return new Promise<void>((resolve) => void server.close(() => resolve()));
  });
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}/video`;
}

async function camera(options: Partial<Parameters<typeof SimulatedCamera.start>[0]> = {}): Promise<SimulatedCamera> {
  const started = await SimulatedCamera.start({ clip: CLIP, ...options });
  closers.push(() => started.close());
  return started;
}

interface Node {
  readonly vigia: Vigia;
  readonly box: Sandbox;
  finish(): Promise<Report>;
}

/** A node with these cameras, each as lines of YAML, and a person detector looking twice a second at each. */
function start(cameras: Readonly<Record<string, readonly string[]>>): Node {
  const box = new Sandbox();
  const blocks = Object.entries(cameras).map(
    ([id, lines]) =>
      `  ${id}:\n${lines.map((line) => `    ${line}\n`).join('')}    consumers: { people: { model: ssdlite, fps: 2 } }\n`,
  );
  const models = 'models:\n  ssdlite: { use: ssdlite-mobilenet-v2, skip_loop_filter: true }\n';
  const config = box.file('vigia.yml', `version: 1\nnode: ${box.node}\ncameras:\n${blocks.join('')}${models}`);
  const reportFile = join(box.dir, 'r.json');
  const vigia = new Vigia(['run', '-c', config, '--report', reportFile, '--json'], box.env);
  closers.push(
    () => box.remove(),
    () => vigia.process.kill('SIGKILL'),
  );
  return {
    vigia,
    box,
    async finish() {
      vigia.process.kill('SIGTERM');
      expect(await vigia.ended()).toBe(0);
      expect(box.leftovers()).toEqual([]);
      return readReport(reportFile);
    },
  };
}

/** So many results of each camera that saw somebody. */
function seen(vigia: Vigia, ids: readonly string[], count: number): Promise<true> {
  return vigia.until(`people seen by ${ids.join(', ')}`, () =>
    ids.every((id) => vigia.results.filter((r) => r.camera === id && (r.detections ?? []).length > 0).length >= count),
  );
}

describe('sources', () => {
  test('H.265 over UDP, MJPEG over HTTP, a looped file, B-frames: people are seen by each', async () => {
    const hevc = await camera({ clip: clip('h265') });
    const node = start({
      hevc: [`source: ${hevc.url}`, 'transport: udp'],
      mjpeg: [`source: ${await mjpegCamera()}`],
      file: [`source: file:${CLIP}?loop`],
      reordered: [`source: file:${clip('bFrames')}?loop`],
    });
    await seen(node.vigia, ['hevc', 'mjpeg', 'file', 'reordered'], 3);
    const { cameras } = await node.finish();
    const streams = Object.fromEntries(
      Object.entries(cameras).map(([id, c]) => [id, [c.stream?.kind, c.stream?.transport, c.stream?.codec]]),
    );
    expect(streams).toEqual({
      hevc: ['rtsp', 'udp', 'hevc'],
      mjpeg: ['http', '', 'mjpeg'],
      file: ['file', '', 'h264'],
      reordered: ['file', '', 'h264'],
    });
    for (const c of Object.values(cameras))
      expect(c).toMatchObject({
        state: 'live',
        reconnects: 0,
        stream: { width: 768, height: 576, decoder: 'software' },
      });
  });

  test('detect_source: models look at the small stream, the large one is connected once and not decoded', {
    tags: 'full',
  }, async () => {
    const [large, small] = [await camera(), await camera({ clip: clip('small') })];
    const node = start({ hall: [`source: ${large.url}`, `detect_source: ${small.url}`] });
    await node.vigia.until('results', () => node.vigia.results.filter((r) => r.status === 'ok').length >= 3);
    // Its loss is reported and costs the models nothing.
    large.dropClients();
    await node.vigia.until(
      'a second connection',
      () => large.stats().connectionsTotal >= 2 && large.stats().playing === 1,
    );
    const { hall } = (await node.finish()).cameras;
    expect(hall).toMatchObject({
      state: 'live',
      reconnects: 0,
      stream: { width: 320, height: 240 },
      main: { state: 'live', reconnects: 1 },
    });
    expect(hall?.main?.captured).toBeGreaterThan(10);
    expect(small.stats().connectionsTotal).toBe(1);
  });

  test('decode: keyframes: one picture a second of this camera, and the report says so', { tags: 'full' }, async () => {
    const slow = await camera({ clip: clip('small') });
    const node = start({ hall: [`source: ${slow.url}`, 'decode: keyframes'] });
    await node.vigia.until('results', () => node.vigia.results.filter((r) => r.status === 'ok').length >= 4);
    const { hall } = (await node.finish()).cameras;
    expect(hall?.stream).toMatchObject({ decode: 'keyframes', interval_ms: 1000, gop_ms: 1000 });
    expect(hall?.skipped.no_demand).toBeGreaterThanOrEqual(9 * ((hall?.published ?? 0) - 1));
  });

  test('a file without ?loop is over when it is over, and the node says so and goes on', { tags: 'full' }, async () => {
    const node = start({ hall: [`source: file:${clip('small')}`], other: [`source: file:${CLIP}?loop`] });
    const { vigia } = node;
    const over = await vigia.until('the end of the file', () =>
      vigia.lines.find((l) => l.type === 'camera_state' && l.camera === 'hall' && l.state === 'stopped'),
    );
    expect(over).toMatchObject({ reason: 'ended', message: expect.stringMatching(/small-1\.mp4: is over$/) });
    const before = vigia.results.length;
    await vigia.until('results of the other', () => vigia.results.length > before + 2);
    const { cameras } = await node.finish();
    expect(cameras['hall']).toMatchObject({ captured: 40, state: 'stopped', reason: 'ended' });
  });

  test('a picture larger than max_picture is refused with both sizes', async () => {
    const { vigia } = start({ hall: [`source: ${(await camera()).url}`, 'max_picture: { width: 640, height: 480 }'] });
    const told = await vigia.until('the refusal', () =>
      vigia.lines.find((l) => l.type === 'camera_state' && l.reason === 'unsupported_codec'),
    );
    expect(told).toMatchObject({ message: expect.stringMatching(/768×576.*640×480/) });
  });
});
