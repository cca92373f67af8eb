/**
 * The fault matrix: a real node with two cameras, of which one misbehaves. For each fault: which state and reason are
 * told, how fast it is noticed and got over, what it costs, and what the other camera notices (nothing).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { messageOf, Scope, sleep, systemClock } from '@vigia/base';
import { conservationErrors, type Report } from '@vigia/contracts';
import { SimulatedCamera, type SimulatedCameraOptions } from '@vigia/testkit';
import { clipOf, type ClipName } from '../capture/clips.ts';
import { ms } from '../support/numbers.ts';
import { CLIP } from '../support/paths.ts';
import type { Table } from '../support/table.ts';
import { type TimedLine, VigiaNode } from '../support/vigia-node.ts';
import { runSoak, type SoakResult, type SoakRun } from './soak-run.ts';

const GST_CAMERA = fileURLToPath(new URL('../../../packages/runtime/test/support/gst-camera.py', import.meta.url));
/** A camera under a fault is left alone this long before it is healed, when nothing else is said. */
const FAULT_MS = 3_000;
const RECOVERY_LIMIT_MS = 60_000;
const NOTICE_LIMIT_MS = 45_000;
/** Units that may still be on their way when the node is asked for its last numbers. */
const ON_THE_WAY = 5;
/** Rows at the same time in the short form, where nobody reads the times. */
const SHORT_LANES = 4;

/** One row. */
interface Fault {
  readonly name: string;
  /** What is switched on; in its short form, when that differs. */
  readonly faults: readonly string[];
  readonly shortFaults?: readonly string[];
  /** Connections are dropped at the same moment: what a fault says only to newcomers. */
  readonly drop?: boolean;
  /** What must be told, `state(reason)`, the last of them last; empty: the camera stays connected. */
  readonly told: readonly string[];
  /** It is over by itself, as a reboot is. */
  readonly passes?: boolean;
  /** How long it lasts once it was told. */
  readonly lastsMs?: number;
  /** One more line of the camera's configuration. */
  readonly setting?: string;
  readonly camera?: Partial<SimulatedCameraOptions>;
  readonly second?: ClipName | 'hevc';
  /** More that must be true of the report. Returns a sentence when it is not. */
  readonly check?: (report: Report['cameras'][string]) => string | undefined;
  /** Only in the full run. */
  readonly long?: boolean;
}

const stays = (what: boolean, sentence: string): string | undefined => (what ? undefined : sentence);

const FAULTS: readonly Fault[] = [
  { name: 'refuse', faults: ['refuse'], told: ['waiting(ended)', 'waiting(refused)'] },
  {
    name: '401, wrong password',
    faults: ['unauthorized'],
    drop: true,
    told: ['waiting(ended)', 'waiting(unauthorized)'],
  },
  { name: '404', faults: ['not-found'], drop: true, told: ['waiting(ended)', 'waiting(not_found)'] },
  { name: 'accepts and says nothing', faults: ['silent'], drop: true, told: ['waiting(ended)', 'waiting(timeout)'] },
  { name: 'freezes mid-stream', faults: ['freeze'], told: ['stalled(stalled)'], lastsMs: 1_000 },
  { name: 'freezes for good', faults: ['freeze'], told: ['waiting(stalled)'] },
  { name: 'media stops, RTSP answers', faults: ['teardown-silently'], told: ['waiting(stalled)'] },
  { name: 'cut mid-packet', faults: ['cut-packet:5'], told: ['waiting(ended)'] },
  {
    name: 'garbage inside RTP, 5 %',
    faults: ['garbage:0.05'],
    told: [],
    lastsMs: 8_000,
    check: (r) => stays(r.captured > 0 && r.reconnects === 0, 'it was left by garbage that it could have skipped'),
  },
  { name: 'garbage between packets', faults: ['garbage-framing:0.05'], told: [], lastsMs: 8_000 },
  {
    name: 'no keyframes for 10 s',
    faults: ['no-keyframes:10s'],
    shortFaults: ['no-keyframes:5s'],
    told: ['waiting(ended)', 'stalled(stalled)'],
    drop: true,
    passes: true,
  },
  {
    name: 'another resolution mid-stream',
    faults: ['resolution'],
    second: '640×360@15',
    told: [],
    lastsMs: 5_000,
    check: (r) => stays(r.reconnects === 0, 'it was left for another resolution'),
  },
  {
    name: 'another codec mid-stream',
    faults: ['codec-change'],
    second: 'hevc',
    told: ['waiting(codec_changed)'],
    lastsMs: 8_000,
  },
  ...['3600', '-3600'].map(
    (seconds): Fault => ({
      name: `time stamps jump by ${seconds} s`,
      faults: [`pts-jump:${seconds}`],
      told: [],
      lastsMs: 5_000,
      check: (r) => stays(r.reconnects === 0 && r.skipped.late < 20, 'a jump of the clock was taken for lateness'),
    }),
  ),
  {
    name: 'loss 5 % on UDP',
    faults: ['loss:5'],
    setting: 'transport: udp',
    told: [],
    lastsMs: 10_000,
    check: (r) => stays(r.lost_packets > 0 && r.skipped.undecodable > 0, 'no loss was counted'),
  },
  {
    name: 'the same, on_loss: conceal',
    faults: ['loss:5'],
    setting: 'transport: udp\n    on_loss: conceal',
    told: [],
    lastsMs: 10_000,
    check: (r) => stays(r.concealed > 0, 'nothing was concealed'),
  },
  {
    name: 'duplicates 10 % on UDP',
    faults: ['duplicate:10'],
    setting: 'transport: udp',
    told: [],
    lastsMs: 6_000,
    check: (r) => stays(r.skipped.undecodable === 0, 'packets that came twice were taken for lost'),
  },
  {
    name: 'reordering 10 % on UDP',
    faults: ['reorder:10'],
    setting: 'transport: udp',
    told: [],
    lastsMs: 6_000,
    check: (r) => stays(r.skipped.undecodable === 0, 'packets that only came in another order were taken for lost'),
  },
  { name: 'the stream ends (BYE)', faults: ['end'], told: ['waiting(ended)'] },
  {
    name: 'reboots',
    faults: ['reboot:60s'],
    shortFaults: ['reboot:3s'],
    told: ['waiting(ended)', 'waiting(refused)'],
    passes: true,
  },
  {
    name: 'takes no further viewer (453)',
    faults: ['stale-session:4s'],
    drop: true,
    told: ['waiting(ended)', 'waiting(refused)'],
  },
  { name: '200 rapid disconnects', faults: [], told: ['waiting(ended)'], lastsMs: 20_000, long: true },
];

