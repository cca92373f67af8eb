/**
 * Everything that can happen to a directory of recordings, one node and camera per row: what the node says, that the camera
 * stays live, that recording goes on by itself afterwards, and that what is missing is exactly what the index calls a gap.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf, Scope, sleep, systemClock } from '@vigia/base';
import { ms } from '../support/numbers.ts';
import { descendantsOf } from '../support/processes.ts';
import type { Table } from '../support/table.ts';
import { VigiaNode } from '../support/vigia-node.ts';
import { clockShim, noClockShim } from '../support/clock-shim.ts';
import { repositoryFile } from './child.ts';
import { memoryOf, mib } from './memory.ts';
import { absentReason, Disk } from './recordings/disks.ts';
import { decodeErrors, type Recorded, recordedIn } from './recordings/files.ts';
import { disagreements, listed } from './recordings/index-check.ts';
import { makeClip, RecordedCamera, type Sent } from './recordings/recorded-camera.ts';
import { type Stage, STORAGE_ROWS, type StorageRow } from './recordings/storage-rows.ts';
import { runSoak, type SoakResult, type SoakRun } from './soak-run.ts';

const WORKER = repositoryFile('bench/soak/recordings/echo-worker.mjs');
const FPS = 15;
const LIMIT_MS = 40_000;
/** Recording before the trouble, and after it. */
const CALM_MS = 2_500;
const LASTS_MS = { long: 10_000, short: 4_000 } as const;
/** Seconds that are missing and those that the index calls a gap may differ by so much: a gap ends with a keyframe. */
const GAP_SLACK_S = 0.5;
/** A consumer's results may pause for so long on a busy machine. Milliseconds. */
const PAUSE_MS = 2_500;
/** A recorder may take so much more while its disk is away: units wait in it within their bound. */
const MEMORY_BYTES = 64 * 2 ** 20;
/** Rows at a time. */
const LANES = 2;
const ID = 'hall';

interface Clips {
  readonly plain: string;
  readonly resolution: string;
  readonly 'codec-change': string;
}

/** One row, from its start to its verdict. */
class Play {
  readonly #run: SoakRun;
  readonly #row: StorageRow;
  readonly #stage: Stage;
  readonly #seen = new Set<bigint>();
  readonly #wrong: string[] = [];
  #states = new Set<string>();
  #memory = { before: 0, most: 0 };
  #pauseMs = 0;

  constructor(run: SoakRun, row: StorageRow, stage: Stage) {
    this.#run = run;
    this.#row = row;
    this.#stage = stage;
  }

