import { sleep, systemClock } from '@vigia/base';
import type { BenchRun } from '../support/bench-run.ts';
import { CameraFork } from '../support/camera-fork.ts';
import { ms, quantile } from '../support/numbers.ts';
import { descendantsOf, isAlive } from '../support/processes.ts';
import type { Table } from '../support/table.ts';
import { type JsonLine, VigiaNode } from '../support/vigia-node.ts';

const REPETITIONS = 3;
const SETTLED = 20;
/** Polling interval for leftovers: the resolution of those times. */
const LOOK_MS = 1;
const GONE_LIMIT_MS = 10_000;

/** Rows of the table, in order. `aim` is empty where there is none. */
const ROWS = {
  start: { name: 'start of vigia → first ok result', aim: '' },
  load: { name: '  of it: model container starting → ready', aim: '' },
  unavailable: { name: 'kill -9 model container → first unavailable result', aim: '< 2000' },
  containerOk: { name: 'kill -9 model container → first ok result', aim: '< its load + 1000' },
  reload: { name: '  of it: model container starting → ready', aim: '' },
  cameraOk: { name: 'kill -9 camera process → first ok result', aim: '< 1000 + connect' },
  bystander: { name: '  meanwhile, longest gap of the other camera’s results', aim: '' },
  term: { name: 'SIGTERM to vigia → nothing is left', aim: '< 2000' },
  kill: { name: 'kill -9 vigia → nothing is left', aim: '< 2000' },
} as const;

type Times = Record<keyof typeof ROWS, number[]>;

/** Kills one process after another and measures the time to recovery. */
export async function measureRecovery(run: BenchRun): Promise<Table> {
  run.progress(`recovery from kills, ${REPETITIONS} times each`);
  const times: Times = {
    start: [],
    load: [],
    unavailable: [],
    containerOk: [],
    reload: [],
    cameraOk: [],
    bystander: [],
    term: [],
    kill: [],
  };
  const one = await CameraFork.start(run, {});
  const two = await CameraFork.start(run, {});
  const cameras = { cam1: one.url, cam2: two.url };
  for (let i = 0; i < REPETITIONS; i += 1) {
    await repetition(run, cameras, times);
    // A separate node, because one that was killed answers no more requests.
    const victim = await startNode(run, cameras, times);
    times.kill.push(await untilGone(run, victim, 'SIGKILL'));
    await victim.close();
  }
  await one.close();
  await two.close();
  return tableOf(times);
}

/** A separate node: its back-offs are those of a first failure. */
async function repetition(run: BenchRun, cameras: Readonly<Record<string, string>>, times: Times): Promise<void> {
  const node = await startNode(run, cameras, times);
  await killContainer(node, times);
  await node.okResults(Object.keys(cameras), SETTLED, node.lines.length);
  await killCamera(node, times);
  await node.okResults(Object.keys(cameras), SETTLED, node.lines.length);
  times.term.push(await untilGone(run, node, 'SIGTERM'));
  await node.close();
}

async function startNode(run: BenchRun, cameras: Readonly<Record<string, string>>, times: Times): Promise<VigiaNode> {
  const node = VigiaNode.start(run, cameras);
  const first = await node.line('a first ok result', 0, isOk);
  times.start.push(first.atMs - node.startedMs);
  times.load.push(await loadTime(node, 0));
  await node.okResults(Object.keys(cameras), SETTLED);
  return node;
}

async function killContainer(node: VigiaNode, times: Times): Promise<void> {
  const before = node.lines.length;
  const pid = node.child('model-container');
  const killedMs = systemClock.nowMs();
  process.kill(pid, 'SIGKILL');
  const gone = await node.line(
    'an unavailable result',
    before,
    (l) => l.type === 'result' && l.status === 'unavailable',
  );
  const back = await node.line('ok results again', node.lines.indexOf(gone), isOk);
  times.unavailable.push(gone.atMs - killedMs);
  times.containerOk.push(back.atMs - killedMs);
  times.reload.push(await loadTime(node, before));
}

async function killCamera(node: VigiaNode, times: Times): Promise<void> {
  const before = node.lines.length;
  const pid = cameraPid(node);
  const killedMs = systemClock.nowMs();
  process.kill(pid, 'SIGKILL');
  const died = await node.line(
    'the death of a camera process',
    before,
    (l) => l.type === 'camera_state' && l.reason === 'process_died',
  );
  const victim = died.line.type === 'camera_state' ? died.line.camera : '';
  const back = await node.line('ok results again', node.lines.indexOf(died), (l) => isOk(l) && l.camera === victim);
  times.cameraOk.push(back.atMs - killedMs);
  times.bystander.push(longestGap(node, victim, killedMs - 200, back.atMs));
}

/** Signals the supervisor and waits until none of its processes, segments, sockets and locks is left. */
async function untilGone(run: BenchRun, node: VigiaNode, signal: NodeJS.Signals): Promise<number> {
  const family = [node.pid, ...descendantsOf(node.pid).map(({ pid }) => pid)];
  const signalledMs = systemClock.nowMs();
  process.kill(node.pid, signal);
  for (;;) {
    const alive = family.filter(isAlive);
    const left = alive.length === 0 ? node.leftovers() : [];
    const sinceMs = systemClock.nowMs() - signalledMs;
    if (alive.length + left.length === 0) return sinceMs;
    if (sinceMs > GONE_LIMIT_MS) throw new Error(`still there after ${signal}: ${[...alive, ...left].join(', ')}`);
    await sleep(systemClock, LOOK_MS, run.signal);
  }
}

async function loadTime(node: VigiaNode, from: number): Promise<number> {
  const isState = (line: JsonLine, state: string): boolean => line.type === 'model_state' && line.state === state;
  const starting = await node.line('start of the container', from, (line) => isState(line, 'starting'));
  const ready = await node.line('a container that is ready', node.lines.indexOf(starting), (l) => isState(l, 'ready'));
  return ready.atMs - starting.atMs;
}

function cameraPid(node: VigiaNode): number {
  const first = descendantsOf(node.pid).find(({ command }) => command.includes('camera-process'));
  if (!first) throw new Error('vigia has no camera process');
  return first.pid;
}

/** The longest time without an ok result of any camera but `victim`. */
function longestGap(node: VigiaNode, victim: string, fromMs: number, untilMs: number): number {
  const times = node
    .results()
    .filter(({ atMs, result }) => atMs >= fromMs && atMs <= untilMs && result.camera !== victim && isOkResult(result))
    .map(({ atMs }) => atMs);
  return times.reduce((longest, atMs, i) => Math.max(longest, atMs - (times[i - 1] ?? atMs)), 0);
}

function isOk(line: JsonLine): line is JsonLine & { type: 'result' } {
  return line.type === 'result' && isOkResult(line);
}

function isOkResult({ status }: { readonly status: string }): boolean {
  return status === 'ok';
}

function tableOf(times: Times): Table {
  return {
    title: 'Start, recovery and end, ms (2 cameras, 1 model)',
    columns: ['', 'median', 'max', 'times', 'aim'],
    rows: (Object.keys(ROWS) as (keyof typeof ROWS)[]).map((key) => [
      ROWS[key].name,
      ms(quantile(times[key], 0.5)),
      ms(quantile(times[key], 1)),
      String(times[key].length),
      ROWS[key].aim,
    ]),
  };
}
