import { encodeJson, messageOf, sleep, systemClock } from '@vigia/base';
import { LineChild } from '../child.ts';
import { memoryOf, mib } from '../memory.ts';
import type { SoakRun } from '../soak-run.ts';
import { FuzzFiles, GREY, SIDE } from './fuzz-files.ts';
import { Random } from './random.ts';
import { RawPeer } from './raw-peer.ts';
import { requestCase } from './request-cases.ts';
import { goodInfer, type RequestCase } from './request-parts.ts';

/** A container under attack. */
export interface Target {
  readonly name: string;
  readonly modelId: string;
  readonly socketPath: string;
  readonly command: string;
  readonly args: readonly string[];
  /**
   * Whether it reports its live memory (container-fuzz-agent.ts), which is judged then; otherwise its anonymous memory
   * is.
   */
  readonly tellsLive: boolean;
}

/** Outcomes of the cases of one kind. */
export interface KindCount {
  cases: number;
  readonly verdicts: Record<string, number>;
}

/** Memory of a target, bytes, and its descriptors. */
export interface TargetSample {
  readonly anonymous: number;
  /** Of both threads, after full collections; undefined when it does not report. */
  readonly live: number | undefined;
  readonly descriptors: number;
}

/** Outcome. */
export interface ServerOutcome {
  readonly name: string;
  readonly cases: number;
  readonly answers: number;
  /** Valid requests in between that were answered correctly. */
  readonly good: number;
  readonly kinds: ReadonlyMap<string, KindCount>;
  readonly before: TargetSample;
  readonly after: TargetSample;
  readonly seconds: number;
  readonly failures: readonly string[];
}

/** Cases between two valid requests. */
const BATCH = 50;
/** Compilation and pools: share of the cases before memory is judged. */
const WARM_UP = 0.3;
/** Allowed growth of live memory after the warm-up, bytes: 100 bytes kept per case would be 700 KB. */
const LIVE_LIMIT = 512 * 1024;
/** The same for anonymous memory: an allocator's pages vary. */
const ANONYMOUS_LIMIT = 4 * 1024 * 1024;
/** Limit of half messages left open: the oldest is closed. */
const MOST_OPEN = 40;
/** How long the number must be unchanged. */
const IDLE_MS = 200;
/** Time limit until descriptors are back to their initial number. */
const SETTLE_MS = 15_000;
/** Failures after which a target is abandoned. */
const MOST_FAILURES = 20;

/** Attacks one container that was started for it. */
export class ServerFuzz {
  readonly #run: SoakRun;
  readonly #target: Target;
  readonly #seed: number;
  readonly #files: FuzzFiles;
  readonly #kinds = new Map<string, KindCount>();
  readonly #failures: string[] = [];
  readonly #open: RawPeer[] = [];
  #answers = 0;
  #good = 0;

