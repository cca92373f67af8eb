// `npm run bench -- live`: live video in a real browser: how long after the camera sent a picture it is shown, how soon a viewer
// sees the first one, what a viewer costs (docs/reference/benchmarks.md). Needs Chromium and ffmpeg.
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sleep, systemClock } from '@vigia/base';
import { SimulatedCamera } from '@vigia/testkit';
import { type Browser, chromium, type Page } from 'playwright-core';
import { type BrowserView, lookAt, lookAtOther, type OtherWay } from './live/browser-viewer.ts';
import { LossyRelay, type Network } from './live/lossy-relay.ts';
import { writeNumberedClip } from './live/numbered-clip.ts';
import { type BenchRun, headerLines, runBenchmark } from './support/bench-run.ts';
import { freePort } from './support/free-port.ts';
import { ms, quantile } from './support/numbers.ts';
import { descendantsOf, endChild, threadsCpuMs } from './support/processes.ts';
import { asMarkdown, asText, type Table } from './support/table.ts';
import { VigiaNode } from './support/vigia-node.ts';
import { wallOffsetMs } from './support/wall-offset.ts';
import { type WindowOptions, windowOptions } from './support/window-options.ts';

const BRIGHT = fileURLToPath(new URL('../../examples/workers/brightness.mjs', import.meta.url));
const VIEWERS_PROGRAM = fileURLToPath(new URL('live/viewers-program.js', import.meta.url));
const CAMERA = 'hall';
const CLIP = { width: 768, height: 576, fps: 30, seconds: 40, group: 300, kbits: 2_000 } as const;
/** Viewers beside the browser while it measures delays. */
const BESIDE = [0, 3] as const;
const NETWORKS: readonly Network[] = [
  { loss: 0, delayMs: 0 },
  { loss: 0.01, delayMs: 5 },
  { loss: 0.05, delayMs: 20 },
  { loss: 0.05, delayMs: 300 },
];
const OTHERS = ['movie', 'mjpeg'] as const satisfies readonly OtherWay[];
const OTHER_NAMES = {
  movie: 'without WebRTC: a movie (`live.mp4`)',
  mjpeg: 'pictures (`live.mjpeg`, 5 a second)',
} as const;
/** Viewers whose cost is measured; none is what the node costs without. */
const CROWDS = [0, 1, 4, 10, 20] as const;
const SETTLE_MS = 1_500;
/** Aims, milliseconds. */
const AIMS = { delay50: 60, delay99: 120, first50: 400, first99: 800 } as const;

const USUAL = { seconds: 15, rounds: 3, leastSeconds: 3 };

/** Everything that the measurements use. */
interface Scene {
  readonly run: BenchRun;
  readonly node: VigiaNode;
  readonly page: Page;
  /** The node's own page, with the camera's video, in a browser without WebRTC. */
  readonly moviePage: Page;
  readonly port: number;
  /** When the picture with this number was sent last, monotonic milliseconds. */
  readonly sentMs: ReadonlyMap<number, number>;
}

interface Delays {
  readonly beside: number;
  readonly views: readonly BrowserView[];
  /** From sending to showing, milliseconds. */
  readonly delays: readonly number[];
}

interface Trouble {
  readonly network: Network;
  readonly view: BrowserView;
  /** From sending to showing, milliseconds. */
  readonly delays: readonly number[];
}

interface Cost {
  readonly viewers: number;
  readonly packetsPerS: number;
  readonly liveCpu: number;
  readonly cameraCpu: number;
  /** Of results, milliseconds. */
  readonly ages: readonly number[];
}

