/**
 * Eight cameras with random faults, and processes that are killed now and then: every frame is accounted for in every
 * report, every camera comes back, and memory does not grow.
 */
import { randomInt } from 'node:crypto';
import { Scope, sleep, systemClock } from '@vigia/base';
import { conservationErrors, type Report } from '@vigia/contracts';
import { SimulatedCamera } from '@vigia/testkit';
import { CLIP } from '../support/paths.ts';
import { descendantsOf, pssBytes } from '../support/processes.ts';
import type { Table } from '../support/table.ts';
import { VigiaNode } from '../support/vigia-node.ts';
import { mib } from './memory.ts';
import { runSoak, type SoakResult, type SoakRun } from './soak-run.ts';

/** Possible faults of a camera, and their longest duration. Seconds. */
const FAULTS: readonly (readonly [name: string, seconds: number])[] = [
  ['freeze', 8],
  ['silent', 8],
  ['refuse', 6],
  ['not-found', 5],
  ['teardown-silently', 8],
  ['cut-packet:3', 4],
  ['end', 3],
  ['reboot:4s', 6],
  ['garbage:0.2', 6],
  ['garbage-framing:0.1', 6],
  ['loss:10', 6],
  ['reorder:20', 6],
  ['duplicate:20', 6],
  ['no-keyframes:5s', 6],
  ['pts-jump:3600', 5],
  ['pts-jump:-3600', 5],
  ['drift:50000', 5],
  ['clock-step:7200', 5],
  ['flap:300', 5],
  ['slow:64', 6],
  ['jitter:400', 6],
];
/** One in this many is a killed process instead. */
const KILL_ONE_IN = 12;
const PAUSE_MS = 1_500;
const REPORT_EVERY_MS = 10_000;
const SAMPLE_EVERY_MS = 2_000;
/** Time limit until every camera is back after the last fault: the longest wait between two attempts is 10 s. */
const HEALING_LIMIT_MS = 60_000;
/** Warm-up of the model and pools, not judged. A share of the run. */
const WARM_UP = 0.3;
/** Allowed growth of resident memory per minute, bytes; a longer run would show less. */
const SLOPE_LIMIT = 2 * 2 ** 20;

interface Sample {
  readonly atMs: number;
  readonly bytes: number;
}

class RandomFaults {
  readonly #run: SoakRun;
  readonly #count: number;
  readonly #seconds: number;
  readonly #seed: number = randomInt(2 ** 31);
  readonly #failures: string[] = [];
  readonly #faults: Record<string, number> = {};
  readonly #memory = new Map<string, Sample[]>();
  #random: number;
  #kills = 0;
  #reports = 0;

  constructor(run: SoakRun, count: number, seconds: number) {
    this.#run = run;
    this.#count = count;
    this.#seconds = seconds;
    this.#random = this.#seed;
  }

