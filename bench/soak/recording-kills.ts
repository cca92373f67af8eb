/**
 * The kill storm over recordings: a real node that records four simulated cameras, one of them with a worker, one with a
 * model. Every kind of process is killed at random moments, the supervisor too. The files are judged against what the
 * cameras sent, unit by unit: each unit carries the time of its sending.
 */
import { randomInt } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Scope, sleep, systemClock } from '@vigia/base';
import { seededRandom32 } from '@vigia/testkit';
import { ms, quantile } from '../support/numbers.ts';
import { descendantsOf, isAlive, type ProcessInfo } from '../support/processes.ts';
import type { Table } from '../support/table.ts';
import { VigiaNode } from '../support/vigia-node.ts';
import { repositoryFile } from './child.ts';
import { decodeErrors, type Recorded, recordedIn } from './recordings/files.ts';
import { disagreements, listed, overlaps } from './recordings/index-check.ts';
import { makeClip, RecordedCamera } from './recordings/recorded-camera.ts';
import { judgeSessions, type Kill, type SessionVerdict, wrongOf } from './recordings/sessions.ts';
import { runSoak, type SoakResult, type SoakRun } from './soak-run.ts';

/** It ends in a second or two; the machine may be busy. */
const FINISH_MS = 20_000;
const WORKER = repositoryFile('bench/soak/recordings/echo-worker.mjs');
const FPS = 15;
const ids = ['plain', 'worked', 'modelled', 'quiet'];
/** Victims, and how their processes are called. Of twelve kills each kind has so many. */
const VICTIMS = [
  { kind: 'recorder', part: 'ingest-process', share: 4 },
  { kind: 'camera', part: 'camera-process', share: 3 },
  { kind: 'footage', part: 'footage-process', share: 2 },
  { kind: 'worker', part: 'echo-worker', share: 1 },
  { kind: 'container', part: 'model-container', share: 1 },
  { kind: 'supervisor', part: '', share: 1 },
] as const;
type Kind = (typeof VICTIMS)[number]['kind'];
const ROUND = 12;
const ROUNDS = { long: 84, short: 1 } as const;
const PAUSE_MS = { long: 700, short: 900 } as const;
/** What the kill of a recorder may cost before it: a fragment's half second, and the frame that was under way. Milliseconds. */
const LOST_MS = 500 + 1_000 / FPS;
const BACK_MS = 40_000;
/** A control: the recorder stands still for so long before it is killed. Milliseconds. */
const STOPPED_MS = 2_000;
/** Until the node knows that a process is dead. Milliseconds. */
const DEATH_MS = 500;
/** Files that are decoded in the short form. */
const SAMPLE = 12;
/** A family outlives its supervisor for at most this long. Milliseconds. */
const ORPHAN_MS = 5_000;

/** Overrides the random seed. */
const SEED_VARIABLE = 'VIGIA_SOAK_SEED';

class Storm {
  readonly #run: SoakRun;
  readonly #node: VigiaNode;
  readonly #random: () => number;
  readonly #cameras: readonly RecordedCamera[];
  readonly kills: Kill[] = [];
  readonly counts = new Map<Kind, number>();
  readonly failures: string[] = [];

  constructor(run: SoakRun, node: VigiaNode, cameras: readonly RecordedCamera[], seed: number) {
    this.#run = run;
    this.#node = node;
    this.#cameras = cameras;
    const random32 = seededRandom32(seed);
    this.#random = () => random32() / 2 ** 32;
  }