async function openScene(run: BenchRun): Promise<Scene> {
  const dir = mkdtempSync(join(tmpdir(), 'vigia-bench-live-'));
  run.scope.defer(() => rmSync(dir, { recursive: true }));
  const path = join(dir, 'numbers.mp4');
  run.progress('writing a clip with numbers in its pictures');
  await writeNumberedClip({ path, ...CLIP });
  const sentMs = new Map<number, number>();
  const camera = await SimulatedCamera.start({
    clip: path,
    onUnitSent: ({ index, sentMonotonicNs }) => void sentMs.set(index, Number(sentMonotonicNs) / 1e6),
  });
  run.scope.defer(() => camera.close());
  const port = await freePort();
  const workers = `workers:\n  bright: { module: ${BRIGHT}, input: { format: GRAY8, width: 64, height: 36 } }\n`;
  const top = `http: { listen: "127.0.0.1:${port}" }\n${workers}`;
  const node = VigiaNode.start(run, { [CAMERA]: camera.url }, '{ light: { worker: bright } }', '', { models: '', top });
  await node.okResults([CAMERA], CLIP.fps);
  const args = ['--no-sandbox', '--headless=new', '--disable-gpu', '--disable-background-networking'];
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args });
  run.scope.defer(() => browser.close());
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${port}/api/v1/status`);
  const moviePage = await openMoviePage(browser, port);
  return { run, node, page, moviePage, port, sentMs };
}

/** Nothing is shown in it until {@link othersOf} looks: a video that plays in the background takes the cores of the others. */
async function openMoviePage(browser: Browser, port: number): Promise<Page> {
  // The page's policy allows no code as text.
  const context = await browser.newContext({ bypassCSP: true });
  await context.addInitScript('delete globalThis.RTCPeerConnection');
  const page = await context.newPage();
  await page.goto(`http://127.0.0.1:${port}/`);
  return page;
}

/** Connects viewers that decode nothing. Resolves when all of them receive. @returns their packets a second, and what ends them. */
async function connect(
  { run, port }: Scene,
  count: number,
): Promise<{ packets: () => number; end: () => Promise<void> }> {
  if (count === 0) return { packets: () => 0, end: () => Promise.resolve() };
  const url = `http://127.0.0.1:${port}/api/v1/cameras/${CAMERA}/whep`;
  const program = fork(VIEWERS_PROGRAM, [url, String(count)], { execArgv: [] });
  run.scope.defer(() => endChild(program));
  let packets = 0;
  await new Promise<void>((resolve, reject) => {
    program.once('exit', () => reject(new Error('the viewers ended')));
    program.on('message', (counts: { packets: number }) => {
      packets = counts.packets;
      resolve();
    });
  });
  return { packets: () => packets, end: () => endChild(program) };
}

async function delaysOf(scene: Scene, beside: number): Promise<Delays> {
  const { run, page, sentMs } = scene;
  const crowd = await connect(scene, beside);
  await sleep(systemClock, SETTLE_MS, run.signal);
  const offsetMs = wallOffsetMs();
  const view = await lookAt(page, CAMERA, run.seconds);
  await crowd.end();
  const delays = view.pictures.flatMap(({ number, shownMs, old }) => {
    const sent = sentMs.get(number);
    return old || sent === undefined ? [] : [shownMs - offsetMs - sent];
  });
  return { beside, views: [view], delays };
}

/** The same for viewers without WebRTC, one after the other. */
async function othersOf({ run, page, moviePage, sentMs }: Scene): Promise<Record<OtherWay, readonly number[]>> {
  const offsetMs = wallOffsetMs();
  const delays = (shown: Awaited<ReturnType<typeof lookAtOther>>): number[] =>
    shown.flatMap(({ number, shownMs }) => {
      const sent = sentMs.get(number);
      return sent === undefined ? [] : [shownMs - offsetMs - sent];
    });
  const mjpeg = delays(await lookAtOther(page, 'mjpeg', CAMERA, run.seconds));
  await moviePage.evaluate(`location.hash = '#/camera/${CAMERA}'`);
  await moviePage.getByText(/^Video .* behind$/).waitFor();
  await sleep(systemClock, SETTLE_MS, run.signal);
  const movie = delays(await lookAtOther(moviePage, 'movie', CAMERA, run.seconds));
  await moviePage.evaluate("location.hash = '#/'");
  return { movie, mjpeg };
}

/** A viewer behind a bad network. */
async function throughNetwork({ run, page, port, sentMs }: Scene, network: Network): Promise<Trouble> {
  const relay = await LossyRelay.open(port, network);
  try {
    const offsetMs = wallOffsetMs();
    const view = await lookAt(page, CAMERA, run.seconds, relay.port);
    const delays = view.pictures.flatMap(({ number, shownMs, old }) => {
      const sent = sentMs.get(number);
      return old || sent === undefined ? [] : [shownMs - offsetMs - sent];
    });
    return { network, view, delays };
  } finally {
    relay.close();
  }
}

