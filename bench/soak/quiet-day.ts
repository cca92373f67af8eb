/**
 * A day in which nobody needs help: three cameras, recorded, with critical consumers, on a machine with two busy cores. Every
 * process dies once, the configuration is reloaded and changed, a camera freezes, the broker is away. An alarm asks somebody to get
 * up: the only true one is about the camera that is frozen. Then the same without trouble, on a machine with a load of six: none.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sleep, systemClock } from '@vigia/base';
import { type ApiClient, createClient } from '@vigia/client';
import { BEFORE_ALL_EVENTS, EVENTS_LIMIT, type NodeEvent, type Severity } from '@vigia/contracts';
import { CameraFork } from '../support/camera-fork.ts';
import { freePort } from '../support/free-port.ts';
import { CLIP } from '../support/paths.ts';
import { socketSender } from '../support/runtime-internals.ts';
import type { Table } from '../support/table.ts';
import { VigiaNode } from '../support/vigia-node.ts';
import { runSoak, type SoakResult, type SoakRun } from './soak-run.ts';

const CAMERAS = ['street', 'hall', 'room'] as const;
const FROZEN = 'room';
const FPS = 5;
/** Each of the two days; and how long a camera is frozen, and the broker away. Milliseconds. */
const LASTS = {
  long: { day: 3_600_000, frozen: 60_000, broker: 300_000 },
  short: { day: 80_000, frozen: 18_000, broker: 16_000 },
} as const;
/** Two of them keep two cores busy; so many, with what the node itself needs, are a load of six. */
const BUSY = { troubled: 2, healthy: 5 } as const;
const DAYS = ['troubled', 'healthy'] as const satisfies readonly (keyof typeof BUSY)[];
/** A blind consumer is announced within this time after it can see nothing; another second for each look. Milliseconds. */
const BLIND_MS = 16_000;
/** The limits of both days and their ends. Seconds. */
const LIMIT_S = 9_000;
const MOSQUITTO = '/usr/sbin/mosquitto';

interface Scene {
  readonly run: SoakRun;
  readonly node: VigiaNode;
  readonly api: ApiClient;
  readonly cameras: Readonly<Record<string, CameraFork>>;
  readonly broker: { stop(): void; start(): void };
  readonly failures: string[];
  /** What was done, and when. */
  readonly done: { readonly atMs: number; readonly what: string }[];
  /** From when on, until when an alarm of the frozen camera is true. Wall times. */
  readonly frozen: { fromMs: number; toMs: number };
}

await runSoak(
  'quiet-day',
  async (run): Promise<SoakResult> => {
    const lasts = run.short ? LASTS.short : LASTS.long;
    const chosen = DAYS.filter((name) => run.only.length === 0 || run.only.some((part) => name.includes(part)));
    if (chosen.length === 0)
      throw new Error(`no day has one of ${run.only.join(', ')} in its name: ${DAYS.join(', ')}`);
    const scene = await stage(run);
    const tables: Table[] = [];
    for (const name of chosen)
      tables.push(...(await day(scene, name, lasts.day, name === 'troubled' ? troublesOf(scene, lasts) : [])));
    await scene.node.finish();
    return { tables: [doneTable(scene), ...tables], failures: scene.failures };
  },
  LIMIT_S,
);

async function stage(run: SoakRun): Promise<Scene> {
  const { signal, scope, progress } = run;
  const bench = { signal, scope, progress, seconds: 0 };
  const data = mkdtempSync(join(tmpdir(), 'vigia-quiet-day-'));
  scope.defer(() => rmSync(data, { recursive: true }));
  const port = await freePort();
  const broker = brokerAt(run, data, port);
  broker.start();
  const cameras = Object.fromEntries(
    await Promise.all(CAMERAS.map(async (id) => [id, await CameraFork.start(bench, { clip: CLIP, fps: 10 })] as const)),
  );
  const sources = Object.fromEntries(Object.entries(cameras).map(([id, camera]) => [id, camera.url]));
  const http = await freePort();
  const node = VigiaNode.start(
    bench,
    sources,
    `{ people: { model: ssdlite, fps: ${FPS}, sla: critical } }`,
    'record: { mode: always }',
    { top: topOf(port, http), env: { VIGIA_DATA_DIR: data } },
  );
  await node.okResults(CAMERAS, FPS);
  const api = createClient({ send: socketSender(join(node.runDir, 'control.sock')) });
  const nothing = { fromMs: Number.POSITIVE_INFINITY, toMs: Number.NEGATIVE_INFINITY };
  return { run, node, api, cameras, broker, failures: [], done: [], frozen: nothing };
}

