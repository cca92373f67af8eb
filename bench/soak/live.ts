/**
 * Live video under attack: wrong offers, sessions that nobody takes, and its processes killed again and again. Every wrong input
 * has its status, nothing is left a minute later, and neither recording nor results notice.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sleep, systemClock } from '@vigia/base';
import { endViewers, MovieViewer, postOffer, WhepViewer } from '@vigia/testkit/whep-viewer';
import { CameraFork } from '../support/camera-fork.ts';
import { freePort } from '../support/free-port.ts';
import { ms, quantile } from '../support/numbers.ts';
import { descendantsOf } from '../support/processes.ts';
import { VigiaNode } from '../support/vigia-node.ts';
import { memoryOf, mib } from './memory.ts';
import { runSoak, type SoakResult, type SoakRun } from './soak-run.ts';

const BRIGHT = fileURLToPath(new URL('../../../examples/workers/brightness.mjs', import.meta.url));
const CAMERA = 'hall';
const FPS = 10;
const WRONG = { long: 200, short: 40 } as const;
const ABANDONED = 100;
/** A session that nobody takes ends after 15 s; one more second for each of them to be looked at. Milliseconds. */
const FORGOTTEN_MS = 20_000;
/** Viewers of a movie: so many confirm what they had, and as many are silent and come again when they are sent away. */
const MOVIES = 10;
const MOVIES_MS = { long: 300_000, short: 45_000 } as const;
/** Of the pictures of a time, a viewer who confirms gets at least this share. */
const MOVIE_SHARE = 0.9;
/** One who is silent is sent away after 30 s. */
const SILENT_MS = 40_000;
const KILLS = { long: 100, short: 5 } as const;
const LIVE = '/live-process.';
const API = '/api-process.';
/** A viewer sees video again within this time. Milliseconds. */
const BACK_MS = 20_000;
/** Between two results of the camera, while processes die. Milliseconds. */
const GAP_MS = 2_000;
/** Allowed growth of the anonymous memory of the live process, bytes. */
const GROWTH = 24 * 2 ** 20;

interface Scene {
  readonly run: SoakRun;
  readonly node: VigiaNode;
  readonly base: string;
  readonly failures: string[];
}

const whep = ({ base }: Scene, camera = CAMERA): string => `${base}/cameras/${camera}/whep`;

await runSoak('live', async (run): Promise<SoakResult> => {
  const { signal, scope, progress, short } = run;
  const bench = { signal, scope, seconds: 0, progress };
  const camera = await CameraFork.start(bench, { fps: FPS });
  scope.defer(endViewers);
  const data = mkdtempSync(join(tmpdir(), 'vigia-soak-live-'));
  scope.defer(() => rmSync(data, { recursive: true }));
  const port = await freePort();
  const workers = `workers:\n  bright: { module: ${BRIGHT}, input: { format: GRAY8, width: 64, height: 36 } }\n`;
  const node = VigiaNode.start(
    bench,
    { [CAMERA]: camera.url },
    '{ light: { worker: bright } }',
    'record: { mode: always }',
    { models: '', top: `http: { listen: "127.0.0.1:${port}" }\n${workers}`, env: { VIGIA_DATA_DIR: data } },
  );
  await node.okResults([CAMERA], FPS);
  const scene: Scene = { run, node, base: `http://127.0.0.1:${port}/api/v1`, failures: [] };
  const statuses = await wrongOffers(scene, short ? WRONG.short : WRONG.long);
  const abandoned = await abandonedSessions(scene);
  const movies = await movieViewers(scene, short ? MOVIES_MS.short : MOVIES_MS.long);
  const live = await killStorm(scene, LIVE, short ? KILLS.short : KILLS.long);
  const api = await killStorm(scene, API, short ? KILLS.short : KILLS.long);
  await node.finish();
  scene.failures.push(...node.leftovers().map((name) => `left behind: ${name}`));
  const kills = (name: string, { times, gapMs }: Storm): string[] => [
    name,
    String(times.length),
    ms(quantile(times, 0.5)),
    ms(quantile(times, 0.95)),
    ms(Math.max(...times)),
    ms(gapMs),
  ];
  return {
    tables: [
      {
        title: 'Wrong offers, and sessions that nobody takes',
        columns: ['', 'count', 'what came of them'],
        rows: [
          ['spoilt offers', String(short ? WRONG.short : WRONG.long), countsText(statuses)],
          ['offers that are never connected', String(ABANDONED), abandoned],
        ],
      },
      {
        title: `Movies: ${MOVIES} viewers who confirm, and ${MOVIES} who do not`,
        columns: [
          'for',
          'pictures of one who confirms, at least',
          'of one who does not, a second',
          'sent away',
          'live process, MiB',
          'api process, MiB',
        ],
        rows: [movies],
        notes: ['memory: anonymous, after a third of the time and at its end'],
      },
      {
        title: 'Processes killed while somebody looks, a camera is recorded and analysed',
        columns: ['killed', 'times', 'video again: p50, ms', 'p95', 'max', 'longest time between results, ms'],
        rows: [kills('live process', live), kills('api process', api)],
        notes: ['from SIGKILL to the first packet of a viewer that asks again every 50 ms'],
      },
    ],
    failures: scene.failures,
  };
});

