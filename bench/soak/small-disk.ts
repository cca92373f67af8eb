/**
 * A disk that has room for a few minutes: two recorded cameras, first with few events, then with nothing but events. Each file
 * that goes is judged when it goes: the oldest first, footage of events last, unless that takes more than half of what is kept. No
 * recorder waits for room, and the list of recordings says `removed` where something is missing between what is left.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sleep, systemClock } from '@vigia/base';
import { type ApiClient, createClient } from '@vigia/client';
import { CameraFork } from '../support/camera-fork.ts';
import { CLIP } from '../support/paths.ts';
import { HEADROOM_BYTES, parseFootagePath, socketSender } from '../support/runtime-internals.ts';
import type { Table } from '../support/table.ts';
import { VigiaNode } from '../support/vigia-node.ts';
import { absentReason, Disk, TMPFS_BYTES } from './recordings/disks.ts';
import { filesIn } from './recordings/files.ts';
import { type Listed, listed } from './recordings/index-check.ts';
import { runSoak, type SoakResult, type SoakRun } from './soak-run.ts';

const CAMERAS = ['street', 'hall'] as const;
/** How long each half lasts, milliseconds; and what recordings may take, bytes, beside the room that is kept ahead for each camera. */
const PLAN = {
  long: { halfMs: 600_000, roomBytes: 30 * 2 ** 20 },
  short: { halfMs: 130_000, roomBytes: 16 * 2 ** 20 },
} as const;
/** Between two events of each camera, by half. Milliseconds. */
const MARK_EVERY_MS = { few: { street: 210_000, hall: Infinity }, many: { street: 20_000, hall: 50_000 } } as const;
/** The limit is half of all bytes: files that grow between two looks move the share a little. */
const SHARE = { may: 0.55, least: 0.4 } as const;
const LOOK_MS = 500;
const LIMIT_S = 1_500;

interface Scene {
  readonly run: SoakRun;
  readonly node: VigiaNode;
  readonly watch: Watch;
}

interface Kept {
  readonly camera: string;
  readonly order: number;
  readonly startMs: number;
  readonly event: boolean;
  readonly bytes: number;
}

interface Removal extends Kept {
  readonly atMs: number;
  /** Of events, of all bytes before it. */
  readonly share: number;
  /** Of no event, and older. */
  readonly older: number;
}

async function start(run: SoakRun, path: string, minFreeBytes: number): Promise<VigiaNode> {
  const bench = { signal: run.signal, scope: run.scope, progress: run.progress, seconds: 0 };
  const forks = CAMERAS.map(async (id) => [id, (await CameraFork.start(bench, { clip: CLIP, fps: 10 })).url] as const);
  const sources = Object.fromEntries(await Promise.all(forks));
  const storage = `storage: { path: "${path}", min_free: ${Math.round(minFreeBytes / 1e6)}MB }\n`;
  const record = 'record: { mode: always, before: 2s, after: 2s }';
  const node = VigiaNode.start(bench, sources, '{ people: { model: ssdlite, fps: 1 } }', record, { top: storage });
  await node.okResults(CAMERAS, 1);
  return node;
}

/** Looks at the disk for a while, and lets events happen. A moment after something went, the list must say so. */
async function half(
  { run, node, watch }: Scene,
  lastsMs: number,
  mark: (nowMs: number) => Promise<void>,
): Promise<void> {
  const untilMs = systemClock.nowMs() + lastsMs;
  let judged = 0;
  while (systemClock.nowMs() < untilMs) {
    await mark(systemClock.nowMs());
    const { length } = watch.removals;
    watch.look();
    if (watch.removals.length === length && length > judged) {
      judged = length;
      watch.failures.push(...judgeList(await listed(node), watch));
    }
    await sleep(systemClock, LOOK_MS, run.signal);
  }
}

