/**
 * The death matrix: a real node with three cameras, each with its own model: one that fails in every way (a real
 * network with a controlled decoder), an external one that misbehaves, and a good one. For each way: reported results,
 * time to detection, time until results are ok again, and the effect on the good one (none).
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf, sleep, systemClock } from '@vigia/base';
import { conservationErrors, type ResultMessage } from '@vigia/contracts';
import { FakeContainer } from '@vigia/testkit';
import { CameraFork } from '../support/camera-fork.ts';
import { ms, quantile } from '../support/numbers.ts';
import { type TimedResult, VigiaNode } from '../support/vigia-node.ts';
import { addBadModel } from './container-deaths/bad-model.ts';
import { DEATHS, type DeathRow, type Levers } from './container-deaths/rows.ts';
import { runSoak, type SoakResult, type SoakRun } from './soak-run.ts';

/** How long a persistent failure continues after its detection. */
const GO_ON_MS = 3_000;
/** Late results of the good one tolerated in the short form: the machine may be busy. */
const GOOD_LATE_SHORT = 2;
/** Between two rows. */
const CALM_MS = 2_000;
/** Back-off of a container that died often, and of the circuit breaker of a model that failed often. */
const RECOVERY_LIMIT_MS = 90_000;
const NOTICE_LIMIT_MS = 60_000;
/** Memory limit of the own model: twice its use. */
const MEMORY_MIB = 400;

const CONSUMERS: Readonly<Record<string, string>> = {
  own: '{ looks: { model: bad, fps: 10, deadline_ms: 1000 } }',
  external: '{ looks: { model: other, fps: 10, deadline_ms: 1000 } }',
  good: '{ looks: { model: ssdlite, fps: 5 } }',
};
const MODELS = `  bad: { use: bad, memory_mib: ${MEMORY_MIB} }
  other: { external: { input: { width: 64, height: 64, fit: stretch } } }
  ssdlite: { use: ssdlite-mobilenet-v2 }
`;

class Matrix {
  readonly #run: SoakRun;
  readonly #levers: Levers;
  readonly failures: string[] = [];
  #from = 0;

  constructor(run: SoakRun, levers: Levers) {
    this.#run = run;
    this.#levers = levers;
  }

  async play(row: DeathRow): Promise<string[]> {
    this.#run.progress(row.name);
    try {
      return await this.#play(row);
    } catch (error) {
      this.failures.push(`${row.name}: ${messageOf(error)}`);
      return [row.name, '–', '–', '–', '–', '–'];
    }
  }