  constructor(run: SoakRun, target: Target, seed: number) {
    this.#run = run;
    this.#target = target;
    this.#seed = seed;
    this.#files = new FuzzFiles(`/dev/shm/vigia_soak-fuzz-${process.pid}-${target.modelId}_`);
    run.scope.defer(() => this.#files.remove());
  }

  /** Plays a number of cases. */
  async play(cases: number): Promise<ServerOutcome> {
    const { name, command, args } = this.#target;
    const startedMs = systemClock.nowMs();
    const child = new LineChild(this.#run, name, command, args);
    await ready(this.#target, child);
    await this.#goodRequests('at the start', 0);
    const idle = await this.#idle(child.pid);
    let before: TargetSample | undefined;
    for (let first = 0; first < cases && this.#failures.length < MOST_FAILURES; first += BATCH) {
      this.#run.signal.throwIfAborted();
      await this.#batch(first, Math.min(BATCH, cases - first));
      if (!before && first >= cases * WARM_UP) before = await this.#sample(child);
      if (first % 1000 === 0) this.#run.progress(`${name}: ${first} of ${cases}`);
    }
    for (const peer of this.#open.splice(0)) peer.destroy();
    const descriptors = await this.#settled(child.pid, idle, SETTLE_MS);
    const after = { ...(await this.#sample(child)), descriptors };
    await this.#goodRequests('at the end', cases);
    before = { ...(before ?? after), descriptors: idle };
    this.#judgeMemory(before, after);
    await child.kill();
    return {
      name,
      cases: [...this.#kinds.values()].reduce((sum, kind) => sum + kind.cases, 0),
      answers: this.#answers,
      good: this.#good,
      kinds: this.#kinds,
      before,
      after,
      seconds: (systemClock.nowMs() - startedMs) / 1000,
      failures: this.#failures.map((failure) => `${name}: ${failure}`),
    };
  }

  async #sample(child: LineChild): Promise<TargetSample> {
    const { rssAnon, descriptors } = memoryOf(child.pid);
    if (!this.#target.tellsLive) return { anonymous: rssAnon, descriptors, live: undefined };
    child.process.kill('SIGUSR2');
    const { live } = await child.line<{ readonly live: number }>();
    return { anonymous: rssAnon, descriptors, live };
  }

  #judgeMemory(before: TargetSample, after: TargetSample): void {
    if (after.descriptors > before.descriptors)
      this.#fail(`descriptors grew from ${before.descriptors} to ${after.descriptors}`);
    // Initial compilation and pools hide the leaks of a few hundred cases.
    if (this.#run.short) return;
    const [was, is, limit] =
      before.live !== undefined && after.live !== undefined
        ? [before.live, after.live, LIVE_LIMIT]
        : [before.anonymous, after.anonymous, ANONYMOUS_LIMIT];
    if (is - was > limit) this.#fail(`memory grew from ${mib(was)} to ${mib(is)} MiB`);
  }

  /** Cases on the shared connection in sequence, the others in parallel. */
  async #batch(first: number, count: number): Promise<void> {
    const peer = await RawPeer.open(this.#target.socketPath);
    const beside: Promise<void>[] = [];
    for (let number = first; number < first + count; number += 1) {
      const random = Random.ofCase(this.#seed, number);
      const one = requestCase({ random, files: this.#files, modelId: this.#target.modelId, number });
      if (one.connection === 'kept') await this.#play(one, number, () => this.#kept(one, peer));
      // These are in random order: they may overlap with the next cases.
      else beside.push(this.#play(one, number, () => this.#alone(one)));
    }
    await Promise.all(beside);
    await this.#play(undefined, first, async () => {
      await this.#goodRequest(peer, first);
      peer.end();
      if ((await peer.rest()).length > 0) throw new Error('an answer was left over');
      peer.destroy();
    });
    await this.#goodRequests('after a batch', first);
  }

  async #play(one: RequestCase | undefined, number: number, play: () => Promise<void>): Promise<void> {
    try {
      await play();
    } catch (error) {
      const bytes = one ? `: ${Buffer.concat(one.writes).subarray(0, 300).toString('latin1')}` : '';
      this.#fail(`case ${number} (${one?.kind ?? 'a right request'}): ${messageOf(error)}${bytes}`);
    }
  }

  async #kept(one: RequestCase, peer: RawPeer): Promise<void> {
    await peer.write(one.writes);
    const answers = [];
    for (let i = 0; i < Number(one.answers); i += 1) {
      const answer = await peer.next();
      if (!answer) throw new Error('the connection was ended');
      answers.push(answer.verdict);
    }
    this.#judge(one, answers);
  }

  async #alone(one: RequestCase): Promise<void> {
    const peer = await RawPeer.open(this.#target.socketPath);
    await peer.write(one.writes);
    if (one.connection === 'reset') {
      peer.destroy();
      this.#judge(one, []);
      return;
    }
    if (one.connection === 'open') {
      this.#open.push(peer);
      if (this.#open.length > MOST_OPEN) this.#open.shift()?.destroy();
      this.#judge(one, []);
      return;
    }
    if (!one.refused) peer.end();
    const answers = await peer.rest();
    peer.destroy();
    this.#judge(
      one,
      answers.map(({ verdict }) => verdict),
    );
  }

  #judge(one: RequestCase, verdicts: readonly string[]): void {
    const kind = this.#kinds.get(one.kind) ?? { cases: 0, verdicts: {} };
    this.#kinds.set(one.kind, kind);
    kind.cases += 1;
    this.#answers += verdicts.length;
    for (const verdict of verdicts) kind.verdicts[verdict] = (kind.verdicts[verdict] ?? 0) + 1;
    if (one.answers !== 'any' && verdicts.length !== one.answers)
      throw new Error(`${verdicts.length} answers (${verdicts.join()}), ${one.answers} were due`);
    const wrong = verdicts.find((verdict) => one.verdicts && !one.verdicts.some((allowed) => allowed === verdict));
    if (wrong !== undefined) throw new Error(`answered ${wrong}, ${one.verdicts?.join(' or ')} was expected`);
  }

  /** On a connection of its own. */
  async #goodRequests(when: string, number: number): Promise<void> {
    await this.#play(undefined, number, async () => {
      const peer = await RawPeer.open(this.#target.socketPath).catch((error: unknown) => {
        throw new Error(`${when}: it cannot be reached: ${messageOf(error)}`);
      });
      try {
        await this.#goodRequest(peer, number);
      } finally {
        peer.destroy();
      }
    });
  }

  async #goodRequest(peer: RawPeer, number: number): Promise<void> {
    const plain = goodInfer({ files: this.#files, modelId: this.#target.modelId, number });
    const { ring, generation, epoch } = this.#files;
    const slot = { slot: 1, generation: String(generation), epoch: String(epoch), frame_id: 7 };
    const inRing = { frame_reference: ring, frame_metadata: { width: SIDE, height: SIDE, format: 'RGB24', ...slot } };
    for (const [message, frame] of [
      [plain, number],
      [{ ...plain, ...inRing }, 7],
    ] as const) {
      await peer.write([encodeJson({ ...message, camera_id: 'good', request_id: 'good' })]);
      const said = (await peer.next())?.message;
      const [seen] = (said?.['detections'] ?? []) as { confidence: number }[];
      const right =
        said?.['request_id'] === 'good' &&
        said['frame_id'] === frame &&
        Math.abs((seen?.confidence ?? Number.NaN) - GREY / 255) < 1e-4;
      if (!right) throw new Error(`a right request was answered with ${JSON.stringify(said)}`);
      this.#good += 1;
    }
  }

  /** Number of descriptors, once it is stable: connections were opened to check whether it answers. */
  async #idle(pid: number): Promise<number> {
    let [descriptors, since] = [Number.NaN, 0];
    for (;;) {
      const now = memoryOf(pid).descriptors;
      if (now !== descriptors) [descriptors, since] = [now, systemClock.nowMs()];
      else if (systemClock.nowMs() - since > IDLE_MS) return now;
      await sleep(systemClock, 20, this.#run.signal);
    }
  }

  /** Number of descriptors, once it is low enough or the time is up: the other side closes later. */
  async #settled(pid: number, descriptors: number, limitMs: number): Promise<number> {
    const endMs = systemClock.nowMs() + limitMs;
    for (;;) {
      const sample = memoryOf(pid);
      if (sample.descriptors <= descriptors || systemClock.nowMs() > endMs) return sample.descriptors;
      await sleep(systemClock, 50, this.#run.signal);
    }
  }

  #fail(failure: string): void {
    this.#failures.push(failure);
  }
}

/** Waits until the container reports it, or can be reached. */
async function ready({ socketPath, name }: Target, child: LineChild): Promise<void> {
  const endMs = systemClock.nowMs() + 30_000;
  for (;;) {
    const peer = await RawPeer.open(socketPath).catch(() => undefined);
    peer?.destroy();
    if (peer) return;
    if (child.process.exitCode !== null || systemClock.nowMs() > endMs) throw new Error(`${name} did not start`);
    await sleep(systemClock, 20);
  }
}