/** Marks something at each camera, so often. The first time a minute after the beginning. */
function marker(api: ApiClient, everyMs: Readonly<Record<string, number>>): (nowMs: number) => Promise<void> {
  const nextMs = new Map(Object.keys(everyMs).map((camera) => [camera, systemClock.nowMs() + 60_000]));
  return async (nowMs) => {
    for (const [camera, dueMs] of nextMs) {
      if (nowMs < dueMs || everyMs[camera] === Infinity) continue;
      nextMs.set(camera, nowMs + (everyMs[camera] ?? 0));
      await api.markRecording({ params: { camera }, body: {} });
    }
  };
}

/** The files of a disk, and which of them went. */
class Watch {
  readonly #dir: string;
  #kept: readonly Kept[] = [];
  readonly removals: Removal[] = [];
  readonly failures: string[] = [];
  /** How often the list said `removed`. */
  named = 0;

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Of the last look, the oldest first. */
  get kept(): readonly Kept[] {
    return this.#kept;
  }

  look(): void {
    const before = this.#kept;
    // A file that is being renamed may be in no list: two have it.
    this.#kept = unique([...keptIn(this.#dir), ...keptIn(this.#dir)]);
    const there = new Set(this.#kept.map(keyOf));
    const gone = before.filter((one) => !there.has(keyOf(one)));
    const all = bytesOf(before);
    const share = all === 0 ? 0 : bytesOf(before.filter(({ event }) => event)) / all;
    for (const one of gone) {
      const older = this.#kept.filter(({ event, startMs }) => !event && startMs < one.startMs).length;
      const removal = { ...one, atMs: systemClock.wallMs(), share, older };
      this.removals.push(removal);
      this.#judge(removal, gone);
    }
  }

  #judge({ event, share, older, ...one }: Removal, gone: readonly Kept[]): void {
    const name = `${keyOf(one)} of ${new Date(one.startMs).toISOString().slice(11, 19)}`;
    const say = (what: string): void => void this.failures.push(`${name} (events are ${percent(share)}): ${what}`);
    if (!event && older > 0) say(`it went before ${older} older ones of no event`);
    if (!event && share > SHARE.may && !gone.some((other) => other.event)) say('it went while events take too much');
    const others = this.#kept.filter((other) => !other.event);
    if (event && share < SHARE.least && others.length > CAMERAS.length) say('an event went before what is of none');
  }
}

function keptIn(dir: string): Kept[] {
  return filesIn(dir).flatMap((path): Kept[] => {
    const name = parseFootagePath(path);
    const bytes = statSync(join(dir, path), { throwIfNoEntry: false })?.size;
    return name && bytes !== undefined ? [{ ...name, bytes }] : [];
  });
}

/** Each segment once, as it was found last; the oldest first. */
function unique(found: readonly Kept[]): Kept[] {
  return [...new Map(found.map((one) => [keyOf(one), one])).values()].sort((a, b) => a.startMs - b.startMs);
}

/** What is missing between older and newer footage must be called `removed`, and nothing else must. */
function judgeList(list: Readonly<Record<string, Listed>>, watch: Watch): string[] {
  const failures: string[] = [];
  const { removals, kept } = watch;
  for (const camera of CAMERAS) {
    const gaps = (list[camera]?.gaps ?? []).filter(({ reason }) => reason === 'removed');
    const oldestMs = kept.find((one) => one.camera === camera)?.startMs ?? Infinity;
    const missing = removals.filter((one) => one.camera === camera && one.startMs > oldestMs);
    const isNamed = ({ startMs }: Kept): boolean =>
      gaps.some(({ from_ms: from, to_ms: to }) => startMs >= from - 1_000 && startMs < (to ?? Infinity));
    watch.named += gaps.length;
    const silent = missing.filter((one) => !isNamed(one)).length;
    if (silent > 0) failures.push(`${camera}: nothing says that ${silent} files were removed`);
    const others = (list[camera]?.gaps ?? []).filter(({ reason }) => reason !== 'removed');
    if (others.length > 0) failures.push(`${camera}: a gap for another reason: ${others[0]?.reason}`);
    const isRight = (gap: (typeof gaps)[number]): boolean =>
      missing.some(({ startMs }) => startMs >= gap.from_ms - 1_000 && startMs < (gap.to_ms ?? Infinity));
    if (!gaps.every(isRight)) failures.push(`${camera}: removed, though nothing was`);
  }
  return failures;
}

