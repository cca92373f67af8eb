// `npm run bench -- isolation`: how a camera that is a black hole affects 15 others (docs/reference/benchmarks.md).
import { sleep, systemClock } from '@vigia/base';
import { type BenchRun, headerLines, runBenchmark } from './support/bench-run.ts';
import { CameraFork } from './support/camera-fork.ts';
import { ms, quantile } from './support/numbers.ts';
import { machineCpuSeconds } from './support/processes.ts';
import { asMarkdown, asText, type Table } from './support/table.ts';
import { VigiaNode } from './support/vigia-node.ts';
import { type WindowOptions, windowOptions } from './support/window-options.ts';

const OTHERS = 15;
/** Rate of each camera's model consumer, frames per second: together half of one core's capacity. */
const GATE = 2;
const SETTLE_MS = 3_000;
const HOLE = 'hole';

const USUAL = { seconds: 12, rounds: 8, leastSeconds: 2 };
const readOptions = (args: string[]): WindowOptions => windowOptions(args, USUAL);

interface Window {
  readonly p50: number;
  readonly p95: number;
  /** Of all cores, seconds of CPU per second. */
  readonly busy: number;
}

class Isolation {
  readonly #run: BenchRun;
  readonly #node: VigiaNode;
  readonly #hole: CameraFork;

  private constructor(run: BenchRun, node: VigiaNode, hole: CameraFork) {
    this.#run = run;
    this.#node = node;
    this.#hole = hole;
  }

  static async start(run: BenchRun): Promise<Isolation> {
    // One process sends for all the others: the node sees a connection per camera.
    const others = await CameraFork.start(run, {});
    const hole = await CameraFork.start(run, {});
    // A stopped process cannot be ended.
    run.scope.defer(() => void process.kill(hole.pid, 'SIGCONT'));
    const names = Array.from({ length: OTHERS }, (_, n) => `cam-${n}`);
    const sources = Object.fromEntries([...names.map((id) => [id, others.url]), [HOLE, hole.url]]);
    const node = VigiaNode.start(run, sources, `{ people: { model: ssdlite, fps: ${GATE} } }`);
    await node.okResults([...names, HOLE], 3);
    return new Isolation(run, node, hole);
  }

  /** Ages of the other cameras' results in one window. */
  async window(): Promise<Window> {
    const { signal, seconds } = this.#run;
    await sleep(systemClock, SETTLE_MS, signal);
    const from = this.#node.lines.length;
    const before = machineCpuSeconds();
    await sleep(systemClock, seconds * 1000, signal);
    const after = machineCpuSeconds();
    const ages = this.#node
      .results(from)
      .flatMap(({ result }) => (result.camera !== HOLE && result.status === 'ok' ? [result.age_ms] : []));
    return { p50: quantile(ages, 0.5), p95: quantile(ages, 0.95), busy: (after.busy - before.busy) / seconds };
  }

  /** The same while the camera's process is stopped: connections are accepted by the kernel and never answered. */
  async holeWindow(): Promise<Window> {
    const from = this.#node.lines.length;
    process.kill(this.#hole.pid, 'SIGSTOP');
    await this.#node.line(
      'the loss',
      from,
      (l) => l.type === 'camera_state' && l.camera === HOLE && l.state === 'waiting',
    );
    const measured = await this.window();
    const back = this.#node.lines.length;
    process.kill(this.#hole.pid, 'SIGCONT');
    await this.#node.line(
      'its return',
      back,
      (l) => l.type === 'camera_state' && l.camera === HOLE && l.state === 'live',
    );
    return measured;
  }

  async finish(): Promise<void> {
    const report = await this.#node.finish();
    for (const [id, camera] of Object.entries(report.cameras))
      if (id !== HOLE && (camera.reconnects > 0 || camera.restarts > 0)) throw new Error(`${id} was connected anew`);
  }
}

async function measure(run: BenchRun, rounds: number): Promise<Table> {
  run.progress(
    `${OTHERS} cameras and one that becomes a black hole, ${rounds} rounds of 3 windows of ${run.seconds} s`,
  );
  const isolation = await Isolation.start(run);
  const rows: string[][] = [];
  const ratios: { readonly same: number; readonly hole: number }[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    const first = await isolation.window();
    const second = await isolation.window();
    const hole = await isolation.holeWindow();
    ratios.push({ same: second.p95 / first.p95, hole: hole.p95 / second.p95 });
    const cells = [first, second, hole].map(({ p50, p95 }) => `${ms(p50)} / ${ms(p95)}`);
    rows.push([String(round), ...cells, percent(second.p95 / first.p95), percent(hole.p95 / second.p95)]);
    run.progress(`round ${round}: ${rows.at(-1)?.slice(1).join(', ')}`);
  }
  await isolation.finish();
  const of = (pick: (r: (typeof ratios)[number]) => number, q: number): string =>
    percent(quantile(ratios.map(pick), q));
  return {
    title: `${OTHERS} cameras, 768×576 at 10 fps, and a sixteenth that is a black hole: age p50 / p95 of the ${OTHERS}, ms`,
    columns: ['round', 'all well', 'all well again', 'one black hole', 'A/A', 'black hole'],
    rows: [
      ...rows,
      ['median', '', '', '', of((r) => r.same, 0.5), of((r) => r.hole, 0.5)],
      [
        'least to most',
        '',
        '',
        '',
        `${of((r) => r.same, 0)} to ${of((r) => r.same, 1)}`,
        `${of((r) => r.hole, 0)} to ${of((r) => r.hole, 1)}`,
      ],
    ],
    notes: [
      'A/A and black hole: change of p95 from the window before; aim: the black hole moves it by at most 5 %, or no more than A/A does',
      `one node, one model shared by all at ${GATE} fps each; the sixteenth is stopped with SIGSTOP, noticed, and measured while it is tried again and again`,
      'no other camera was connected anew',
    ],
  };
}

function percent(ratio: number): string {
  const change = (ratio - 1) * 100;
  return `${change >= 0 ? '+' : '−'}${Math.abs(change).toFixed(1)} %`;
}

process.exitCode = await runBenchmark('isolation', readOptions, async (run, { rounds, markdown }) => {
  const write = (text: string): void => void process.stdout.write(`${text}\n`);
  write(`${headerLines().join(markdown ? '  \n' : '\n')}\n`);
  const table = await measure(run, rounds);
  write(markdown ? asMarkdown(table) : asText(table));
  return true;
});
