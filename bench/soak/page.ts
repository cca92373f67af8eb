/**
 * The page, open for half an hour in Chromium with 8 cameras: a tab that stays on a wall for months may not grow, and what it
 * does may not keep the main thread busy. Also what a first visit costs.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { getPriority, setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sleep, systemClock } from '@vigia/base';
import { type Browser, type CDPSession, chromium, type Page } from 'playwright-core';
import { CameraFork } from '../support/camera-fork.ts';
import { freePort } from '../support/free-port.ts';
import { ms } from '../support/numbers.ts';
import { descendantsOf } from '../support/processes.ts';
import { VigiaNode } from '../support/vigia-node.ts';
import { memoryOf, mib } from './memory.ts';
import { runSoak, type SoakResult } from './soak-run.ts';

const BRIGHT = fileURLToPath(new URL('../../../examples/workers/brightness.mjs', import.meta.url));
const CAMERAS = 8;
const FPS = 10;
/** Looks at the tab, and the time between two of them. */
const LOOKS = { long: 30, short: 6 } as const;
const LOOK_MS = { long: 60_000, short: 5_000 } as const;
/** Of each time between two looks, so much is spent in the view of a camera, with its video. */
const CAMERA_SHARE = 0.25;
/** What the tab holds after its script's garbage is gone may grow by so much, from a third of the time on. */
const HEAP_GROWTH = 2 * 2 ** 20;
const NODES_GROWTH = 500;
/** And so may the memory of all of Chromium: caches, decoders. */
const BROWSER_GROWTH = 64 * 2 ** 20;
const BROWSER_NICE = -10;
/** Aims. */
const AIMS = { taskMs: 100, firstBytes: 90_000, paintMs: 1_000 } as const;

interface Look {
  readonly heap: number;
  readonly nodes: number;
  readonly listeners: number;
  readonly browser: number;
  readonly longest: LongTask;
}

/** What ran in it is for people. */
interface LongTask {
  readonly ms: number;
  readonly in: string;
}

/** What a first visit loads and when it is painted. */
interface Visit {
  readonly bytes: number;
  readonly paintMs: number;
}

await runSoak('page', async (run): Promise<SoakResult> => {
  const { signal, scope, progress, short } = run;
  const bench = { signal, scope, seconds: 0, progress };
  const camera = await CameraFork.start(bench, { fps: FPS });
  const data = mkdtempSync(join(tmpdir(), 'vigia-soak-page-'));
  scope.defer(() => rmSync(data, { recursive: true }));
  const port = await freePort();
  const ids = Array.from({ length: CAMERAS }, (_, i) => `room-${i + 1}`);
  const workers = `workers:\n  bright: { module: ${BRIGHT}, input: { format: GRAY8, width: 64, height: 36 } }\n`;
  const node = VigiaNode.start(
    bench,
    Object.fromEntries(ids.map((id) => [id, camera.url])),
    '{ light: { worker: bright } }',
    '',
    { models: '', top: `http: { listen: "127.0.0.1:${port}" }\n${workers}`, env: { VIGIA_DATA_DIR: data } },
  );
  await node.okResults(ids, FPS);
  const { browser, isFirst } = await launch();
  scope.defer(() => browser.close());
  const page = await browser.newPage({ viewport: { width: 1_440, height: 900 } });
  const failures: string[] = [];
  page.on('pageerror', (error) => failures.push(`the page threw: ${error.message}`));
  page.on('crash', () => failures.push('the tab crashed'));
  // The names of a browser: this program is compiled without them.
  await page.addInitScript(`
    globalThis.longTasks = [];
    globalThis.longFrames = [];
    new PerformanceObserver((list) => longTasks.push(...list.getEntries())).observe({ type: 'longtask' });
    new PerformanceObserver((list) => longFrames.push(...list.getEntries())).observe({ type: 'long-animation-frame' });
  `);
  await page.goto(`http://127.0.0.1:${port}/`);
  await page.locator('article.tile .ov').first().waitFor({ state: 'attached' });
  const visit = await visitOf(page);
  const session = await page.context().newCDPSession(page);
  await session.send('HeapProfiler.enable');
  const looks: Look[] = [];
  const [count, everyMs] = short ? [LOOKS.short, LOOK_MS.short] : [LOOKS.long, LOOK_MS.long];
  for (let i = 0; i < count; i += 1) {
    await sleep(systemClock, everyMs * (1 - CAMERA_SHARE), signal);
    await page
      .locator('article.tile a.whole')
      .nth(i % CAMERAS)
      .press('Enter');
    await page.getByText(/^Video .* behind$/).waitFor();
    await sleep(systemClock, everyMs * CAMERA_SHARE, signal);
    await page.keyboard.press('Escape');
    await page
      .locator('article.tile')
      .nth(CAMERAS - 1)
      .waitFor();
    looks.push(await lookAt(page, session));
    const { heap, browser: all, longest } = looks.at(-1) as Look;
    progress(
      `${i + 1} of ${count}: heap ${mib(heap)} MiB, Chromium ${mib(all)} MiB, longest task ${ms(longest.ms)} ms${longest.in === '' ? '' : `: ${longest.in}`}`,
    );
  }
  await browser.close();
  await node.finish();
  failures.push(...node.leftovers().map((name) => `left behind: ${name}`), ...grown(looks));
  return { tables: [visitTable(visit), lookTable(looks, (count * everyMs) / 1000, isFirst)], failures };
});