/** Each rule was needed: otherwise the run proves nothing. */
function expectedOf({ removals, named }: Watch): string[] {
  return [
    ...(named > 0 ? [] : ['nothing went from between two files']),
    ...([true, false].every((is) => removals.some(({ event }) => event === is)) ? [] : ['files of one kind only went']),
  ];
}

/** No recorder waited for room. */
async function judgeStates(api: ApiClient): Promise<string[]> {
  const { events } = await api.events({ query: { kind: 'recording', limit: 1_000 } });
  const paused = events.filter((event) => event.kind === 'recording' && event.data.state === 'paused');
  return paused.map((event) => `${event.camera} paused at ${event.at}`);
}

function tableOf(removals: readonly Removal[], beganMs: number, reach: readonly string[]): Table {
  const seconds = (ms: number): string => ((ms - beganMs) / 1000).toFixed(0);
  return {
    title: 'What went, in this order',
    columns: ['after, s', 'file', 'from, s', 'event', 'MiB', 'events before', 'older of no event'],
    rows: removals.map((one) => [
      seconds(one.atMs),
      keyOf(one),
      seconds(one.startMs),
      one.event ? 'yes' : 'no',
      (one.bytes / 2 ** 20).toFixed(1),
      percent(one.share),
      String(one.older),
    ]),
    notes: reach.map((text, i) => `${CAMERAS[i]}, at the end: ${text}`),
  };
}

function keyOf({ camera, order }: Pick<Kept, 'camera' | 'order'>): string {
  return `${camera}/${order}`;
}

function bytesOf(all: readonly Kept[]): number {
  return all.reduce((sum, { bytes }) => sum + bytes, 0);
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}

function minutes(ms: number | null | undefined): string {
  return ms === null || ms === undefined ? 'unknown' : `${(ms / 60_000).toFixed(1)} min`;
}

await runSoak(
  'small-disk',
  async (run): Promise<SoakResult> => {
    const absent = absentReason('tmpfs');
    if (absent !== undefined) return { tables: [], failures: [`it needs a disk of its own: ${absent}`] };
    const { halfMs, roomBytes } = run.short ? PLAN.short : PLAN.long;
    const dir = mkdtempSync(join(tmpdir(), 'vigia-small-disk-'));
    run.scope.defer(() => rmSync(dir, { recursive: true, force: true }));
    const disk = await Disk.make(run, 'tmpfs', dir);
    const node = await start(run, disk.path, TMPFS_BYTES - CAMERAS.length * HEADROOM_BYTES - roomBytes);
    const api = createClient({ send: socketSender(join(node.runDir, 'control.sock')) });
    const watch = new Watch(disk.path);
    const beganMs = systemClock.wallMs();
    const scene = { run, node, watch };
    await half(scene, halfMs, marker(api, MARK_EVERY_MS.few));
    run.progress('from now on nearly everything is an event');
    await half(scene, halfMs, marker(api, MARK_EVERY_MS.many));
    const failures = [...watch.failures, ...(await judgeStates(api)), ...expectedOf(watch)];
    const status = Object.values((await api.status()).cameras).map(({ recording }) => recording);
    await node.finish();
    const reach = status.map((one) => `${minutes(one?.kept_ms)} kept, room for ${minutes(one?.room_ms)}`);
    return { tables: [tableOf(watch.removals, beganMs, reach)], failures };
  },
  LIMIT_S,
);