function topOf(mqtt: number, http: number): string {
  return `mqtt: { url: "mqtt://127.0.0.1:${mqtt}" }\nhttp: { listen: "127.0.0.1:${http}" }\n`;
}

/** A mosquitto that may be away for a while. */
function brokerAt({ scope }: SoakRun, dir: string, port: number): Scene['broker'] {
  const config = join(dir, 'mosquitto.conf');
  writeFileSync(config, `listener ${port} 127.0.0.1\nallow_anonymous true\n`);
  let process: ChildProcess | undefined;
  scope.defer(() => void process?.kill('SIGKILL'));
  return {
    start: () => {
      process = spawn(MOSQUITTO, ['-c', config], { stdio: 'ignore' });
    },
    stop: () => void process?.kill('SIGKILL'),
  };
}

/** What goes wrong, in this order, spread over the day. */
function troublesOf(scene: Scene, { frozen, broker: away }: { frozen: number; broker: number }): Trouble[] {
  const { node, api, cameras, broker, run } = scene;
  const kill = (...parts: string[]): void => void process.kill(node.childWith(...parts), 'SIGKILL');
  const patch = async (camera: string, fps: number): Promise<void> => {
    await api.patchConsumer({ params: { camera, consumer: 'people' }, body: { fps } });
  };
  const reload = async (camera: string, onLoss: 'conceal' | 'wait'): Promise<void> => {
    await api.patchCamera({ params: { camera }, body: { on_loss: onLoss } });
  };
  return [
    ['camera process killed', () => kill('camera-process', 'street')],
    ['fps 5 → 4', () => patch('street', 4)],
    ['recorder killed', () => kill('ingest-process')],
    ['fps 5 → 3', () => patch('hall', 3)],
    ['model killed', () => kill('--model-id')],
    ['fps 4 → 5', () => patch('street', 5)],
    [
      `camera frozen for ${frozen / 1000} s`,
      async () => {
        const pid = cameras[FROZEN]?.pid ?? 0;
        scene.frozen.fromMs = systemClock.wallMs();
        process.kill(pid, 'SIGSTOP');
        await sleep(systemClock, frozen, run.signal);
        process.kill(pid, 'SIGCONT');
        scene.frozen.toMs = systemClock.wallMs() + BLIND_MS;
      },
    ],
    ['process of recordings killed', () => kill('footage-process')],
    ['a camera with other settings', () => reload('hall', 'conceal')],
    ['api process killed', () => kill('api-process')],
    ['fps 3 → 5', () => patch('hall', 5)],
    [
      `broker away for ${away / 1000} s`,
      async () => {
        broker.stop();
        await sleep(systemClock, away, run.signal);
        await expectAway(scene);
        broker.start();
      },
    ],
    ['the settings as before', () => reload('hall', 'wait')],
    [
      'the node killed, and started again',
      async () => {
        const from = node.lines.length;
        await node.kill();
        node.startAgain();
        await node.okResults(CAMERAS, FPS, from);
      },
    ],
    ['fps 5 → 4', () => patch(FROZEN, 4)],
  ];
}

type Trouble = readonly [what: string, work: () => unknown];

/** A broker that is the only way out for alarms, and away, is a problem of the node, and no event. */
async function expectAway({ api, failures }: Scene): Promise<void> {
  const { problems } = await api.status();
  if (!problems.some(({ code }) => code === 'mqtt_away'))
    failures.push('the broker is away, and health says nothing about it');
}