  async #play(row: DeathRow): Promise<string[]> {
    const { node } = this.#levers;
    const { signal } = this.#run;
    await sleep(systemClock, CALM_MS, signal);
    const before = row.camera === 'own' ? await this.#restarts() : 0;
    this.#from = node.lines.length;
    const beganMs = systemClock.nowMs();
    row.begin(this.#levers);
    const bad = (t: TimedResult): boolean => t.result.status !== 'ok';
    const noticed = await node.until('a result that says so', () => this.#of(row.camera).find(bad), NOTICE_LIMIT_MS);
    if (row.end) {
      await sleep(systemClock, GO_ON_MS, signal);
      // A failure that ends the process ends by itself; a pending order waits for the last container.
      if (row.restarts) await node.until('its end', () => this.#goneAgain(), NOTICE_LIMIT_MS);
      row.end(this.#levers);
    }
    const endedMs = systemClock.nowMs();
    const since = node.lines.length;
    // After the last failed one: a single ok result between two failures is no recovery.
    const back = await node.until('ok results again', () => this.#recovered(row.camera, since), RECOVERY_LIMIT_MS);
    const { backWithinMs = Number.POSITIVE_INFINITY } = row;
    if (back.atMs - beganMs > backWithinMs)
      this.failures.push(`${row.name}: ok again after ${ms(back.atMs - beganMs)} ms, ${backWithinMs} are allowed`);
    await sleep(systemClock, CALM_MS / 2, signal);
    return this.#cells(row, before, noticed.atMs - beganMs, back.atMs - (row.end ? endedMs : beganMs));
  }

  #of(camera: string, from = this.#from): TimedResult[] {
    return this.#levers.node.results(from).filter(({ result }) => result.camera === camera);
  }

  #recovered(camera: string, since: number): TimedResult | undefined {
    const results = this.#of(camera, since);
    const last = results.findLastIndex(({ result }) => result.status !== 'ok');
    const after = results.slice(last + 1);
    return after.length >= 3 ? after[0] : undefined;
  }

  /** Log lines report states; a report would have to be waited for. */
  #goneAgain(): true | undefined {
    const fits = this.#levers.node.lines
      .slice(this.#from)
      .some(({ line }) => line.type === 'model_state' && line.model === 'bad' && line.state === 'failing');
    return fits || undefined;
  }

  async #restarts(): Promise<number> {
    return (await this.#levers.node.report()).models['bad']?.restarts ?? 0;
  }

  async #cells(row: DeathRow, before: number, noticedMs: number, recoveredMs: number): Promise<string[]> {
    const told = new Map<string, number>();
    for (const { result } of this.#of(row.camera)) {
      if (result.status === 'ok') continue;
      const name = `${result.status} (${result.error?.code ?? '?'})`;
      told.set(name, (told.get(name) ?? 0) + 1);
    }
    const codes = [...told.keys()];
    if (!row.codes.some((code) => codes.some((name) => name.endsWith(`(${code})`))))
      this.failures.push(`${row.name}: reported ${codes.join(', ')}, ${row.codes.join(' or ')} was expected`);
    const lies = this.#of(row.camera).filter(({ result }) => result.status !== 'ok' && result.detections !== null);
    if (lies.length > 0) this.failures.push(`${row.name}: ${lies.length} failures with detections`);
    const restarts = row.camera === 'own' ? (await this.#restarts()) - before : 0;
    if (row.restarts && restarts < 1) this.failures.push(`${row.name}: the container was not started again`);
    const text = [...told].map(([name, count]) => `${count} ${name}`).join(', ');
    return [
      row.name,
      text,
      ms(noticedMs),
      ms(recoveredMs),
      row.camera === 'own' ? String(restarts) : '–',
      this.#others(row),
    ];
  }

  /** Effects on the good camera: results that are not ok, and its ages. */
  #others(row: DeathRow): string {
    const results = this.#of('good').map(({ result }) => result);
    const wrong = results.flatMap(({ error }) => error?.code ?? []);
    const strange = wrong.filter((code) => code !== 'deadline_exceeded');
    const late = wrong.length - strange.length;
    if (strange.length > 0 || late > (this.#run.short ? GOOD_LATE_SHORT : 0))
      this.failures.push(`${row.name}: ${wrong.length} results of the good one are not ok (${wrong.join(', ')})`);
    return `${results.length} ok, age p95 ${ms(quantile(agesOf(results), 0.95))}`;
  }
}

function agesOf(results: readonly ResultMessage[]): number[] {
  return results.map((result) => result.age_ms);
}

await runSoak('container-deaths', async (run): Promise<SoakResult> => {
  const { signal, scope, short, only } = run;
  const dir = mkdtempSync(join(tmpdir(), 'vigia-deaths-'));
  scope.defer(() => rmSync(dir, { recursive: true, force: true }));
  run.progress('adding a model that fails in every way');
  const bad = await addBadModel(dir);
  const bench = { signal, scope, seconds: 0, progress: run.progress };
  const camera = await CameraFork.start(bench, { fps: 10 });
  const sources = Object.fromEntries(Object.keys(CONSUMERS).map((id) => [id, camera.url]));
  const node = VigiaNode.start(bench, sources, (id) => CONSUMERS[id] ?? '{}', '', { models: MODELS, env: bad.env });
  await node.until('the node', () => node.results()[0]);
  // Found although it did not exist when the node started.
  const socketPath = join(node.runDir, 'vigia_model_other.sock');
  const fake = await FakeContainer.start({ socketPath, modelId: 'other', input: { width: 64, height: 64 } });
  scope.defer(() => fake.close());
  await node.okResults(Object.keys(CONSUMERS), 5);
  const matrix = new Matrix(run, { node, bad, fake });
  const rows: string[][] = [];
  const chosen = DEATHS.filter((d) => (only.length === 0 ? !(short && d.long) : only.some((o) => d.name.includes(o))));
  for (const row of chosen) rows.push(await matrix.play(row));
  const report = await node.finish();
  const broken = conservationErrors(report).map((text) => `frames are not conserved: ${text}`);
  const left = node.leftovers().filter((name) => !name.includes('vigia_model_other'));
  if (left.length > 0) broken.push(`left behind: ${left.join(', ')}`);
  return {
    tables: [
      {
        title: 'Models that fail',
        columns: [
          'what happens',
          'results (code)',
          'detected after, ms',
          'ok again after, ms',
          'restarts',
          'the other model and camera',
        ],
        rows,
        notes: [
          'detected: from the beginning to the first result that is not ok; ok again: to the first of at least three ok results in a row, from the beginning, or from the end of what was ended after 3 s',
          'a model that failed 5 times in a row gets no requests for 1 s and more (circuit_open); the last code counts',
          `own: SSDLite with a decoder that obeys orders, 10 pictures a second, deadline 1 s, at most ${MEMORY_MIB} MiB; external: the testkit's container`,
          'the other: SSDLite, 5 pictures a second, on the same two cores: all of its results are ok, or the row fails',
        ],
      },
    ],
    failures: [...matrix.failures, ...broken],
  };
});