function countsText(counts: ReadonlyMap<number, number>): string {
  return [...counts]
    .sort(([a], [b]) => a - b)
    .map(([status, count]) => `${count} × ${status}`)
    .join(', ');
}

/** Makes a text wrong in one of many ways. */
function spoilt(offer: string, n: number): string {
  const lines = offer.split('\r\n');
  const at = (n * 7_919) % lines.length;
  const without = lines.filter((_, i) => i !== at).join('\r\n');
  const ways = [
    () => offer.slice(0, (n * 104_729) % offer.length),
    () => without,
    () => lines.toReversed().join('\r\n'),
    () => offer.replaceAll('H264', 'VP8').replaceAll('H265', 'VP9'),
    () => offer.replace(/a=fingerprint:.*/, `a=fingerprint:sha-256 ${'ZZ:'.repeat(n)}`),
    () => offer.replace(/a=ice-pwd:.*/g, `a=ice-pwd:${'x'.repeat(n * 10)}`),
    () => offer.replace(/m=video \d+/, `m=video ${n * 1_000}`),
    () => `${offer}${'a=candidate:1 1 UDP 1 999.999.999.999 99999 typ host\r\n'.repeat(n)}`,
    () => offer.replaceAll('a=mid:0', `a=mid:${'\u0000'.repeat(n % 5)}${n}`),
    () => String.fromCodePoint(...Array.from({ length: n + 1 }, (_, i) => (i * n) % 256)),
    () => lines.with(at, `${lines[at]}${'9'.repeat(n * 20)}`).join('\r\n'),
    () => offer.replace('UDP/TLS/RTP/SAVPF', 'RTP/AVP'),
  ];
  return ways[n % ways.length]?.() ?? '';
}

async function wrongOffers(scene: Scene, count: number): Promise<Map<number, number>> {
  const { run, node, base, failures } = scene;
  run.progress(`${count} spoilt offers`);
  const viewer = new WhepViewer();
  const offer = await viewer.offer();
  const statuses = new Map<number, number>();
  for (let n = 0; n < count; n += 1) {
    const { status, text, headers } = await postOffer(whep(scene), spoilt(offer, n));
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    // Some are still offers.
    if (status === 201) await fetch(new URL(headers.get('location') ?? '', base), { method: 'DELETE' });
    else if (status >= 500) failures.push(`offer ${n}: ${status} ${text}`);
    else if (typeof (JSON.parse(text) as { error?: { message?: unknown } }).error?.message !== 'string')
      failures.push(`offer ${n}: ${status} without a sentence`);
  }
  const expected: readonly (readonly [string, string, number])[] = [
    ['POST', whep(scene, 'none'), 404],
    ['POST', whep(scene, '..'), 404],
    ['PATCH', `${whep(scene)}/${'x'.repeat(22)}`, 404],
    ['DELETE', `${whep(scene)}/${'x'.repeat(22)}`, 404],
    ['DELETE', `${whep(scene)}/short`, 400],
    ['PUT', whep(scene), 404],
    ['GET', whep(scene), 404],
  ];
  for (const [method, url, wanted] of expected) {
    const status = await statusOf(method, url, offer);
    if (status !== wanted) failures.push(`${method} ${url}: ${status} in place of ${wanted}`);
  }
  const { headers } = await postOffer(whep(scene), offer);
  const session = new URL(headers.get('location') ?? '', base).href;
  const twice = [await statusOf('DELETE', session, ''), await statusOf('DELETE', session, '')];
  if (twice.join() !== '200,404') failures.push(`DELETE twice: ${twice.join(', ')}`);
  viewer.close();
  if (descendantsOf(node.pid).every(({ command }) => !command.includes(LIVE)))
    failures.push('the live process is not there after wrong offers');
  return statuses;
}