/**
 * Starts Chromium. It gets the CPU before the node and its cameras where that is allowed (`isFirst`): people look from another
 * machine, and the tab's own work is measured, not that of this machine.
 */
async function launch(): Promise<{ readonly browser: Browser; readonly isFirst: boolean }> {
  const args = ['--no-sandbox', '--headless=new', '--disable-gpu', '--disable-background-networking'];
  const usual = getPriority();
  let isFirst = true;
  try {
    setPriority(BROWSER_NICE);
  } catch {
    isFirst = false;
  }
  // Its processes have the priority of the one that starts it.
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args });
  if (isFirst) setPriority(usual);
  return { browser, isFirst };
}

async function visitOf(page: Page): Promise<Visit> {
  return page.evaluate(() => {
    const { performance } = globalThis as unknown as {
      readonly performance: {
        getEntriesByType(
          type: string,
        ): readonly { readonly name: string; readonly startTime: number; readonly transferSize: number }[];
      };
    };
    const loaded = ['navigation', 'resource'].flatMap((type) => performance.getEntriesByType(type));
    return {
      bytes: loaded
        .filter(({ name }) => !name.includes('/api/'))
        .reduce((sum, { transferSize }) => sum + transferSize, 0),
      paintMs: performance.getEntriesByType('paint')[0]?.startTime ?? 0,
    };
  });
}

/** The longest task since the last look, and what ran in it. Chromium reports both for tasks of 50 ms and more. */
async function longestTask(page: Page): Promise<LongTask> {
  return page.evaluate(() => {
    interface Entry {
      readonly startTime: number;
      readonly duration: number;
    }
    interface Frame extends Entry {
      readonly renderStart: number;
      readonly styleAndLayoutStart: number;
      readonly scripts: readonly (Entry & { readonly invoker: string; readonly sourceFunctionName: string })[];
    }
    const own = globalThis as unknown as { longTasks: Entry[]; longFrames: Frame[] };
    const [task] = own.longTasks.toSorted((a, b) => b.duration - a.duration);
    const frames = own.longFrames;
    [own.longTasks, own.longFrames] = [[], []];
    if (task === undefined) return { ms: 0, in: '' };
    const endMs = task.startTime + task.duration;
    const frame = frames.find((one) => one.startTime < endMs && one.startTime + one.duration > task.startTime);
    if (frame === undefined) return { ms: task.duration, in: 'no frame and no script of the page' };
    const scripts = frame.scripts.map(
      (one) => `${one.invoker} ${one.sourceFunctionName} ${Math.round(one.duration)} ms`,
    );
    const drawn = frame.renderStart === 0 ? 0 : frame.startTime + frame.duration - frame.styleAndLayoutStart;
    return { ms: task.duration, in: [...scripts, `layout and paint ${Math.round(drawn)} ms`].join(', ') };
  });
}