function networkTable(all: readonly Trouble[], seconds: number): Table {
  return {
    title: 'One viewer through a UDP relay that loses and delays packets in each direction, ms',
    columns: ['lost', 'delayed', 'first picture', 'p50', 'p99', 'pictures/s', 'longest standstill'],
    rows: NETWORKS.map((network) => {
      const mine = all.filter((one) => one.network === network);
      const delays = mine.flatMap((one) => one.delays);
      const standstills = mine.flatMap(({ view }) => {
        const shown = view.pictures.filter(({ old }) => !old).map(({ shownMs }) => shownMs);
        return shown.slice(1).map((at, i) => at - (shown[i] ?? 0));
      });
      return [
        `${network.loss * 100} %`,
        `${network.delayMs}`,
        ms(
          quantile(
            mine.map(({ view }) => view.firstMs),
            0.5,
          ),
        ),
        ms(quantile(delays, 0.5)),
        ms(quantile(delays, 0.99)),
        (delays.length / mine.length / seconds).toFixed(1),
        ms(Math.max(...standstills)),
      ];
    }),
    notes: ['from the offer to the first picture; then from the camera’s sending to the browser’s showing'],
  };
}

/** Looks for a moment, again and again: somewhere in the group of pictures. */
async function firstPictures({ run, page }: Scene, count: number): Promise<number[]> {
  const firsts: number[] = [];
  for (let i = 0; i < count; i += 1) {
    // Not a multiple of the keyframe interval.
    await sleep(systemClock, 700, run.signal);
    firsts.push((await lookAt(page, CAMERA, 0)).firstMs);
  }
  return firsts;
}

async function costOf(scene: Scene, viewers: number): Promise<Cost> {
  const { run, node } = scene;
  const crowd = await connect(scene, viewers);
  await sleep(systemClock, SETTLE_MS, run.signal);
  const live = descendantsOf(node.pid).find(({ command }) => command.includes('/live-process.'))?.pid;
  const cpu = (): [number, number] => [
    live === undefined ? 0 : threadsCpuMs(live),
    threadsCpuMs(node.child('/camera-process.')),
  ];
  const [before, from] = [cpu(), node.lines.length];
  await sleep(systemClock, run.seconds * 1000, run.signal);
  const after = cpu();
  const packetsPerS = crowd.packets();
  await crowd.end();
  const ages = node.results(from).flatMap(({ result }) => (result.status === 'ok' ? [result.age_ms] : []));
  const share = (i: 0 | 1): number => (after[i] - before[i]) / run.seconds / 10;
  return { viewers, packetsPerS, liveCpu: share(0), cameraCpu: share(1), ages };
}

function delayTable(all: readonly Delays[], others: readonly Record<OtherWay, readonly number[]>[]): Table {
  const quantiles = (delays: readonly number[]): string[] => [
    ...[0.5, 0.95, 0.99, 1].map((q) => ms(quantile(delays, q))),
    String(delays.length),
  ];
  const otherRow = (way: OtherWay): string[] => {
    const delays = others.flatMap((one) => one[way]);
    return [OTHER_NAMES[way], ...quantiles(delays), '–', '–'];
  };
  return {
    title: `From the camera's sending to the browser's showing, ${CLIP.width}×${CLIP.height}, ${CLIP.fps} pictures/s, ${CLIP.kbits / 1000} Mbit/s, ms`,
    columns: ['', 'p50', 'p95', 'p99', 'max', 'pictures', 'lost packets', 'jitter buffer'],
    rows: [
      ...BESIDE.map((beside) => {
        const mine = all.filter((one) => one.beside === beside);
        const views = mine.flatMap((one) => one.views);
        const buffers = views.map(({ bufferMs }) => bufferMs);
        return [
          beside === 0 ? 'one viewer' : `${beside} more viewers`,
          ...quantiles(mine.flatMap((one) => one.delays)),
          String(views.reduce((sum, { lost }) => sum + lost, 0)),
          ms(quantile(buffers, 0.5)),
        ];
      }),
      ...OTHERS.map((way) => otherRow(way)),
    ],
    notes: [
      `from the first picture that a page shows; its number is read from its pixels; aim: p50 ${AIMS.delay50}, p99 ${AIMS.delay99}`,
      'the browser decodes in software, and shares the cores with camera, node and this program',
    ],
  };
}