  async play(): Promise<SoakResult> {
    const { signal, progress, scope } = this.#run;
    progress(`${this.#count} cameras, ${this.#seconds} s of faults, seed ${this.#seed}`);
    const cameras: SimulatedCamera[] = [];
    for (let n = 0; n < this.#count; n += 1) {
      const camera = await SimulatedCamera.start({ clip: cameras[0]?.clip ?? CLIP, seed: this.#seed + n });
      scope.defer(() => camera.close());
      cameras.push(camera);
    }
    const own = new Scope();
    scope.defer(() => own.close());
    const sources = Object.fromEntries(cameras.map((camera, n) => [`cam-${n}`, camera.url]));
    const run = { signal, scope: own, seconds: 0, progress: () => undefined };
    const node = VigiaNode.start(run, sources, '{ people: { model: ssdlite, fps: 2 } }');
    await node.okResults(Object.keys(sources), 1);
    const startedMs = systemClock.nowMs();
    const endMs = startedMs + this.#seconds * 1000;
    await Promise.all([
      ...cameras.map((camera) => this.#torment(camera, endMs)),
      this.#watch(node, endMs),
      this.#kill(node, endMs),
    ]);
    const back = await this.#heal(node, Object.keys(sources));
    const report = await node.finish();
    this.#judge(report);
    const left = node.leftovers();
    if (left.length > 0) this.#failures.push(`left behind: ${left.join(', ')}`);
    return { tables: [this.#totals(report, back), this.#memoryTable()], failures: this.#failures };
  }

  /** One fault after another at this camera, with pauses. */
  async #torment(camera: SimulatedCamera, endMs: number): Promise<void> {
    const { signal } = this.#run;
    while (systemClock.nowMs() < endMs) {
      await sleep(systemClock, this.#next() * 2 * PAUSE_MS, signal);
      const [name, seconds] = FAULTS[Math.floor(this.#next() * FAULTS.length)] as (typeof FAULTS)[number];
      this.#faults[name] = (this.#faults[name] ?? 0) + 1;
      await camera.setFaults([name]);
      await sleep(systemClock, this.#next() * seconds * 1000, signal);
      await camera.setFaults([]);
    }
  }

  async #kill(node: VigiaNode, endMs: number): Promise<void> {
    const { signal } = this.#run;
    const everyMs = (KILL_ONE_IN * 2 * PAUSE_MS) / 2;
    while (systemClock.nowMs() + everyMs < endMs) {
      await sleep(systemClock, everyMs * (0.5 + this.#next()), signal);
      const processes = descendantsOf(node.pid);
      const victim = processes[Math.floor(this.#next() * processes.length)];
      if (!victim) continue;
      this.#kills += 1;
      process.kill(victim.pid, 'SIGKILL');
    }
  }

  /** Reports must add up at any moment; samples memory. */
  async #watch(node: VigiaNode, endMs: number): Promise<void> {
    let reportAtMs = systemClock.nowMs() + REPORT_EVERY_MS;
    while (systemClock.nowMs() < endMs) {
      await sleep(systemClock, SAMPLE_EVERY_MS, this.#run.signal);
      this.#sample('supervisor', node.pid);
      let cameras = 0;
      for (const { pid, command } of descendantsOf(node.pid)) {
        if (command.includes('camera-process')) cameras += pssBytes(pid) || 0;
        else if (command.includes('model-container')) this.#sample('model container', pid);
      }
      this.#add('all camera processes', cameras);
      if (systemClock.nowMs() < reportAtMs) continue;
      reportAtMs += REPORT_EVERY_MS;
      this.#reports += 1;
      this.#failures.push(...conservationErrors(await node.report()));
    }
  }

  /** Milliseconds until each camera has a new ok result. */
  async #heal(node: VigiaNode, ids: readonly string[]): Promise<number> {
    const startedMs = systemClock.nowMs();
    const from = node.lines.length;
    await node.until(
      'all cameras back',
      () => {
        const well = new Set(
          node.results(from).flatMap(({ result }) => (result.status === 'ok' ? [result.camera] : [])),
        );
        return ids.every((id) => well.has(id)) || undefined;
      },
      HEALING_LIMIT_MS,
    );
    return systemClock.nowMs() - startedMs;
  }

  #judge(report: Report): void {
    this.#failures.push(...conservationErrors(report));
    for (const [id, camera] of Object.entries(report.cameras))
      if (camera.state !== 'live') this.#failures.push(`${id} is ${camera.state} (${camera.reason}) at the end`);
    for (const [name] of this.#memory) {
      const slope = this.#slope(name);
      // A short run shows heaps that grow to their usual size, and nothing else.
      if (!this.#run.short && slope > SLOPE_LIMIT)
        this.#failures.push(`${name}: memory grew by ${mib(slope)} MiB a minute`);
    }
  }

  #totals(report: Report, backMs: number): Table {
    const rows = Object.entries(report.cameras).map(([id, c]) => {
      const { no_demand, undecodable, late } = c.skipped;
      const people = c.consumers['people'];
      const counts = [c.captured, c.published, no_demand + undecodable, late, c.reconnects, c.restarts, c.lost_packets];
      const results = Object.entries(people?.results ?? {}).filter(([, n]) => n > 0);
      return [id].concat(counts.map(String), results.map(([status, n]) => `${n} ${status}`).join(', '));
    });
    const faults = Object.values(this.#faults).reduce((a, b) => a + b, 0);
    return {
      title: 'Random faults',
      columns: [
        'camera',
        'captured',
        'published',
        'undecodable',
        'late',
        'reconnects',
        'restarts',
        'lost packets',
        'results',
      ],
      rows,
      notes: [
        `${this.#seconds} s, ${faults} faults of ${Object.keys(this.#faults).length} kinds, ${this.#kills} processes killed (cameras' and the model's), seed ${this.#seed}`,
        `conserved to the frame in ${this.#reports} reports while it ran and in the last one; all cameras back ${(backMs / 1000).toFixed(1)} s after the last fault`,
      ],
    };
  }

  #memoryTable(): Table {
    const rows = [...this.#memory].map(([name, samples]) => [
      name,
      mib(samples[Math.floor(samples.length * WARM_UP)]?.bytes ?? 0),
      mib(samples.at(-1)?.bytes ?? 0),
      `${(this.#slope(name) / 1024).toFixed(0)} KiB`,
    ]);
    return {
      title: 'Memory meanwhile (PSS)',
      columns: ['process', 'after warm-up, MiB', 'at the end, MiB', 'slope per minute'],
      rows,
      notes: [
        'processes that were killed and started again begin with less: the slope of camera processes is of their sum',
      ],
    };
  }

  #sample(name: string, pid: number): void {
    const bytes = pssBytes(pid);
    if (!Number.isNaN(bytes)) this.#add(name, bytes);
  }

  #add(name: string, bytes: number): void {
    const samples = this.#memory.get(name) ?? [];
    samples.push({ atMs: systemClock.nowMs(), bytes });
    this.#memory.set(name, samples);
  }

  /** Bytes per minute, least squares. */
  #slope(name: string): number {
    const all = this.#memory.get(name) ?? [];
    const samples = all.slice(Math.floor(all.length * WARM_UP));
    const minutes = samples.map((s) => s.atMs / 60_000);
    const middle = minutes.reduce((a, b) => a + b, 0) / samples.length;
    const average = samples.reduce((sum, s) => sum + s.bytes, 0) / samples.length;
    const below = minutes.reduce((sum, at) => sum + (at - middle) ** 2, 0);
    const above = samples.reduce((sum, s, i) => sum + ((minutes[i] ?? 0) - middle) * (s.bytes - average), 0);
    return below === 0 ? 0 : above / below;
  }

  /** Uniform in [0, 1), from the seed: a run can be repeated, as far as timing allows. */
  #next(): number {
    // Numerical Recipes' linear congruential generator: not used for secrets.
    this.#random = (Math.imul(this.#random, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#random / 2 ** 32;
  }
}

await runSoak('random-faults', (run) => new RandomFaults(run, run.short ? 4 : 8, run.short ? 10 : 600).play());
