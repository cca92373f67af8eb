import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf, every, sleep, systemClock, type Timer } from '@vigia/base';
import { conservationErrors } from '@vigia/contracts';
import { CameraFork } from '../../support/camera-fork.ts';
import { ms, quantile } from '../../support/numbers.ts';
import { VIGIA } from '../../support/paths.ts';
import { descendantsOf } from '../../support/processes.ts';
import { socketSender } from '../../support/runtime-internals.ts';
import type { Table } from '../../support/table.ts';
import { VigiaNode } from '../../support/vigia-node.ts';
import { mib } from '../memory.ts';
import type { SoakRun } from '../soak-run.ts';
import { Assault } from './assault.ts';
import { ownMemoryOf, peakOf } from './playing.ts';
import { LOGIN, OutputWatch } from './planted.ts';

/** What a node under attack showed. */
export interface NodeOutcome {
  readonly tables: readonly Table[];
  readonly failures: readonly string[];
}

/** Windows of either kind, and how long each lasts, milliseconds. Cameras are restarted in the gap, so that they connect often. */
const PLAN = {
  long: { windows: 6, windowMs: 10_000, gapMs: 2_000, cameras: 8 },
  short: { windows: 1, windowMs: 3_000, gapMs: 500, cameras: 2 },
} as const;
const FPS = 10;
/** The worker is given both: it may print them. */
const ENVIRONMENT = { PLANTED: LOGIN.password, PLANTED_LOGIN: `${LOGIN.user}:${LOGIN.password}` };
const CRITICAL = fileURLToPath(new URL('../../../../examples/workers/bright.pl', import.meta.url));
const WORKER = fileURLToPath(new URL('../hostile-worker.js', import.meta.url));
const LOOK_MS = 200;
const ASK_MS = 1_000;
/** What the node answers to its owner meanwhile. */
const ASKED = [
  '/healthz',
  '/api/v1/status',
  '/api/v1/report',
  '/api/v1/logs?limit=1000',
  '/api/v1/events?limit=1000',
  '/metrics',
];
const ANSWER_MS = 5_000;
/**
 * The 99th percentile of the critical consumer's ages may be this much above that of the quiet windows. The short form
 * runs beside others on a busy machine. Milliseconds.
 */
const WORSE_MS = { long: 150, short: 1_000 } as const;
/** Results of the critical consumer, of those that are due. */
const LEAST_RESULTS = { long: 0.95, short: 0.5 } as const;
const MIB = 2 ** 20;
/** Code of Node and of libraries, which processes share. */
const CODE_BYTES = 128 * MIB;
/** The supervisor may have so much. */
const SUPERVISOR_BYTES = 320 * MIB;
const MODEL_SOCKET = 'vigia_model_m.sock';
const MAX_PICTURE = 'max_picture: { width: 1280, height: 720 }';

/** Attacks a real node on all sides. */
export function attackNode(run: SoakRun, seed: number): Promise<NodeOutcome> {
  return new NodeAttack(run, seed).play();
}

/** The most memory of the processes of one role, bytes. */
interface Peak {
  /** Anonymous, and of segments: looked at all the time. */
  readonly ownBytes: number;
  /** Resident, with code that processes share: as the kernel notes it. */
  readonly residentBytes: number;
}

/** Ages of one window. */
interface Window {
  readonly attacked: boolean;
  readonly agesMs: readonly number[];
}

class NodeAttack {
  readonly #run: SoakRun;
  readonly #seed: number;
  readonly #form: 'long' | 'short';
  readonly #output = new OutputWatch('standard output and log');
  readonly #messages = new OutputWatch('messages to the broker');
  readonly #answers = new OutputWatch('answers to strangers');
  readonly #own = new OutputWatch('answers to its owner');
  readonly #failures: string[] = [];
  readonly #windows: Window[] = [];
  readonly #peaks = new Map<string, Peak>();
  #supervisor = 0;

  constructor(run: SoakRun, seed: number) {
    this.#run = run;
    this.#seed = seed;
    this.#form = run.short ? 'short' : 'long';
  }

