import { sleep, systemClock } from '@vigia/base';
import { seededRandom32 } from '@vigia/testkit';
import { descendantsOf, isAlive, type ProcessInfo } from '../../support/processes.ts';
import type { VigiaNode } from '../../support/vigia-node.ts';
import type { SoakRun } from '../soak-run.ts';
import type { RecordedCamera } from './recorded-camera.ts';
import type { Kill } from './sessions.ts';

/** The cameras: recorded only, with a worker, with a model, and one that nobody looks at. */
export const ids = ['plain', 'worked', 'modelled', 'quiet'];
/** Victims, and how their processes are called. Of twelve kills each kind has so many. */
export const VICTIMS = [
  { kind: 'recorder', part: 'ingest-process', share: 4 },
  { kind: 'camera', part: 'camera-process', share: 3 },
  { kind: 'footage', part: 'footage-process', share: 2 },
  { kind: 'worker', part: 'echo-worker', share: 1 },
  { kind: 'container', part: 'model-container', share: 1 },
  { kind: 'supervisor', part: '', share: 1 },
] as const;
/** One of {@link VICTIMS}. */
export type Kind = (typeof VICTIMS)[number]['kind'];
/** Kills of a round. */
const ROUND = 12;
const PAUSE_MS = { long: 700, short: 900 } as const;
const BACK_MS = 40_000;
/** A control: the recorder stands still for so long before it is killed. Milliseconds. */
const STOPPED_MS = 2_000;
/** Everything that decodes or infers. */
const VISION: readonly Kind[] = ['camera', 'worker', 'container'];
/** How long nothing of it lives: at first it stands still, then each new process is killed as soon as it is seen. */
const DEAD_MS = { long: 300_000, short: 6_000 } as const;
const STILL_MS = { long: 30_000, short: 2_000 } as const;
/** Until the node knows that a process is dead. Milliseconds. */
export const DEATH_MS = 500;
/** A family outlives its supervisor for at most this long. Milliseconds. */
const ORPHAN_MS = 5_000;

/** A time in which nothing decoded or inferred, monotonic milliseconds, and how many processes were killed in it. */
export interface Blind {
  readonly fromMs: number;
  readonly toMs: number;
  readonly ended: number;
}

/** A node, its cameras, and what is done to its processes. */
export class Storm {
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

  /** Nothing that decodes or infers works for a while. */
  async blind(): Promise<Blind> {
    const { signal, short, progress } = this.#run;
    const form = short ? 'short' : 'long';
    progress(`nothing decodes or infers for ${DEAD_MS[form] / 1000} s`);
    const fromMs = systemClock.nowMs();
    let ended = 0;
    for (const endMs = fromMs + DEAD_MS[form]; systemClock.nowMs() < endMs; ) {
      const still = systemClock.nowMs() < fromMs + STILL_MS[form];
      for (const { pid } of VISION.flatMap((kind) => this.#living(kind))) {
        if (endProcess(pid, still ? 'SIGSTOP' : 'SIGKILL') && !still) ended += 1;
      }
      await sleep(systemClock, 50, signal);
    }
    return { fromMs, toMs: systemClock.nowMs(), ended };
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

  /** The control: the recorder of all cameras is stopped, and only then killed. */
  async stopThenKill(): Promise<void> {
    const [victim] = this.#living('recorder');
    if (!victim) throw new Error('no recorder runs');
    process.kill(victim.pid, 'SIGSTOP');
    await sleep(systemClock, STOPPED_MS, this.#run.signal);
    this.#note('recorder');
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
        this.#note(kind);
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

  #note(kind: Kind): void {
    if (kind === 'supervisor' || kind === 'recorder') this.kills.push({ atMs: systemClock.nowMs(), of: kind });
  }

  /** No camera sends any more: their segments are finished, and the index has all of them. */
  async quiet(): Promise<void> {
    for (const { camera } of this.#cameras) await camera.setFaults(['refuse']);
    await sleep(systemClock, 2_000, this.#run.signal);
  }
}

/** @returns false when it was gone already. */
function endProcess(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}