/** What a row came to. */
interface Outcome {
  readonly cells: readonly string[];
  readonly failures: readonly string[];
}

class FaultRow {
  readonly #run: SoakRun;
  readonly #fault: Fault;
  readonly #failures: string[] = [];

  constructor(run: SoakRun, fault: Fault) {
    this.#run = run;
    this.#fault = fault;
  }

  async play(): Promise<Outcome> {
    const scope = new Scope();
    this.#run.scope.defer(() => scope.close());
    const { signal, progress } = this.#run;
    const run = { signal, scope, seconds: 0, progress: () => undefined };
    progress(this.#fault.name);
    try {
      const good = await startCamera(scope, {});
      const bad = await startCamera(scope, { ...this.#fault.camera, ...(await this.#second()) });
      const node = VigiaNode.start(run, { bad: bad.url, good: good.url }, PEOPLE, this.#fault.setting);
      await node.okResults(['bad', 'good'], 3);
      return await this.#provoke(node, bad, good);
    } catch (error) {
      return {
        cells: [this.#fault.name, '–', '–', '–', '–', '–'],
        failures: [`${this.#fault.name}: ${messageOf(error)}`],
      };
    } finally {
      await scope.close();
    }
  }

  async #second(): Promise<Partial<SimulatedCameraOptions>> {
    const { second } = this.#fault;
    if (second === undefined) return {};
    if (second === 'hevc') return { secondClip: await hevcClip(this.#run) };
    return { secondClip: (await clipOf({ ...this.#run, seconds: 0 }, second)).path };
  }

  async #provoke(node: VigiaNode, bad: SimulatedCamera, good: SimulatedCamera): Promise<Outcome> {
    const { name, faults, shortFaults, drop, told, passes, lastsMs = FAULT_MS } = this.#fault;
    const { short, signal } = this.#run;
    const from = node.lines.length;
    const startedMs = systemClock.nowMs();
    if (faults.length > 0) await bad.setFaults(short ? (shortFaults ?? faults) : faults);
    if (drop) bad.dropClients();
    if (faults.length === 0) await this.#dropOften(bad);
    const noticed = told.length === 0 ? undefined : await this.#notice(node, from);
    let healedMs = startedMs;
    if (!passes) {
      await sleep(systemClock, lastsMs, signal);
      healedMs = systemClock.nowMs();
      await bad.setFaults([]);
    }
    const recoveredAt = await this.#recover(node, healedMs, told.length > 0);
    const goodSent = good.stats().unitsSent;
    const liveAt = node.lines.find((timed) => isOfBad(timed) && textOf(timed) === 'live')?.atMs ?? startedMs;
    const due = ((systemClock.nowMs() - liveAt) / 1000) * bad.clip.fps;
    const report = await node.finish();
    this.#judge(node, report, goodSent);
    const r = report.cameras['bad'] as Report['cameras'][string];
    return {
      cells: [
        name,
        told.length === 0 ? 'live' : told.join(', '),
        noticed ? ms(noticed.atMs - startedMs) : '–',
        ms(recoveredAt - healedMs),
        String(Math.max(0, Math.round(due - r.published))),
        this.#othersText(node, report, goodSent),
      ],
      failures: this.#failures.map((text) => `${name}: ${text}`),
    };
  }

  async #dropOften(bad: SimulatedCamera): Promise<void> {
    for (let n = 0; n < 200; n += 1) {
      bad.dropClients();
      await sleep(systemClock, 100, this.#run.signal);
    }
  }

  /** Waits for what must be told, and returns what was told first. */
  async #notice(node: VigiaNode, from: number): Promise<TimedLine> {
    const last = this.#fault.told.at(-1) as string;
    const find = (fits: (timed: TimedLine) => boolean): TimedLine | undefined =>
      node.lines.slice(from).find((timed) => isOfBad(timed) && fits(timed));
    await node.until(last, () => find((timed) => textOf(timed) === last), NOTICE_LIMIT_MS);
    const said = new Set(node.lines.slice(from).filter(isOfBad).map(textOf));
    for (const state of this.#fault.told) if (!said.has(state)) this.#failures.push(`${state} was not told`);
    return find((timed) => /stalled|waiting/.test(textOf(timed))) as TimedLine;
  }

  /** When an ok result of a picture that was taken after the healing had come. */
  async #recover(node: VigiaNode, healedMs: number, wasTold: boolean): Promise<number> {
    const wallMs = Date.parse(new Date(systemClock.wallMs() - systemClock.nowMs() + healedMs).toISOString());
    const found = await node.until(
      'an ok result after it was healed',
      () =>
        node
          .results()
          .find(
            ({ result, atMs }) =>
              result.camera === 'bad' &&
              result.status === 'ok' &&
              atMs > healedMs &&
              Date.parse(result.captured_at) > wallMs,
          ),
      RECOVERY_LIMIT_MS,
    );
    if (wasTold) {
      const states = node.lines.filter(isOfBad);
      if (states.length > 0 && textOf(states.at(-1) as TimedLine) !== 'live')
        this.#failures.push(`results come, but the camera is still ${textOf(states.at(-1) as TimedLine)}`);
    }
    return found.atMs;
  }

  #judge(node: VigiaNode, report: Report, goodSent: number): void {
    this.#failures.push(...conservationErrors(report));
    const { bad, good } = report.cameras;
    if (!bad || !good) {
      this.#failures.push('a camera is missing in the report');
      return;
    }
    const wrong = this.#fault.check?.(bad);
    if (wrong !== undefined) this.#failures.push(wrong);
    if (bad.restarts > 0) this.#failures.push('its process died');
    if (good.reconnects > 0 || good.restarts > 0) this.#failures.push('the other camera was reconnected or restarted');
    if (Math.abs(goodSent - good.captured) > ON_THE_WAY)
      this.#failures.push(`of the other camera ${goodSent} pictures were sent and ${good.captured} captured`);
    const states = node.lines.filter((t) => t.line.type === 'camera_state' && t.line.camera === 'good').map(textOf);
    if (states.some((state) => state !== 'connecting' && state !== 'live' && state !== 'stopped'))
      this.#failures.push(`the other camera was ${states.join(', ')}`);
    if (this.#fault.told.length === 0) {
      const odd = node.lines
        .filter(isOfBad)
        .map(textOf)
        .filter((state) => state.startsWith('waiting'));
      if (odd.length > 0) this.#failures.push(`it was to stay connected, and was ${odd.join(', ')}`);
    }
  }

  #othersText(node: VigiaNode, report: Report, goodSent: number): string {
    const good = report.cameras['good'];
    const at = node.results().filter(({ result }) => result.camera === 'good' && result.status === 'ok');
    const gaps = at.slice(1).map(({ atMs }, i) => atMs - (at[i]?.atMs ?? atMs));
    const lost = Math.max(0, goodSent - (good?.captured ?? 0));
    return `${lost <= ON_THE_WAY ? 'nothing' : `${lost} lost`}; gap ${ms(Math.max(...gaps))}`;
  }
}

const PEOPLE = '{ people: { model: ssdlite, fps: 5 } }';

async function startCamera(scope: Scope, options: Partial<SimulatedCameraOptions>): Promise<SimulatedCamera> {
  const camera = await SimulatedCamera.start({ clip: CLIP, ...options });
  scope.defer(() => camera.close());
  return camera;
}

async function hevcClip(run: SoakRun): Promise<string> {
  return (await clipOf({ ...run, seconds: 0 }, '768×576@10 H.265')).path;
}

function isOfBad({ line }: TimedLine): boolean {
  return line.type === 'camera_state' && line.camera === 'bad' && line.state !== 'stopped';
}

/** `waiting(refused)`, `live`. */
function textOf({ line }: TimedLine): string {
  if (line.type !== 'camera_state') return '';
  return line.reason === null ? line.state : `${line.state}(${line.reason})`;
}

/** A camera of another implementation: frozen by SIGSTOP, killed and started again. */
class OtherCamera {
  readonly #port: number;
  #process: ChildProcess | undefined;

  constructor(port: number, scope: Scope) {
    this.#port = port;
    scope.defer(() => this.kill());
  }

  get url(): string {
    return `rtsp://127.0.0.1:${this.#port}/stream`;
  }

  async start(): Promise<void> {
    // Debian's own Python: another one on the PATH has no `gi`.
    const child = spawn('/usr/bin/python3', [GST_CAMERA, CLIP, String(this.#port)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#process = child;
    await once(createInterface({ input: child.stdout }), 'line');
  }

  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process?.kill(name);
  }

  async kill(): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' && address ? address.port : 0;
}

/** Freeze and kill of gst-rtsp-server: not our own camera's idea of what a camera does. */
async function playOther(run: SoakRun, way: 'frozen' | 'killed'): Promise<Outcome> {
  const name = `gst-rtsp-server ${way}`;
  run.progress(name);
  const scope = new Scope();
  run.scope.defer(() => scope.close());
  try {
    const camera = new OtherCamera(await freePort(), scope);
    await camera.start();
    const { signal } = run;
    const node = VigiaNode.start({ signal, scope, seconds: 0, progress: () => undefined }, { bad: camera.url }, PEOPLE);
    await node.okResults(['bad'], 3);
    const from = node.lines.length;
    const startedMs = systemClock.nowMs();
    if (way === 'frozen') camera.signal('SIGSTOP');
    else await camera.kill();
    const told = way === 'frozen' ? 'waiting(stalled)' : 'waiting(ended)';
    const noticed = await node.until(told, () => node.lines.slice(from).find((t) => textOf(t) === told));
    if (way === 'frozen') camera.signal('SIGCONT');
    else await camera.start();
    const healedMs = systemClock.nowMs();
    const results = node.results().length;
    await node.until(
      'ok results again',
      () =>
        node
          .results()
          .slice(results)
          .find(({ result }) => result.status === 'ok'),
      RECOVERY_LIMIT_MS,
    );
    const recoveredMs = systemClock.nowMs();
    const report = await node.finish();
    return {
      cells: [name, told, ms(noticed.atMs - startedMs), ms(recoveredMs - healedMs), '–', '–'],
      failures: conservationErrors(report).map((text) => `${name}: ${text}`),
    };
  } catch (error) {
    return { cells: [name, '–', '–', '–', '–', '–'], failures: [`${name}: ${messageOf(error)}`] };
  } finally {
    await scope.close();
  }
}

/** Plays the rows, so many at a time; the outcomes are in the order of the rows. */
async function inLanes(rows: readonly (() => Promise<Outcome>)[], lanes: number): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const next = rows.entries();
  const lane = async (): Promise<void> => {
    for (const [i, row] of next) outcomes[i] = await row();
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return outcomes;
}

await runSoak('camera-faults', async (run): Promise<SoakResult> => {
  const { short, only } = run;
  const chosen = FAULTS.filter((f) => (only.length === 0 ? !(short && f.long) : only.some((o) => f.name.includes(o))));
  const rows: (() => Promise<Outcome>)[] = chosen.map((fault) => () => new FaultRow(run, fault).play());
  for (const way of ['frozen', 'killed'] as const)
    if (only.length === 0 || only.some((o) => `gst-rtsp-server ${way}`.includes(o)))
      rows.push(() => playOther(run, way));
  const outcomes = await inLanes(rows, short ? SHORT_LANES : 1);
  const table: Table = {
    title: 'Cameras that misbehave',
    columns: [
      'fault',
      'told',
      'noticed after, ms',
      'got over after, ms',
      'pictures missing',
      'the other camera noticed',
    ],
    rows: outcomes.map((o) => [...o.cells]),
    notes: [
      'noticed: from the fault to the state; got over: from its end (of faults that pass: from their beginning) to the first ok result of a picture taken after it',
      'pictures missing: of the ten a second that the camera is due from its first to the end of the run, how many were not published',
      'gap: longest time between two ok results of the other camera, whose consumer looks 5 times a second, ms',
    ],
  };
  return { tables: [table], failures: outcomes.flatMap((o) => o.failures) };
});