/** Plays a day. @returns its alarms, and what else was stored. */
async function day(
  scene: Scene,
  name: keyof typeof BUSY,
  lastsMs: number,
  troubles: readonly Trouble[],
): Promise<Table[]> {
  const { run, api, done } = scene;
  const busy = Array.from({ length: BUSY[name] }, () =>
    spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }),
  );
  run.scope.defer(() => {
    for (const one of busy) one.kill('SIGKILL');
  });
  const from = (await api.events({ query: { limit: 1 } })).events[0]?.id ?? BEFORE_ALL_EVENTS;
  const beganMs = systemClock.nowMs();
  const beganWallMs = systemClock.wallMs();
  const stepMs = lastsMs / (troubles.length + 1);
  for (const [i, [what, work]] of troubles.entries()) {
    await sleep(systemClock, Math.max(0, beganMs + stepMs * (i + 1) - systemClock.nowMs()), run.signal);
    done.push({ atMs: systemClock.nowMs() - beganMs, what });
    run.progress(`${name}: ${what}`);
    await work();
  }
  await sleep(systemClock, Math.max(BLIND_MS, beganMs + lastsMs - systemClock.nowMs()), run.signal);
  for (const one of busy) one.kill('SIGKILL');
  const events = await storedAfter(api, from);
  judge(scene, name, events);
  return [alarmTable(name, events, beganWallMs), countTable(name, events)];
}

async function storedAfter(api: ApiClient, id: string): Promise<NodeEvent[]> {
  const all: NodeEvent[] = [];
  for (let after = id; ; after = all.at(-1)?.id ?? id) {
    const { events, more } = await api.events({ query: { after, limit: EVENTS_LIMIT } });
    all.push(...events);
    if (!more) return all;
  }
}

function judge({ failures, frozen }: Scene, name: string, events: readonly NodeEvent[]): void {
  const alarms = events.filter(({ severity, phase }) => severity === 'alarm' && phase !== 'end');
  const isTrue = ({ kind, camera, at }: NodeEvent): boolean =>
    kind === 'consumer_blind' && camera === FROZEN && Date.parse(at) >= frozen.fromMs && Date.parse(at) <= frozen.toMs;
  for (const { at, kind, subject } of alarms.filter((event) => !isTrue(event)))
    failures.push(`${name}: ${at}: ${kind} of ${subject} is an alarm, and nobody had to look`);
  if (name !== 'troubled') return;
  const [blind, ...more] = alarms.filter(isTrue);
  if (!blind) failures.push('the frozen camera is no alarm');
  else if (!('message' in blind.data) || !String(blind.data.message).includes('stalled'))
    failures.push(`the alarm of the frozen camera does not say what happened: ${JSON.stringify(blind.data)}`);
  if (more.length > 0) failures.push(`the frozen camera is ${more.length + 1} alarms`);
  if (!events.some(({ kind, phase, camera }) => kind === 'consumer_blind' && phase === 'end' && camera === FROZEN))
    failures.push('the alarm of the frozen camera has no end');
  if (!events.some((event) => event.kind === 'model_state' && event.severity === 'notice'))
    failures.push('nobody hears that the model is back');
  if (!events.some((event) => event.kind === 'storage' && event.subject === 'footage'))
    failures.push('the death of the process of recordings is no event');
}

function doneTable({ done }: Scene): Table {
  return {
    title: 'What happened in the troubled day',
    columns: ['after', 'what'],
    rows: done.map(({ atMs, what }) => [`${Math.round(atMs / 1000)} s`, what]),
  };
}

function alarmTable(name: string, events: readonly NodeEvent[], beganMs: number): Table {
  const alarms = events.filter(({ severity }) => severity === 'alarm');
  return {
    title: `Alarms of the ${name} day`,
    columns: ['after', 'kind', 'phase', 'sentence'],
    rows: alarms.map(({ at, kind, phase, data }) => [
      `${Math.round((Date.parse(at) - beganMs) / 1000)} s`,
      kind,
      phase ?? '',
      'message' in data ? String(data.message) : '',
    ]),
    ...(alarms.length === 0 ? { notes: ['none'] } : {}),
  };
}

/** Everything else, counted: notices and warnings are for who maintains the node. */
function countTable(name: string, events: readonly NodeEvent[]): Table {
  const severities = ['info', 'notice', 'warning', 'alarm'] as const satisfies readonly Severity[];
  const kinds: string[] = [...new Set(events.map(({ kind }) => kind))].sort();
  const count = (kind: string, severity: Severity): string =>
    String(events.filter((event) => event.kind === kind && event.severity === severity).length);
  return {
    title: `Events of the ${name} day`,
    columns: ['kind', ...severities],
    rows: kinds.map((kind) => [kind].concat(severities.map((severity) => count(kind, severity)))),
  };
}