  async play(): Promise<NodeOutcome> {
    const folder = mkdtempSync(join(tmpdir(), 'vigia-hostile-'));
    this.#run.scope.defer(() => rmSync(folder, { recursive: true, force: true }));
    const assault = await Assault.start(this.#run, this.#seed, this.#messages, folder);
    const node = await this.#start(assault);
    const plan = planOf(node);
    const timers = this.#watch(node);
    await this.#alternate(node, assault);
    for (const timer of timers) timer.cancel();
    await this.#finish(node);
    this.#judge(plan);
    return { tables: [this.#agesTable(assault), this.#memoryTable(plan)], failures: this.#failures };
  }

  async #start(assault: Assault): Promise<VigiaNode> {
    const { signal, scope, progress } = this.#run;
    const bench = { signal, scope, progress, seconds: 0 };
    const good = await CameraFork.start(bench, { fps: FPS });
    const hostile = this.#hostileNames().map((name) => [
      name,
      assault.camera.url(name.startsWith('http') ? 'http' : 'rtsp', name),
    ]);
    const sources = Object.fromEntries(
      hostile.map(([name = '', url = '']) => [name, JSON.stringify(withReference(url))]),
    );
    const node = VigiaNode.start(bench, { ...sources, calm: good.url, hall: good.url }, consumersOf, MAX_PICTURE, {
      models: '  m: { external: { input: { width: 300, height: 300, fit: stretch } } }\n',
      top: settings(assault, this.#seed),
      env: ENVIRONMENT,
      onText: (text) => this.#output.hear(text),
    });
    this.#supervisor = node.pid;
    await node.okResults(['calm'], FPS);
    await assault.meet(join(node.runDir, 'control.sock'), join(node.runDir, MODEL_SOCKET), this.#answers);
    return node;
  }

  #hostileNames(): string[] {
    return Array.from({ length: PLAN[this.#form].cameras }, (_, i) => (i % 4 === 3 ? `http-${i}` : `rtsp-${i}`));
  }

  /** Looks at memory, and asks as the owner does. */
  #watch(node: VigiaNode): Timer[] {
    const send = socketSender(join(node.runDir, 'control.sock'));
    let turn = 0;
    const ask = (): void => {
      turn += 1;
      const path = ASKED[turn % ASKED.length] ?? '';
      this.#ask(send, path).catch((error: unknown) =>
        this.#failures.push(`its owner asked ${path}: ${messageOf(error)}`),
      );
    };
    return [every(systemClock, LOOK_MS, () => this.#look()), every(systemClock, ASK_MS, ask)];
  }

  async #ask(send: ReturnType<typeof socketSender>, path: string): Promise<void> {
    const signal = AbortSignal.timeout(ANSWER_MS);
    const { body } = await send({ method: 'GET', path, headers: {}, body: undefined, signal });
    const parts: Uint8Array[] = [];
    for await (const part of body) parts.push(part);
    this.#own.hear(Buffer.concat(parts).toString('utf8'));
  }

  #look(): void {
    this.#note('supervisor', this.#supervisor);
    for (const { pid, command } of descendantsOf(this.#supervisor)) {
      if (command.includes('camera-process')) this.#note('camera', pid);
    }
  }

  #note(role: string, pid: number): void {
    const { ownBytes, residentBytes } = this.#peaks.get(role) ?? { ownBytes: 0, residentBytes: 0 };
    this.#peaks.set(role, {
      ownBytes: Math.max(ownBytes, ownMemoryOf(pid)),
      residentBytes: Math.max(residentBytes, peakOf(pid)),
    });
  }

