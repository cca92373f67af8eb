/**
 * Somebody lies on the floor, and something dies: a real node, a camera that shows somebody who falls, over and over. For each
 * fault: is it said that nobody knows (`blind`), how soon, does the alarm go on until the person stands, or somebody acknowledges
 * it? An alarm that ends without a reason, or falls silent, has failed.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { codeOf, messageOf, sleep, systemClock } from '@vigia/base';
import type { NodeEventOf } from '@vigia/contracts';
import { CameraFork } from '../support/camera-fork.ts';
import { clockShim, noClockShim } from '../support/clock-shim.ts';
import { ms } from '../support/numbers.ts';
import { VigiaNode } from '../support/vigia-node.ts';
import { ALARM_ROWS, type AlarmRow, type Stage } from './alarm-faults/rows.ts';
import { runSoak, type SoakResult, type SoakRun } from './soak-run.ts';

type Fall = NodeEventOf<'fall'>;

/** An event and when this process got it, monotonic milliseconds. */
interface Heard {
  readonly atMs: number;
  readonly event: Fall;
}

const CLIP = fileURLToPath(import.meta.resolve('@vigia/runtime/assets/fall.mp4'));
const POLL_MS = 50;
/** Somebody falls every 6.2 s. */
const FALL_LIMIT_MS = 40_000;
/** Who stands again, or is given up, is reported by then. */
const OVER_MS = 40_000;
/** After two pictures without anybody upright the body is down; the alarm comes 0.85 s after that. */
const FALLING_MS = 300;
/** An open alarm is repeated, and with slack. Milliseconds. */
const REPEAT_MS = 12_000;
/** Ages of pictures and times on the floor that cannot be, here. */
const MOST = { ageMs: 15_000, downMs: 60_000 };

class Proof {
  readonly #run: SoakRun;
  readonly #stage: Stage;
  readonly failures: string[] = [];
  #heard: Heard[] = [];
  #last = '';
  /** Of alarms that were acknowledged. */
  readonly #known = new Set<string | null>();

  constructor(soak: SoakRun, stage: Stage) {
    this.#run = soak;
    this.#stage = stage;
  }