  /** So many rounds of kills, each kind in its share, in random order at random moments. */
  async rage(rounds: number): Promise<void> {
    const { signal, short, progress } = this.#run;
    const pauseMs = PAUSE_MS[short ? 'short' : 'long'];
    for (let round = 0; round < rounds; round += 1) {
      if (round % 10 === 0) progress(`${round * ROUND} of ${rounds * ROUND} kills`);
      for (const kind of this.#shuffled()) {
        await sleep(systemClock, pauseMs * 2 * this.#random(), signal);
        await this.#kill(kind);
      }
    }
  }

  /** Every camera is recorded, and two seconds more. */
  async allRecord(): Promise<void> {
    const { signal } = this.#run;
    for (const endMs = systemClock.nowMs() + BACK_MS; ; ) {
      const states = await this.#node.status().then(
        ({ cameras }) => ids.map((id) => cameras[id]?.recording?.state),
        () => [],
      );
      if (states.length > 0 && states.every((state) => state === 'recording')) break;
      if (systemClock.nowMs() > endMs)
        throw new Error(`after ${BACK_MS / 1000} s the recorders are ${states.join(', ')}`);
      await sleep(systemClock, 100, signal);
    }
  }

  /** The control: a recorder is stopped, and only then killed. Its camera is the one whose session ends. */
  async stopThenKill(): Promise<void> {
    const [victim] = this.#living('recorder');
    if (!victim) throw new Error('no recorder runs');
    process.kill(victim.pid, 'SIGSTOP');
    await sleep(systemClock, STOPPED_MS, this.#run.signal);
    this.#note('recorder', victim.pid);
    process.kill(victim.pid, 'SIGKILL');
    await sleep(systemClock, DEATH_MS, this.#run.signal);
  }

  #shuffled(): Kind[] {
    const kinds = VICTIMS.flatMap(({ kind, share }) => Array.from({ length: share }, () => kind));
    const keyed = kinds.map((kind) => ({ kind, key: this.#random() }));
    return keyed.sort((a, b) => a.key - b.key).map(({ kind }) => kind);
  }

  #living(kind: Kind): ProcessInfo[] {
    const part = VICTIMS.find((victim) => victim.kind === kind)?.part ?? '';
    return descendantsOf(this.#node.pid).filter(({ command }) => command.includes(part));
  }

  async #kill(kind: Kind): Promise<void> {
    if (kind === 'supervisor') await this.#killSupervisor();
    else await this.#killOne(kind);
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
  }

  async #killOne(kind: Kind): Promise<void> {
    for (const endMs = systemClock.nowMs() + BACK_MS; ; ) {
      const alive = this.#living(kind);
      const victim = alive[Math.floor(this.#random() * alive.length)];
      if (victim) {
        this.#note(kind, victim.pid);
        process.kill(victim.pid, 'SIGKILL');
        return;
      }
      // It waits for its next start.
      if (systemClock.nowMs() > endMs) throw new Error(`no ${kind} came back within ${BACK_MS / 1000} s`);
      await sleep(systemClock, 50, this.#run.signal);
    }
  }

  async #killSupervisor(): Promise<void> {
    const family = descendantsOf(this.#node.pid);
    this.#note('supervisor');
    await this.#node.kill();
    const endMs = systemClock.nowMs() + ORPHAN_MS;
    const orphans = (): ProcessInfo[] => family.filter(({ pid }) => isAlive(pid));
    while (orphans().length > 0 && systemClock.nowMs() < endMs) await sleep(systemClock, 20, this.#run.signal);
    for (const { command } of orphans()) this.failures.push(`outlived its supervisor by 5 s: ${command}`);
    this.#node.startAgain();
    await this.allRecord();
  }

  #note(kind: Kind, pid = 0): void {
    const atMs = systemClock.nowMs();
    if (kind === 'supervisor') this.kills.push({ atMs, of: kind });
    if (kind === 'recorder') this.kills.push({ atMs, of: kind, camera: cameraOf(pid) });
  }

  /** No camera sends any more: their segments are finished, and the index has all of them. */
  async quiet(): Promise<void> {
    for (const { camera } of this.#cameras) await camera.setFaults(['refuse']);
    await sleep(systemClock, 2_000, this.#run.signal);
  }
}

/** The camera that a recorder writes; undefined while it has no segment. */
function cameraOf(pid: number): string | undefined {
  try {
    const files = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
    return ids.find((id) => files.some((file) => file.includes(`/footage/${id}/`)));
  } catch {
    // A descriptor was closed between two looks, or the process is gone.
    return undefined;
  }
}

async function startNode(run: SoakRun, dir: string, cameras: readonly RecordedCamera[]): Promise<VigiaNode> {
  const { signal, progress } = run;
  const scope = new Scope();
  run.scope.defer(() => scope.close());
  const footage = join(dir, 'footage');
  mkdirSync(footage);
  const consumers: Readonly<Record<string, string>> = {
    worked: '{ echo: { worker: echo, fps: 5 } }',
    modelled: '{ people: { model: ssdlite, fps: 1, deadline_ms: 2000 } }',
  };
  const top = `workers:
  echo:
    command: [${process.execPath}, ${WORKER}]
    input: { format: GRAY8, width: 160, height: 90 }
    restart: { delays_ms: [100], unlimited: true }
storage: { path: ${footage}, min_free: 1MB }
`;
  return VigiaNode.start(
    { signal, scope, seconds: 0, progress },
    Object.fromEntries(cameras.map(({ id, camera }) => [id, camera.url])),
    (id) => consumers[id] ?? '{}',
    'record: { mode: always }',
    { top },
  );
}

/** What decoding says of files. @param most So many, spread over all of them. */
async function undecodable(files: readonly Recorded[], most: number): Promise<string[]> {
  const step = Math.max(1, Math.ceil(files.length / most));
  const out: string[] = [];
  for (const file of files.filter((_, i) => i % step === 0)) {
    const text = await decodeErrors(file);
    if (text !== '') out.push(`${file.path} does not decode: ${text.split('\n')[0]}`);
  }
  return out;
}

function judged(
  storm: Storm,
  cameras: readonly RecordedCamera[],
  files: readonly Recorded[],
  untilMs: number,
): SessionVerdict[] {
  return cameras.flatMap(({ id, sent }) => {
    const marks = new Set(files.filter(({ camera }) => camera === id).flatMap((file) => file.marks));
    return judgeSessions(id, sent, marks, storm.kills, untilMs);
  });
}

function wrongFiles(files: readonly Recorded[]): string[] {
  const marks = files.flatMap((file) => file.marks.map((mark) => `${file.camera} ${mark}`));
  const twice = marks.length - new Set(marks).size;
  const miscounted = files.filter(
    ({ segment, marks: found }) => segment.fragments.reduce((sum, { pictures }) => sum + pictures, 0) !== found.length,
  );
  return [
    ...overlaps(files, 500 / FPS),
    ...(twice > 0 ? [`${twice} units are recorded twice`] : []),
    ...miscounted.map(({ path }) => `${path} has other pictures than its boxes say`),
  ];
}

/** The judge must notice a missing unit in the middle of a session, and a recorder that stood still before its end. */
function controls(
  storm: Storm,
  cameras: readonly RecordedCamera[],
  files: readonly Recorded[],
  stopped: readonly string[],
  untilMs: number,
): string[] {
  const spoilt = files.map((file, i) => (i === 0 ? { ...file, marks: file.marks.toSpliced(1, 1) } : file));
  const noticed = wrongOf(judged(storm, cameras, spoilt, untilMs), LOST_MS).some((text) =>
    text.includes('before its last'),
  );
  return [
    ...(noticed ? [] : ['control: a unit that was taken out of a recording was not noticed']),
    ...(stopped.length > 0
      ? []
      : ['control: a recorder that stood still for 2 s before it was killed was not noticed']),
  ];
}

function tablesOf(
  storm: Storm,
  verdicts: readonly SessionVerdict[],
  files: readonly Recorded[],
  seed: number,
): Table[] {
  const row = (name: string, of: Kill['of']): string[] => {
    const ended = verdicts.filter(({ kill }) => kill?.of === of);
    const lost = ended.map((verdict) => verdict.lostMs);
    const after = verdicts.flatMap((verdict, i) => {
      const before = verdicts[i - 1];
      const follows = before?.camera === verdict.camera && before.kill?.of === of;
      return follows && verdict.reconnectMs !== undefined ? [verdict.reconnectMs] : [];
    });
    const units = ended.reduce((sum, { lostAtEnd }) => sum + lostAtEnd, 0);
    const cells = [quantile(lost, 0.5), quantile(lost, 1), quantile(after, 0.5), quantile(after, 1)].map(ms);
    return [name, String(storm.counts.get(of) ?? 0), String(ended.length), String(units), ...cells];
  };
  const others = VICTIMS.filter(({ kind }) => kind !== 'recorder' && kind !== 'supervisor');
  return [
    {
      title: `${[...storm.counts.values()].reduce((a, b) => a + b, 0)} kills, ${ids.length} recorded cameras at ${FPS} frames/s, seed ${seed}`,
      columns: [
        'killed',
        'times',
        'connections ended',
        'units lost before it',
        'ms p50',
        'ms most',
        'until recorded again, ms p50',
        'most',
      ],
      rows: [
        row('recorder (ingest)', 'recorder'),
        row('supervisor', 'supervisor'),
        ...others.map(({ kind }) => [kind, String(storm.counts.get(kind) ?? 0), '0', '0', '–', '–', '–', '–']),
      ],
      notes: [
        `${files.length} segments; ${verdicts.reduce((sum, { units }) => sum + units, 0)} units sent in ${verdicts.length} connections`,
        'units lost before it: sent to a recorder that was then killed, and not in its file; ms: since the first of them',
        'until recorded again: from the kill to the first unit that is recorded, a keyframe; there is one each second',
      ],
    },
  ];
}

await runSoak('recording-kills', async (run): Promise<SoakResult> => {
  const seed = Number(process.env[SEED_VARIABLE] ?? randomInt(2 ** 31));
  run.progress(`seed ${seed} (${SEED_VARIABLE} sets it)`);
  const dir = mkdtempSync(join(tmpdir(), 'vigia-soak-kills-'));
  run.scope.defer(() => rmSync(dir, { recursive: true, force: true }));
  const clip = await makeClip(dir, 'clip', { fps: FPS });
  const cameras: RecordedCamera[] = [];
  for (const id of ids) cameras.push(await RecordedCamera.start(run, id, cameras[0]?.camera.clip ?? clip));
  const node = await startNode(run, dir, cameras);
  const storm = new Storm(run, node, cameras, seed);
  await storm.allRecord();
  await storm.rage(ROUNDS[run.short ? 'short' : 'long']);
  await sleep(systemClock, DEATH_MS, run.signal);
  await storm.allRecord();
  const controlFromMs = systemClock.nowMs();
  await storm.stopThenKill();
  await storm.allRecord();
  await sleep(systemClock, 1_000, run.signal);
  const untilMs = systemClock.nowMs();
  await storm.quiet();
  const index = await listed(node);
  const files = await recordedIn(join(dir, 'footage'));
  await node.finish(FINISH_MS);
  run.progress(`${files.length} segments are judged`);
  const verdicts = judged(storm, cameras, files, untilMs);
  const isControl = ({ kill }: SessionVerdict): boolean => (kill?.atMs ?? 0) > controlFromMs;
  const stopped = wrongOf(verdicts.filter(isControl), LOST_MS).filter((text) => text.includes('before the kill'));
  const failures = [
    ...storm.failures,
    ...wrongOf(
      verdicts.filter((verdict) => !isControl(verdict)),
      LOST_MS,
    ),
    ...wrongFiles(files),
    ...ids.flatMap((id) =>
      disagreements(
        id,
        index[id] ?? { spans: [], gaps: [] },
        files.filter(({ camera }) => camera === id),
      ),
    ),
    ...(await undecodable(files, run.short ? SAMPLE : Number.POSITIVE_INFINITY)),
    ...node.leftovers().map((name) => `left behind: ${name}`),
    ...controls(storm, cameras, files, stopped, untilMs),
  ];
  return {
    tables: tablesOf(
      storm,
      verdicts.filter((verdict) => !isControl(verdict)),
      files,
      seed,
    ),
    failures,
  };
});