  async #alternate(node: VigiaNode, assault: Assault): Promise<void> {
    const { windows, windowMs, gapMs } = PLAN[this.#form];
    const { signal } = this.#run;
    for (let n = 0; n < windows; n += 1) {
      await this.#window(node, false, windowMs);
      assault.begin();
      const restarted = this.#restart(node);
      await sleep(systemClock, gapMs, signal);
      await restarted;
      await this.#window(node, true, windowMs);
      assault.end();
      await sleep(systemClock, gapMs, signal);
      this.#run.progress(
        `node: ${n + 1} of ${windows} windows, ${assault.camera.connections} connections to cameras, supervisor ${mib(ownMemoryOf(this.#supervisor))} MiB`,
      );
    }
  }

  /** Their waits between two connections begin from the beginning. */
  async #restart(node: VigiaNode): Promise<void> {
    const send = socketSender(join(node.runDir, 'control.sock'));
    for (const name of this.#hostileNames()) {
      const signal = AbortSignal.timeout(ANSWER_MS);
      const { body } = await send({
        method: 'POST',
        path: `/api/v1/cameras/${name}/restart`,
        headers: {},
        body: undefined,
        signal,
      });
      for await (const part of body) this.#own.hear(Buffer.from(part).toString('utf8'));
    }
  }

  async #window(node: VigiaNode, attacked: boolean, windowMs: number): Promise<void> {
    const from = node.lines.length;
    await sleep(systemClock, windowMs, this.#run.signal);
    const results = node.results(from).filter(({ result }) => result.camera === 'calm' && result.status === 'ok');
    this.#windows.push({ attacked, agesMs: results.map(({ result }) => result.age_ms) });
  }

  async #finish(node: VigiaNode): Promise<void> {
    const report = join(dirname(node.runDir), 'report.json');
    try {
      const last = await node.finish();
      this.#failures.push(...conservationErrors(last).map((text) => `frames are not conserved: ${text}`));
      // The socket of the hostile container stays: it is not the node's.
      const left = node.leftovers().filter((name) => name !== MODEL_SOCKET);
      if (left.length > 0) this.#failures.push(`left behind: ${left.join(', ')}`);
      this.#output.hear(readFileSync(report, 'utf8'));
    } catch (error) {
      this.#failures.push(`it did not end well: ${messageOf(error)}`);
    }
  }

  #judge(plan: ReadonlyMap<string, number>): void {
    for (const watch of [this.#output, this.#messages, this.#answers, this.#own]) this.#failures.push(...watch.wrong);
    for (const [role, { ownBytes, residentBytes }] of this.#peaks) {
      const allowed = allowedFor(plan, role);
      if (!(ownBytes <= allowed))
        this.#failures.push(`${role}: ${mib(ownBytes)} MiB of memory, ${mib(allowed)} are allowed`);
      if (!(residentBytes <= allowed + CODE_BYTES))
        this.#failures.push(`${role}: ${mib(residentBytes)} MiB resident, ${mib(allowed + CODE_BYTES)} are allowed`);
    }
    const [quiet, attacked] = [this.#p99(false), this.#p99(true)];
    const worse = WORSE_MS[this.#form];
    if (!(attacked <= quiet + worse))
      this.#failures.push(
        `the critical consumer’s p99 age is ${ms(attacked)} ms under attack, ${ms(quiet)} ms without`,
      );
    const { windowMs } = PLAN[this.#form];
    const due = (FPS * windowMs) / 1000;
    for (const { attacked: is, agesMs } of this.#windows)
      if (agesMs.length < due * LEAST_RESULTS[this.#form])
        this.#failures.push(
          `the critical consumer had ${agesMs.length} of ${due} results in a window ${is ? 'under attack' : 'without'}`,
        );
  }

  #agesOf(attacked: boolean): number[] {
    return this.#windows.filter((window) => window.attacked === attacked).flatMap(({ agesMs }) => agesMs);
  }

  #p99(attacked: boolean): number {
    return quantile(this.#agesOf(attacked), 0.99);
  }

  #agesTable(assault: Assault): Table {
    const row = (name: string, attacked: boolean): string[] => {
      const ages = this.#agesOf(attacked);
      return [name, String(ages.length), ...[0.5, 0.99, 1].map((q) => ms(quantile(ages, q)))];
    };
    const { windows, windowMs, cameras } = PLAN[this.#form];
    const heard = [this.#output, this.#messages, this.#answers, this.#own].reduce((sum, { bytes }) => sum + bytes, 0);
    return {
      title: 'A node that is attacked on all sides: its critical consumer beside',
      columns: ['windows', 'ok results', 'age p50, ms', 'p99', 'max'],
      rows: [row('quiet', false), row('attacked', true)],
      notes: [
        `${windows} windows of ${windowMs / 1000} s of each kind, alternating; ${FPS} frames a second; judged: p99 at most ${WORSE_MS[this.#form]} ms above that of the quiet ones`,
        `meanwhile: ${assault.camera.connections} connections to ${cameras} hostile cameras, ${assault.broker.connections} to a hostile broker, ${assault.clients} strangers at the control socket, ${assault.answersSpoiled} answers of a container, a worker that writes anything`,
        `${mib(heard)} MiB of output searched: standard output, log, report, messages to the broker, answers to the owner and to strangers`,
      ],
    };
  }

  #memoryTable(plan: ReadonlyMap<string, number>): Table {
    return {
      title: 'Memory of the attacked node',
      columns: ['process', 'most, MiB', 'planned, MiB', 'allowed, MiB', 'most resident, MiB'],
      rows: [...this.#peaks].map(([role, { ownBytes, residentBytes }]) => {
        const [planned, allowed] = [plannedFor(plan, role), allowedFor(plan, role)];
        return [role, mib(ownBytes), mib(planned), mib(allowed), mib(residentBytes)];
      }),
      notes: [
        `anonymous memory and segments; planned: by \`vigia check\`. Allowed: what is planned; of the supervisor ${mib(SUPERVISOR_BYTES)} MiB, because its heap grows before it is collected. Resident, with code: ${mib(CODE_BYTES)} MiB more`,
        'the largest of the camera processes',
      ],
    };
  }
}

function consumersOf(camera: string): string {
  if (camera === 'calm') return `{ watch: { worker: calm, sla: critical, fps: ${FPS} } }`;
  if (camera === 'hall') return '{ spits: { worker: spits, fps: 10 }, asks: { model: m, fps: 10 } }';
  return '{ watch: { worker: calm, fps: 2 } }';
}

/** The password comes from the environment. */
function withReference(url: string): string {
  return url.replace(encodeURIComponent(LOGIN.password), '${PLANTED}');
}

function settings({ broker, order }: Assault, seed: number): string {
  return `workers:
  calm: { command: [perl, ${CRITICAL}], input: { format: GRAY8, width: 64, height: 48 } }
  spits: { command: [${process.execPath}, ${WORKER}, ${order}, "${seed}"], input: { format: GRAY8, width: 64, height: 48 }, env: { KEY: "\${PLANTED}", LOGIN: "\${PLANTED_LOGIN}" }, restart: { delays_ms: [300], unlimited: true } }
mqtt: { url: "mqtt://${LOGIN.user}:\${PLANTED}@127.0.0.1:${broker.port}", commands: true }
`;
}

/** What `vigia check` plans for each process, bytes. */
function planOf(node: VigiaNode): Map<string, number> {
  const config = join(dirname(node.runDir), 'vigia.yml');
  const env = { ...process.env, ...ENVIRONMENT, VIGIA_RUN_DIR: node.runDir };
  const { stdout, stderr } = spawnSync(process.execPath, [VIGIA, 'check', '-c', config], { env, encoding: 'utf8' });
  const plan = new Map<string, number>();
  for (const [, name = '', size] of stdout.matchAll(/^ {2}(\S.*?) {2,}.* ([\d.]+) MiB$/gm))
    plan.set(name, Number(size) * MIB);
  if (plan.size === 0) throw new Error(`vigia check plans nothing: ${stdout}${stderr}`);
  return plan;
}

function plannedFor(plan: ReadonlyMap<string, number>, role: string): number {
  if (role !== 'camera') return plan.get(role) ?? Number.NaN;
  return Math.max(...[...plan].filter(([name]) => name.startsWith('camera ')).map(([, bytes]) => bytes));
}

/** The supervisor is above its plan while it is flooded; the bound shows that this ends. */
function allowedFor(plan: ReadonlyMap<string, number>, role: string): number {
  return role === 'supervisor' ? SUPERVISOR_BYTES : plannedFor(plan, role);
}