  async play(row: AlarmRow): Promise<string[]> {
    this.#run.progress(row.name);
    try {
      return await this.#play(row);
    } catch (error) {
      this.failures.push(`${row.name}: ${messageOf(error)}`);
      await row.end?.(this.#stage);
      return [row.name, '–', '–', '–', '–'];
    }
  }

  async #play(row: AlarmRow): Promise<string[]> {
    const { when, begin, end, lastsMs = 0, blindMs } = row;
    const before = await (when === 'down' ? this.#alarm() : this.#falling());
    const beganMs = systemClock.nowMs();
    const from = this.#heard.length;
    await begin(this.#stage);
    const isIts = ({ event }: Heard): boolean => before === undefined || event.subject === before;
    const isBlind = (one: Heard): boolean => isIts(one) && one.event.data.state === 'blind';
    const blind =
      blindMs === undefined
        ? undefined
        : await this.#until('that nobody knows', () => this.#heard.slice(from).find(isBlind), blindMs + 10_000);
    const noticedMs = blind && blind.atMs - beganMs;
    if (noticedMs !== undefined && noticedMs > (blindMs ?? 0))
      this.failures.push(`${row.name}: it was said after ${ms(noticedMs)} ms, ${blindMs} are allowed`);
    if (when === 'falling' && blind?.event.phase !== 'start')
      this.failures.push(`${row.name}: it began as ${blind && wordsOf(blind.event)}, not as an alarm that is blind`);
    await this.#wait(lastsMs - (systemClock.nowMs() - beganMs));
    const early = this.#heard.slice(from).find((one) => isIts(one) && one.event.phase === 'end' && lastsMs > 0);
    if (early) this.failures.push(`${row.name}: the alarm ended (${early.event.data.state}) while nobody saw anything`);
    if (blindMs !== undefined) await end?.(this.#stage);
    const subject = before ?? blind?.event.subject ?? '';
    const over = row.isLeft ? await this.#acknowledged(row, subject) : await this.#stands(row, subject, from);
    if (blindMs === undefined) await end?.(this.#stage);
    const own = this.#heard.slice(from).filter(({ event }) => event.subject === subject);
    for (const { event } of own) this.#check(row, event);
    return [
      row.name,
      when,
      noticedMs === undefined ? '–' : ms(noticedMs),
      own.map(({ event }) => wordsOf(event)).join(', '),
      over,
    ];
  }

  /** A fall that is an alarm now. @returns its subject. */
  async #alarm(): Promise<string> {
    const from = this.#heard.length;
    const isStart = ({ event }: Heard): boolean => event.phase === 'start' && event.data.state === 'down';
    const { event } = await this.#until('an alarm', () => this.#heard.slice(from).find(isStart), FALL_LIMIT_MS);
    return event.subject ?? '';
  }

  /** Somebody who is down, and for whom there is no alarm yet. */
  async #falling(): Promise<undefined> {
    const { node } = this.#stage;
    for (;;) {
      const from = node.lines.length;
      await this.#until('somebody who falls', () => isFalling(node, from) || undefined, FALL_LIMIT_MS);
      const heard = this.#heard.length;
      await this.#wait(FALLING_MS);
      await this.#poll();
      if (this.#heard.length === heard && !this.#isOpen()) return undefined;
    }
  }

  /** Whether there is an alarm of which the node does not know yet that it is over, or that somebody knows. */
  #isOpen(): boolean {
    const last = new Map(this.#heard.map(({ event }) => [event.subject, event]));
    return [...last.values()].some(({ phase, subject }) => phase !== 'end' && !this.#known.has(subject));
  }

  /** The alarm ends because the person stands. */
  async #stands(row: AlarmRow, subject: string, from: number): Promise<string> {
    const isEnd = ({ event }: Heard): boolean => event.subject === subject && event.phase === 'end';
    const { event } = await this.#until('the end of the alarm', () => this.#heard.slice(from).find(isEnd), OVER_MS);
    if (event.data.state !== 'recovered') this.failures.push(`${row.name}: the alarm ended as ${event.data.state}`);
    return `ended: ${event.data.state}`;
  }

  /** The alarm is repeated until somebody acknowledges it. */
  async #acknowledged(row: AlarmRow, subject: string): Promise<string> {
    const { node } = this.#stage;
    const of = (since: number): Heard[] => this.#heard.slice(since).filter(({ event }) => event.subject === subject);
    let repeats = 0;
    if (!this.#run.short) {
      const since = this.#heard.length;
      await this.#wait(REPEAT_MS);
      repeats = of(since).length;
      if (repeats === 0) this.failures.push(`${row.name}: the alarm was not repeated within ${REPEAT_MS / 1000} s`);
    }
    const open = (await node.status()).alarms.find((alarm) => alarm.subject === subject);
    if (!open) {
      this.failures.push(`${row.name}: the alarm is not among the open ones`);
      return '–';
    }
    // By its start, which may be of an earlier run of the node.
    const isStart = ({ event }: Heard): boolean => event.subject === subject && event.phase === 'start';
    const event = this.#heard.findLast(isStart)?.event.id ?? open.event;
    await node.ask('POST', `/api/v1/events/${event}/acknowledge`);
    this.#known.add(subject);
    const known = (await node.status()).alarms.find((alarm) => alarm.subject === subject)?.acknowledged;
    if (!known) this.failures.push(`${row.name}: the alarm was acknowledged, and is not`);
    if (this.#run.short) return 'open until acknowledged';
    const since = this.#heard.length;
    await this.#wait(REPEAT_MS);
    if (of(since).length > 0)
      this.failures.push(`${row.name}: the alarm was repeated after somebody had acknowledged it`);
    return `repeated ${repeats} times in ${REPEAT_MS / 1000} s, not after it was acknowledged`;
  }

  #check({ name }: AlarmRow, { data }: Fall): void {
    if (data.age_ms > MOST.ageMs || data.down_ms > MOST.downMs)
      this.failures.push(`${name}: an age of ${ms(data.age_ms)} ms, down for ${ms(data.down_ms)} ms`);
  }

  async #until<T>(what: string, look: () => T | undefined, limitMs: number): Promise<T> {
    const untilMs = systemClock.nowMs() + limitMs;
    while (systemClock.nowMs() < untilMs) {
      await this.#poll();
      const found = look();
      if (found !== undefined) return found;
      await sleep(systemClock, POLL_MS, this.#run.signal);
    }
    throw new Error(`${what} did not come within ${limitMs / 1000} s`);
  }

  async #wait(forMs: number): Promise<void> {
    const untilMs = systemClock.nowMs() + forMs;
    while (systemClock.nowMs() < untilMs) {
      await this.#poll();
      await sleep(systemClock, POLL_MS, this.#run.signal);
    }
  }

  /** Reads what is new; nothing while the node does not run. */
  async #poll(): Promise<void> {
    const after = `&after=${this.#last === '' ? '0'.repeat(26) : this.#last}`;
    try {
      const answer = await this.#stage.node.ask('GET', `/api/v1/events?kind=fall&limit=1000${after}`);
      const { events } = JSON.parse(answer) as { events: Fall[] };
      const atMs = systemClock.nowMs();
      this.#heard.push(...events.map((event) => ({ atMs, event })));
      this.#last = events.at(-1)?.id ?? this.#last;
    } catch (error) {
      if (!['ECONNREFUSED', 'ENOENT', 'ECONNRESET'].includes(codeOf(error) ?? '')) throw error;
    }
  }
}

/** Whether the two newest results show nobody upright, after some that did. */
function isFalling(node: VigiaNode, from: number): boolean {
  const upright = node.results(from).flatMap(({ result }) => {
    if (result.status !== 'ok') return [];
    const tall = (result.detections ?? []).some(({ bbox: [left, top, right, bottom], confidence }) => {
      return confidence > 0.5 && bottom - top > Math.max(0.5, 1.2 * (right - left));
    });
    return [tall];
  });
  const [before, now] = [upright.slice(-7, -2), upright.slice(-2)];
  return before.length === 5 && before.every(Boolean) && !now.some(Boolean);
}

function wordsOf({ phase, data }: Fall): string {
  return `${phase} ${data.state}`;
}

async function run(soak: SoakRun): Promise<SoakResult> {
  const dir = mkdtempSync(join(tmpdir(), 'vigia-alarm-faults-'));
  soak.scope.defer(() => rmSync(dir, { recursive: true, force: true }));
  const bench = { signal: soak.signal, scope: soak.scope, seconds: 0, progress: soak.progress };
  const noShim = noClockShim();
  const camera = await CameraFork.start(bench, { clip: CLIP });
  const node = VigiaNode.start(
    bench,
    { room: camera.url },
    '{ people: { model: ssdlite, fps: 5, sla: critical } }',
    'rules: { fall: { from: people } }',
    { env: noShim === undefined && !soak.short ? { LD_PRELOAD: clockShim(dir) } : {} },
  );
  const proof = new Proof(soak, { node, camera, dir });
  const chosen = ALARM_ROWS.filter(({ name, short }) =>
    soak.only.length > 0 ? soak.only.some((part) => name.includes(part)) : short === true || !soak.short,
  );
  if (chosen.length === 0) throw new Error(`no row has one of ${soak.only.join(', ')} in its name`);
  const rows: string[][] = [];
  for (const row of chosen)
    rows.push(
      row.shim && noShim !== undefined ? [row.name, row.when, '–', `NOT RUN: ${noShim}`, '–'] : await proof.play(row),
    );
  await node.finish();
  const left = node.leftovers();
  return {
    tables: [
      {
        title: 'Somebody lies, and something dies',
        columns: ['what', 'when', 'blind after, ms', 'events from then on', 'the alarm'],
        rows,
        notes: [
          'down: an alarm has just begun. falling: the body is down, and there is no alarm yet: then it begins as blind',
          'blind after: from the fault until the event is stored. Without one the fault is over before 5 s, and the alarm goes on',
        ],
      },
    ],
    failures: [...proof.failures, ...(left.length > 0 ? [`left behind: ${left.join(', ')}`] : [])],
  };
}

await runSoak('alarm-faults', run);