  async play(): Promise<{ readonly cells: string[]; readonly wrong: readonly string[] }> {
    const { node } = this.#stage;
    await this.#until('recording', (state) => state === 'recording');
    await this.#calm();
    this.#memory.before = this.#recorderBytes();
    this.#memory.most = this.#memory.before;
    const from = node.lines.length;
    const beganMs = systemClock.nowMs();
    const pids = this.#pids();
    await this.#row.begin(this.#stage);
    const { noticedMs, health } = await this.#trouble(beganMs);
    await this.#row.end?.(this.#stage);
    const endedMs = systemClock.nowMs();
    await this.#until('recording again', (state) => state === 'recording');
    const backMs = this.#row.end ? systemClock.nowMs() - endedMs : Number.NaN;
    await this.#calm();
    if (this.#pids() !== pids) this.#wrong.push('processes were restarted');
    this.#judgeCamera(from);
    const event = await this.#event();
    const { lostS, gapS } = await this.#judgeFiles();
    this.#wrong.push(...(this.#row.judge?.(this.#stage) ?? []));
    const grown = this.#memory.most - this.#memory.before;
    if (grown > MEMORY_BYTES) this.#wrong.push(`its recorder grew by ${mib(grown)} MiB`);
    const states = [...this.#states].filter((state) => state !== 'recording').join(', ') || 'recording';
    const cells = [
      this.#stage.disk.kind,
      states,
      ms(noticedMs),
      health,
      event,
      ms(backMs),
      lostS.toFixed(1),
      gapS.toFixed(1),
    ];
    return { cells: [...cells, ms(this.#pauseMs), mib(grown)], wrong: this.#wrong };
  }

  /** Watches while it lasts. @returns when the expected state was seen, NaN when none is expected; and what its health said then. */
  async #trouble(beganMs: number): Promise<{ readonly noticedMs: number; readonly health: string }> {
    const { reason, eitherWay } = this.#row;
    let noticedMs = Number.NaN;
    let health = '–';
    if (reason !== undefined) {
      await this.#until(`paused (${reason})`, (state, why) => state === 'paused' && why === reason);
      noticedMs = systemClock.nowMs() - beganMs;
      health = await this.#health();
    }
    const endMs = systemClock.nowMs() + LASTS_MS[this.#run.short ? 'short' : 'long'];
    while (systemClock.nowMs() < endMs) {
      const { state, reason: why } = await this.#look();
      const expected = reason === undefined ? 'recording' : 'paused';
      // A file that was removed ends, and the next begins with a keyframe.
      const between = state === 'paused' || state === 'waiting';
      if (!eitherWay && state !== expected && !(this.#row.removes && between))
        this.#wrong.push(`its recorder is ${state} (${why}) while it should be ${expected}`);
      await sleep(systemClock, 200, this.#run.signal);
    }
    return { noticedMs, health };
  }

  async #calm(): Promise<void> {
    await sleep(systemClock, CALM_MS, this.#run.signal);
    await this.#keepMarks();
  }

  async #keepMarks(): Promise<Recorded[]> {
    const files = await recordedIn(this.#stage.disk.path);
    for (const { marks } of files) for (const mark of marks) this.#seen.add(mark);
    return files;
  }

  async #look(): Promise<{ state: string; reason: string | null }> {
    const { cameras } = await this.#stage.node.status();
    const { state = 'none', reason = null } = cameras[ID]?.recording ?? {};
    this.#states.add(reason === null ? state : `${state} (${reason})`);
    this.#memory.most = Math.max(this.#memory.most, this.#recorderBytes());
    return { state, reason };
  }

  async #until(what: string, fits: (state: string, reason: string | null) => boolean): Promise<void> {
    for (const endMs = systemClock.nowMs() + LIMIT_MS; ; ) {
      const { state, reason } = await this.#look().catch(() => ({ state: 'no answer', reason: null }));
      if (fits(state, reason)) return;
      if (systemClock.nowMs() > endMs) throw new Error(`not ${what} within ${LIMIT_MS / 1000} s: ${state} (${reason})`);
      await sleep(systemClock, 50, this.#run.signal);
    }
  }

  #recorderBytes(): number {
    const ingest = descendantsOf(this.#stage.node.pid).find(({ command }) => command.includes('ingest-process'));
    return ingest ? memoryOf(ingest.pid).rssAnon : 0;
  }

  /** The node and its recorder: nothing that a row needs is restarted. */
  #pids(): string {
    const { node } = this.#stage;
    return `${node.pid} ${node.childWith('ingest-process')} ${node.childWith('camera-process')}`;
  }

  async #health(): Promise<string> {
    const text = await this.#stage.node.ask('GET', '/healthz').catch(messageOf);
    const found = /"code":"(recording_paused|footage)"/.exec(text)?.[1];
    // Where old recordings go, there may be room again by now.
    const isOver = !found && this.#row.eitherWay === true && (await this.#look()).state !== 'paused';
    if (!found && !isOver) this.#wrong.push('its health has no problem');
    return found ?? (isOver ? 'over' : 'none');
  }

  async #event(): Promise<string> {
    const text = await this.#stage.node.ask('GET', '/api/v1/events?kind=storage,recording');
    const events = (JSON.parse(text) as { events: { kind: string; data: { state: string } }[] }).events;
    const kinds = events.filter(({ kind, data }) => data.state === (kind === 'storage' ? 'failing' : 'paused'));
    const names = [...new Set(kinds.map(({ kind }) => kind))].sort();
    if (this.#row.reason !== undefined && !names.includes('recording'))
      this.#wrong.push('there is no event of its recorder');
    return names.join(', ') || '–';
  }

  /** The camera stays live, and its consumer gets pictures. */
  #judgeCamera(from: number): void {
    const { node } = this.#stage;
    for (const { line } of node.lines.slice(from))
      if (line.type === 'camera_state' && line.state !== 'live' && !this.#row.second)
        this.#wrong.push(`the camera became ${line.state} (${line.message})`);
    const times = node.results(from).flatMap(({ atMs, result }) => (result.status === 'ok' ? [atMs] : []));
    this.#pauseMs = times.reduce((most, atMs, i) => Math.max(most, atMs - (times[i - 1] ?? atMs)), 0);
    if (times.length === 0) this.#wrong.push('its consumer got no picture');
    if (this.#pauseMs > PAUSE_MS && !this.#row.second)
      this.#wrong.push(`its consumer got nothing for ${ms(this.#pauseMs)} ms`);
  }

  /** What is missing, against the gaps of the index. */
  async #judgeFiles(): Promise<{ readonly lostS: number; readonly gapS: number }> {
    const { camera, node } = this.#stage;
    const untilMs = systemClock.nowMs() - 500;
    await camera.camera.setFaults(['refuse']);
    await sleep(systemClock, 2_000, this.#run.signal);
    const files = await this.#keepMarks();
    const sent = camera.sent.filter(({ atMs }) => atMs < untilMs);
    const first = sent.findIndex(({ mark }) => this.#seen.has(mark));
    const missingS = pausesS(sent, this.#seen);
    const lost = sent.slice(Math.max(0, first)).filter(({ mark }) => !this.#seen.has(mark)).length;
    const index = (await listed(node))[ID] ?? { spans: [], gaps: [] };
    const ended = index.gaps.filter((gap) => gap.to_ms !== null);
    const gapS = ended.reduce((sum, { from_ms: from, to_ms: to }) => sum + ((to ?? from) - from) / 1000, 0);
    const lostS = lost / FPS;
    // What retention or somebody has removed is no gap.
    if (!this.#row.removes && !this.#row.shim) {
      if (Math.abs(missingS - gapS) > GAP_SLACK_S)
        this.#wrong.push(`${missingS.toFixed(2)} s are not recorded, the gaps of the index are ${gapS.toFixed(2)} s`);
      this.#wrong.push(...disagreements(ID, index, files));
    }
    if (this.#row.reason === undefined && !this.#row.eitherWay && !this.#row.removes && lost > 0)
      this.#wrong.push(`${lost} units are missing`);
    for (const file of files) {
      const text = await decodeErrors(file);
      if (text !== '') this.#wrong.push(`${file.path} does not decode: ${text.split('\n')[0]}`);
    }
    return { lostS, gapS };
  }
}

/** The times between recorded units that do not follow each other: others were sent between them, or the connection is another one. */
function pausesS(sent: readonly Sent[], recorded: ReadonlySet<bigint>): number {
  let sum = 0;
  let last: { readonly unit: Sent; readonly i: number } | undefined;
  for (const [i, unit] of sent.entries()) {
    if (!recorded.has(unit.mark)) continue;
    const follows = !last || (i === last.i + 1 && unit.session === last.unit.session);
    if (!follows && last) sum += (unit.atMs - last.unit.atMs) / 1000 - 1 / FPS;
    last = { unit, i };
  }
  return sum;
}

function configOf(footage: string): string {
  return `workers:
  echo: { command: [${process.execPath}, ${WORKER}], input: { format: GRAY8, width: 160, height: 90 } }
storage: { path: ${footage}, min_free: 1MB, durability: power }
`;
}

async function stageOf(run: SoakRun, row: StorageRow, dir: string, clips: Clips): Promise<Stage> {
  const { signal, progress, scope } = run;
  const disk = await Disk.make(run, row.disk, dir);
  const camera = await RecordedCamera.start(run, ID, clips.plain, row.second ? { secondClip: clips[row.second] } : {});
  const start = (env: Record<string, string>, url = camera.camera.url): VigiaNode =>
    VigiaNode.start(
      { signal, scope, seconds: 0, progress },
      { [ID]: url },
      '{ echo: { worker: echo, fps: 5 } }',
      'record: { mode: always }',
      { models: '', top: configOf(disk.path), env },
    );
  const node = start(row.shim ? { LD_PRELOAD: clockShim(dir) } : {});
  const growing = (): string => {
    const path = `/proc/${node.childWith('ingest-process')}/fd`;
    const links = execFileSync('find', [path, '-printf', '%l\n'], { encoding: 'utf8' }).split('\n');
    return links.find((link) => link.endsWith('.mp4')) ?? '';
  };
  const secondNode: Stage['secondNode'] = async () => {
    const other = await RecordedCamera.start(run, ID, camera.camera.clip);
    const second = start({}, other.camera.url);
    await second.until(
      'its recorder',
      () => second.lines.some(({ line }) => line.type === 'result') || undefined,
      LIMIT_MS,
    );
    await sleep(systemClock, 3_000, signal);
    const { state = '', message = null } = (await second.status()).cameras[ID]?.recording ?? {};
    await second.close();
    return { state, message };
  };
  return { disk, dir, node, camera, growing, secondNode };
}

/** Why a row cannot be played here. */
function notRun(row: StorageRow): string | undefined {
  return row.shim ? noClockShim() : absentReason(row.disk);
}

async function playRow(
  run: SoakRun,
  row: StorageRow,
  base: string,
  clips: Clips,
): Promise<{ cells: string[]; wrong: readonly string[] }> {
  const absent = notRun(row);
  if (absent !== undefined) {
    run.progress(`${row.name}: NOT RUN: ${absent}`);
    return { cells: [row.name, `NOT RUN: ${absent}`], wrong: [] };
  }
  const scope = new Scope();
  run.scope.defer(() => scope.close());
  try {
    const dir = join(base, row.name.replaceAll(/\W+/g, '-'));
    mkdirSync(dir);
    const own = { ...run, scope };
    const { cells, wrong } = await new Play(own, row, await stageOf(own, row, dir, clips)).play();
    run.progress(`${row.name}: ${wrong.length === 0 ? 'held' : 'NOT HELD'}`);
    return { cells: [row.name, ...cells, wrong.length === 0 ? 'held' : 'NOT'], wrong };
  } catch (error) {
    run.progress(`${row.name}: NOT HELD`);
    return { cells: [row.name, row.disk, '–'], wrong: [messageOf(error)] };
  } finally {
    await scope.close();
  }
}

await runSoak('recording-storage', async (run): Promise<SoakResult> => {
  const base = mkdtempSync(join(tmpdir(), 'vigia-soak-storage-'));
  run.scope.defer(() => rmSync(base, { recursive: true, force: true }));
  const clips: Clips = {
    plain: await makeClip(base, 'plain', { fps: FPS }),
    resolution: await makeClip(base, 'resolution', { fps: FPS, size: '480x272' }),
    'codec-change': await makeClip(base, 'codec', { fps: FPS, codec: 'h265' }),
  };
  const isAsked = ({ name, short }: StorageRow): boolean =>
    run.only.length > 0 ? run.only.some((part) => name.includes(part)) : !run.short || short === true;
  const rows = STORAGE_ROWS.filter(isAsked);
  const queue = rows.map((row, i) => ({ row, i }));
  const played: { cells: string[]; wrong: readonly string[] }[] = [];
  const lane = async (): Promise<void> => {
    for (let next = queue.shift(); next; next = queue.shift())
      played[next.i] = await playRow(run, next.row, base, clips);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  const table: Table = {
    title: `Trouble with recordings, a camera at ${FPS} frames/s each`,
    columns: [
      'trouble',
      'disk',
      'recorder',
      'noticed, ms',
      'health',
      'events',
      'recording again, ms',
      'lost, s',
      'gap, s',
      'longest pause of a consumer, ms',
      'memory, MiB',
      'verdict',
    ],
    rows: played.map(({ cells }) => [...cells, ...Array.from({ length: 12 - cells.length }, () => '–')]),
    notes: [
      'lost: units that were sent and are not in any file; gap: what the index calls one',
      'recorder: states besides recording; recording again: from the end of the trouble, nothing is restarted',
    ],
  };
  return {
    tables: [table],
    failures: played.flatMap(({ wrong }, i) => wrong.map((text) => `${rows[i]?.name}: ${text}`)),
  };
});