function costTable(all: readonly Cost[]): Table {
  return {
    title: 'What viewers cost, CPU of one core',
    columns: ['viewers', 'packets/s', 'live process', 'per viewer', 'camera process', 'age of results: p50', 'p99'],
    rows: CROWDS.map((viewers) => {
      const mine = all.filter((one) => one.viewers === viewers);
      const middle = (of: (cost: Cost) => number): number => quantile(mine.map(of), 0.5);
      const ages = mine.flatMap((one) => one.ages);
      const live = middle(({ liveCpu }) => liveCpu);
      return [
        String(viewers),
        middle(({ packetsPerS }) => packetsPerS).toFixed(0),
        `${live.toFixed(1)} %`,
        viewers === 0 ? '–' : `${(live / viewers).toFixed(2)} %`,
        `${middle(({ cameraCpu }) => cameraCpu).toFixed(1)} %`,
        ms(quantile(ages, 0.5)),
        ms(quantile(ages, 0.99)),
      ];
    }),
    notes: [
      'viewers receive and decode nothing; middle of the rounds; without viewers the process may still be there for a minute',
    ],
  };
}

async function measure(run: BenchRun, rounds: number): Promise<Table[]> {
  const scene = await openScene(run);
  const firsts: number[] = [];
  const delays: Delays[] = [];
  const costs: Cost[] = [];
  const troubles: Trouble[] = [];
  const others: Awaited<ReturnType<typeof othersOf>>[] = [];
  for (const viewers of CROWDS.slice(0, 1)) costs.push(await costOf(scene, viewers));
  for (let round = 1; round <= rounds; round += 1) {
    for (const beside of BESIDE) {
      delays.push(await delaysOf(scene, beside));
      run.progress(
        `round ${round}, ${beside} viewers beside: p50 ${ms(quantile(delays.at(-1)?.delays ?? [], 0.5))} ms`,
      );
    }
    others.push(await othersOf(scene));
    run.progress(`round ${round}, a movie: p50 ${ms(quantile(others.at(-1)?.movie ?? [], 0.5))} ms`);
    for (const network of NETWORKS) {
      troubles.push(await throughNetwork(scene, network));
      run.progress(
        `round ${round}, ${network.loss * 100} % lost, ${network.delayMs} ms late: ${troubles.at(-1)?.delays.length} pictures`,
      );
    }
    firsts.push(...(await firstPictures(scene, 10)));
    run.progress(`round ${round}, first picture: p50 ${ms(quantile(firsts, 0.5))} ms`);
    for (const viewers of CROWDS.slice(round === 1 ? 1 : 0)) {
      costs.push(await costOf(scene, viewers));
      run.progress(`round ${round}, ${viewers} viewers: ${costs.at(-1)?.liveCpu.toFixed(1)} % of a core`);
    }
  }
  const first: Table = {
    title: `From the offer to the first picture that is live, a keyframe every ${CLIP.group / CLIP.fps} s, ms`,
    columns: ['', 'p50', 'p99', 'max', 'offers'],
    rows: [['in Chromium', ...[0.5, 0.99, 1].map((q) => ms(quantile(firsts, q))), String(firsts.length)]],
    notes: [`aim: p50 ${AIMS.first50}, p99 ${AIMS.first99}`],
  };
  return [delayTable(delays, others), first, networkTable(troubles, run.seconds), costTable(costs)];
}

process.exitCode = await runBenchmark(
  'live',
  (args): WindowOptions => windowOptions(args, USUAL),
  async (run, options) => {
    process.stdout.write(`${headerLines().join(options.markdown ? '  \n' : '\n')}\n\n`);
    for (const table of await measure(run, options.rounds))
      process.stdout.write(`${options.markdown ? asMarkdown(table) : asText(table)}\n`);
    return true;
  },
);