/** Without the script's garbage, which is collected after the longest task was asked for: that takes long, and is no doing of the page. */
async function lookAt(page: Page, session: CDPSession): Promise<Look> {
  const longest = await longestTask(page);
  await session.send('HeapProfiler.collectGarbage');
  const { usedSize } = await session.send('Runtime.getHeapUsage');
  const { nodes, jsEventListeners } = await session.send('Memory.getDOMCounters');
  const browser = descendantsOf(process.pid)
    .filter(({ command }) => command.includes('chromium'))
    .reduce((sum, { pid }) => sum + anonymousOf(pid), 0);
  // Those of the collection itself.
  await longestTask(page);
  return { heap: usedSize, nodes, listeners: jsEventListeners, browser, longest };
}

/** Nothing for a process that has just ended. */
function anonymousOf(pid: number): number {
  try {
    return memoryOf(pid).rssAnon;
  } catch {
    return 0;
  }
}

function grown(looks: readonly Look[]): string[] {
  const from = looks.slice(Math.floor(looks.length / 3));
  const [first, last] = [from[0], from.at(-1)];
  if (first === undefined || last === undefined) return ['nothing was seen'];
  const failures: string[] = [];
  if (last.heap - first.heap > HEAP_GROWTH)
    failures.push(`the heap grew from ${mib(first.heap)} to ${mib(last.heap)} MiB`);
  if (last.nodes - first.nodes > NODES_GROWTH)
    failures.push(`the document grew from ${first.nodes} to ${last.nodes} nodes`);
  if (last.browser - first.browser > BROWSER_GROWTH)
    failures.push(`Chromium grew from ${mib(first.browser)} to ${mib(last.browser)} MiB`);
  return failures;
}

function visitTable({ bytes, paintMs }: Visit): SoakResult['tables'][number] {
  return {
    title: 'The first visit',
    columns: ['kB, compressed', 'first paint, ms'],
    rows: [[(bytes / 1000).toFixed(1), ms(paintMs)]],
    notes: [`aim: ${AIMS.firstBytes / 1000} kB, ${AIMS.paintMs} ms`],
  };
}

function lookTable(looks: readonly Look[], seconds: number, isFirst: boolean): SoakResult['tables'][number] {
  const chosen = [0, Math.floor(looks.length / 3), looks.length - 1];
  return {
    title: `A tab with ${CAMERAS} cameras, open for ${Math.round(seconds / 60)} min, a camera's video in a quarter of it`,
    columns: ['', 'heap, MiB', 'nodes', 'listeners', 'all of Chromium, MiB', 'longest task until then, ms'],
    rows: chosen.map((i) => {
      const look = looks[i];
      if (look === undefined) return [];
      const longest = Math.max(...looks.slice(0, i + 1).map((one) => one.longest.ms));
      return [
        `look ${i + 1}`,
        mib(look.heap),
        String(look.nodes),
        String(look.listeners),
        mib(look.browser),
        ms(longest),
      ];
    }),
    notes: [
      isFirst
        ? `Chromium gets the CPU before the node and its cameras (nice ${BROWSER_NICE})`
        : 'Chromium, the node and its cameras share the CPU: tasks take longer than they work',
      `aim: no task longer than ${AIMS.taskMs} ms; those under 50 ms are not seen (0)`,
      ...looks.flatMap(({ longest }, i) =>
        longest.ms > AIMS.taskMs ? [`look ${i + 1}: ${ms(longest.ms)} ms: ${longest.in}`] : [],
      ),
    ],
  };
}