function statusOf(method: string, url: string, body: string): Promise<number> {
  const type = method === 'PATCH' ? 'application/trickle-ice-sdpfrag' : 'application/sdp';
  return new Promise((resolve, reject) => {
    const headers = body === '' ? {} : { 'content-type': type, 'content-length': Buffer.byteLength(body) };
    const asked = request(url, { method, headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    asked.once('error', reject);
    asked.end(body);
  });
}

/** @returns what came of them, for the table. */
async function abandonedSessions(scene: Scene): Promise<string> {
  const { run, node, base, failures } = scene;
  run.progress(`${ABANDONED} sessions that nobody takes`);
  const pid = node.childWith(LIVE);
  const before = memoryOf(pid);
  const viewer = new WhepViewer();
  const offer = await viewer.offer();
  const sessions: string[] = [];
  let busy = 0;
  for (let i = 0; i < ABANDONED; i += 1) {
    const { status, headers } = await postOffer(whep(scene), offer);
    if (status === 201) sessions.push(new URL(headers.get('location') ?? '', base).href);
    else if (status === 503) busy += 1;
    else failures.push(`an offer beyond the limit: ${status}`);
  }
  await sleep(systemClock, FORGOTTEN_MS, run.signal);
  const left: number[] = [];
  for (const session of sessions) left.push(await statusOf('PATCH', session, 'a=x'));
  viewer.close();
  const open = left.filter((status) => status !== 404).length;
  if (open > 0) failures.push(`${open} of ${sessions.length} sessions are still open after ${FORGOTTEN_MS / 1000} s`);
  if (busy === 0 || sessions.length === 0) failures.push(`${sessions.length} sessions opened, ${busy} refused`);
  const after = memoryOf(pid);
  if (after.rssAnon - before.rssAnon > GROWTH)
    failures.push(`the live process grew from ${mib(before.rssAnon)} to ${mib(after.rssAnon)} MiB`);
  return `${sessions.length} opened, ${busy} × 503, ${open} left; ${mib(before.rssAnon)} → ${mib(after.rssAnon)} MiB`;
}

/** Movies for a while: those who keep up get their pictures, the others are sent away, and nothing grows. */
async function movieViewers(scene: Scene, forMs: number): Promise<string[]> {
  const { run, node, base, failures } = scene;
  const url = `${base.replace('http', 'ws')}/cameras/${CAMERA}/live.mp4`;
  run.progress(`${2 * MOVIES} movies for ${forMs / 1000} s`);
  const confirming = Array.from({ length: MOVIES }, () => new MovieViewer(url, true));
  const silent = Array.from({ length: MOVIES }, () => ({
    viewer: new MovieViewer(url, false),
    sinceMs: systemClock.nowMs(),
  }));
  const memory = (): [number, number] => [
    memoryOf(node.childWith(LIVE)).rssAnon,
    memoryOf(node.childWith(API)).rssAnon,
  ];
  let [sentAway, parts] = [0, 0];
  let early: [number, number] | undefined;
  const fromMs = systemClock.nowMs();
  for (let nowMs = fromMs; nowMs < fromMs + forMs; nowMs = systemClock.nowMs()) {
    await sleep(systemClock, 1_000, run.signal);
    if (nowMs > fromMs + forMs / 3) early ??= memory();
    for (const one of silent) {
      if (one.viewer.isClosed) {
        parts += one.viewer.parts;
        sentAway += 1;
        await one.viewer.close();
        Object.assign(one, { viewer: new MovieViewer(url, false), sinceMs: nowMs });
      } else if (nowMs - one.sinceMs > SILENT_MS)
        failures.push(`a silent viewer is still there after ${ms(nowMs - one.sinceMs)} ms`);
    }
  }
  const [early1, early2] = early ?? memory();
  const [late1, late2] = memory();
  if (late1 - early1 > GROWTH) failures.push(`movies: the live process grew from ${mib(early1)} to ${mib(late1)} MiB`);
  if (late2 - early2 > GROWTH) failures.push(`movies: the api process grew from ${mib(early2)} to ${mib(late2)} MiB`);
  const least = Math.min(...confirming.map((one) => one.parts));
  if (confirming.some(({ isClosed }) => isClosed)) failures.push('a viewer who confirmed was sent away');
  if (least < (forMs / 1000) * FPS * MOVIE_SHARE) failures.push(`a viewer who confirmed got ${least} pictures only`);
  if (sentAway < MOVIES) failures.push(`${sentAway} silent viewers were sent away`);
  for (const { viewer } of silent) parts += viewer.parts;
  await Promise.all([...confirming, ...silent.map(({ viewer }) => viewer)].map((one) => one.close()));
  const perS = parts / MOVIES / (forMs / 1000);
  return [
    `${forMs / 1000} s`,
    String(least),
    perS.toFixed(1),
    String(sentAway),
    `${mib(early1)} → ${mib(late1)}`,
    `${mib(early2)} → ${mib(late2)}`,
  ];
}

interface Storm {
  /** From a kill to video again, milliseconds. */
  readonly times: readonly number[];
  /** The longest time between two results. */
  readonly gapMs: number;
}

/** Kills a process while somebody looks, again and again. */
async function killStorm(scene: Scene, part: string, kills: number): Promise<Storm> {
  const { run, node, failures } = scene;
  run.progress(`${part.slice(1, -1)} killed ${kills} times`);
  const before = await node.report();
  const from = node.lines.length;
  const times: number[] = [];
  let viewer = await looking(scene);
  for (let i = 0; i < kills; i += 1) {
    const killedMs = systemClock.nowMs();
    process.kill(node.childWith(part), 'SIGKILL');
    viewer.close();
    viewer = await looking(scene);
    times.push(systemClock.nowMs() - killedMs);
  }
  viewer.close();
  const results = node.results(from).filter(({ result }) => result.status === 'ok');
  const gapMs = Math.max(...results.slice(1).map(({ atMs }, i) => atMs - (results[i]?.atMs ?? 0)));
  if (gapMs > GAP_MS) failures.push(`${part}: ${ms(gapMs)} ms without a result`);
  const after = await node.report();
  const connections = (of: typeof before): unknown => [of.cameras[CAMERA]?.restarts, of.cameras[CAMERA]?.reconnects];
  if (String(connections(before)) !== String(connections(after)))
    failures.push(
      `${part}: the camera was disturbed: ${String(connections(before))}, then ${String(connections(after))}`,
    );
  const answer = JSON.parse(await node.ask('GET', `/api/v1/recordings?camera=${CAMERA}`)) as {
    readonly cameras: Readonly<Record<string, { readonly gaps: readonly unknown[] }>>;
  };
  const gaps = answer.cameras[CAMERA]?.gaps.length ?? 0;
  if (gaps > 0) failures.push(`${part}: the recording has ${gaps} gaps`);
  return { times, gapMs };
}

/** Asks until video comes. */
async function looking(scene: Scene): Promise<WhepViewer> {
  const untilMs = systemClock.nowMs() + BACK_MS;
  for (;;) {
    const viewer = new WhepViewer();
    try {
      const { status } = await viewer.open(whep(scene));
      if (status === 201) {
        await viewer.until('video', () => viewer.packets.length > 0, 3_000);
        return viewer;
      }
    } catch {
      // The port is not there, or the process died with the offer.
    }
    viewer.close();
    if (systemClock.nowMs() > untilMs) throw new Error(`no video for ${BACK_MS / 1000} s`);
    await sleep(systemClock, 50, scene.run.signal);
  }
}
