/**
 * Events survive anything: the node killed while it stores and delivers, the broker killed, the connection cut, the disk
 * full. A subscriber ends with every stored event, in order per camera. A control that publishes before it stores shows
 * that the check would notice.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sleep, systemClock } from '@vigia/base';
import type { Table } from '../support/table.ts';
import { LineChild } from './child.ts';
import { Broker } from './outbox/broker.ts';
import type { OutboxNodeSetup } from './outbox/setup.ts';
import { runSoak, type SoakResult, type SoakRun } from './soak-run.ts';

const CHILD = fileURLToPath(new URL('outbox-node.js', import.meta.url));
const CAMERAS = 4;
const PER_SECOND = 2_000;
/** No file of the node may grow beyond this while the disk is full, bytes. */
const FULL_BYTES = 65_536;
/** The disk is full for this long: longer than an event waits before it counts as late. */
const FULL_MS = 3_000;
/** Without any progress for this long, delivery has failed. */
const STUCK_MS = 30_000;

interface Scale {
  readonly events: number;
  readonly kills: number;
  readonly brokerKills: number;
  readonly fulls: number;
}

const LONG: Scale = { events: 100_000, kills: 200, brokerKills: 20, fulls: 2 };
const SHORT: Scale = { events: 2_000, kills: 4, brokerKills: 1, fulls: 1 };

/** What a subscriber received. */
class Received {
  /** In order of their first delivery. */
  readonly ids = new Map<string, string>();
  duplicates = 0;
  failing = 0;
  readonly #last = new Map<string, string>();
  readonly disordered: string[] = [];

  take(json: string): void {
    const { id, camera, kind, data } = JSON.parse(json) as {
      id: string;
      camera: string | null;
      kind: string;
      data: { state?: string };
    };
    if (this.ids.has(id)) {
      this.duplicates += 1;
      return;
    }
    const of = camera ?? 'node';
    const before = this.#last.get(of);
    if (before !== undefined && before > id) this.disordered.push(`${id} of ${of} came after ${before}`);
    this.#last.set(of, id);
    this.ids.set(id, of);
    if (kind === 'storage' && data.state === 'failing') this.failing += 1;
  }
}

/** Starts nodes one after another, over one store. */
class Lives {
  readonly #run: SoakRun;
  readonly #setup: OutboxNodeSetup;
  /** Published by any of them. */
  readonly published = new Set<string>();

  constructor(run: SoakRun, setup: OutboxNodeSetup) {
    this.#run = run;
    this.#setup = setup;
  }

  start(): LineChild {
    // A file that may not grow is an error for a write, and not the end of the process.
    const script = 'trap "" XFSZ; exec "$@"';
    const args = ['-c', script, 'sh', process.execPath, CHILD, JSON.stringify(this.#setup)];
    return new LineChild(this.#run, 'outbox', '/bin/sh', args);
  }

  /** Lets a node publish so many events. */
  async publish(node: LineChild, count: number): Promise<void> {
    for (let n = 0; n < count; n += 1) this.#take(await node.line<string>());
  }

  /** Until the disk takes events again, and has taken those that waited. */
  async recovered(node: LineChild): Promise<void> {
    for (let line = ''; line !== 'R'; ) {
      line = await node.line<string>();
      this.#take(line);
    }
  }

  /** Makes the last node stop making events. @returns every stored id. */
  async finish(node: LineChild): Promise<string[]> {
    node.process.stdin?.write('finish\n');
    const stored: string[] = [];
    for (let line = await node.line<string>(); line !== 'E'; line = await node.line<string>()) {
      if (line.startsWith('A ')) stored.push(line.split(' ')[1] ?? '');
      else this.#take(line);
    }
    return stored;
  }

  #take(line: string): void {
    const [mark, id] = line.split(' ');
    if (mark === 'L') this.#run.progress(line.slice(2));
    if (mark === 'P' && id !== undefined) this.published.add(id);
  }
}

/** Tries again: a machine that is short of processes has one a moment later. */
async function limitFiles(pid: number, bytes: number | 'unlimited', attempts = 5): Promise<void> {
  const { status, error, stderr } = spawnSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:`], {
    encoding: 'utf8',
  });
  if (status === 0) return;
  if (attempts === 1) throw new Error(`prlimit failed: ${error?.message ?? stderr.trim()}`);
  await sleep(systemClock, 200);
  await limitFiles(pid, bytes, attempts - 1);
}

async function untilAll(run: SoakRun, received: Received, wanted: readonly string[]): Promise<void> {
  let [known, sinceMs] = [-1, systemClock.nowMs()];
  while (wanted.some((id) => !received.ids.has(id))) {
    if (received.ids.size !== known) [known, sinceMs] = [received.ids.size, systemClock.nowMs()];
    if (systemClock.nowMs() - sinceMs > STUCK_MS) return;
    await sleep(systemClock, 100, run.signal);
  }
}

async function play(run: SoakRun, scale: Scale, early: boolean): Promise<{ row: string[]; failures: string[] }> {
  const dir = mkdtempSync(join(tmpdir(), 'vigia-soak-outbox-'));
  run.scope.defer(() => rmSync(dir, { recursive: true, force: true }));
  const received = new Received();
  const broker = await Broker.start(run, dir, (json) => received.take(json));
  const setup = {
    path: join(dir, 'node.db'),
    url: broker.url,
    node: 'soak',
    cameras: CAMERAS,
    perSecond: PER_SECOND,
    early,
  };
  const lives = new Lives(run, setup);
  const perLife = Math.ceil(scale.events / scale.kills);
  const every = (times: number, life: number): boolean =>
    times > 0 && life % Math.floor(scale.kills / times) === Math.floor(scale.kills / times / 2);
  for (let life = 0; life < scale.kills; life += 1) {
    const node = lives.start();
    const brokerBack = every(scale.brokerKills, life) ? broker.killAndRestart() : undefined;
    if (every(scale.fulls, life)) {
      await lives.publish(node, 10);
      await limitFiles(node.pid, FULL_BYTES);
      await sleep(systemClock, FULL_MS, run.signal);
      await limitFiles(node.pid, 'unlimited');
      await lives.recovered(node);
    }
    // Between half and one and a half of the mean: the kill meets every point.
    await lives.publish(node, Math.ceil(perLife * (0.5 + Math.random())));
    if (life % 10 === 5) broker.cutNode();
    await node.kill();
    await brokerBack;
    if (life % 20 === 19)
      run.progress(`${life + 1} kills, ${lives.published.size} published, ${received.ids.size} received`);
  }
  const last = lives.start();
  await lives.publish(last, 10);
  const stored = await lives.finish(last);
  await untilAll(run, received, early ? stored : [...stored, ...lives.published]);
  await last.kill();
  const missing = stored.filter((id) => !received.ids.has(id));
  const unstored = [...lives.published].filter((id) => !received.ids.has(id));
  const failures = [
    ...missing.map((id) => `${id} is stored and never came`),
    ...unstored.map((id) => `${id} was published and never came`),
    ...received.disordered,
  ];
  if (scale.fulls > 0 && received.failing < scale.fulls)
    failures.push(`the disk was full ${received.failing} times only`);
  const row = [scale.kills, scale.brokerKills, received.failing, stored.length, received.ids.size, received.duplicates]
    .map(String)
    .concat([String(missing.length + unstored.length), String(received.disordered.length)]);
  return { row, failures };
}

await runSoak('outbox', async (run): Promise<SoakResult> => {
  const scale = run.short ? SHORT : LONG;
  const { row, failures } = await play(run, scale, false);
  const control = await play(run, { events: 1_000, kills: 5, brokerKills: 0, fulls: 0 }, true);
  const caught = control.failures.some((failure) => failure.endsWith('was published and never came'));
  const table: Table = {
    title: 'Events to an MQTT subscriber',
    columns: [
      '',
      'node killed',
      'broker killed',
      'disk full',
      'stored',
      'received',
      'again',
      'missing',
      'out of order',
      'verdict',
    ],
    rows: [
      ['stored, then published', ...row, failures.length === 0 ? 'held' : 'lost'],
      ['control: published before it is stored', ...control.row, caught ? 'caught' : 'not caught'],
    ],
    notes: [
      `a node's store, stream and MQTT connection, ${CAMERAS} cameras; SIGKILL for node and mosquitto; the connection is cut in one of ten lives`,
      'received: different ids; again: deliveries of an id that came before',
      'missing: published or stored, and never received',
    ],
  };
  return { tables: [table], failures: [...failures, ...(caught ? [] : ['the control was not caught'])] };
});
