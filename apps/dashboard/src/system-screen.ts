import { type Signal, signal } from '@preact/signals';
import type { LogAnswer, NodeBudget, NodeProblem, NodeStatus, Report } from '@vigia/contracts';
import { type Browser, type Reply, refusalText } from './connection.ts';

const PROBLEMS_EVERY_MS = 2000;
/** A report asks every process of the node. */
const REPORT_EVERY_MS = 5000;
const BUDGET_EVERY_MS = 60_000;
const LOG_EVERY_MS = 2000;
const REQUEST_MS = 5000;
/** A restart answers when the worker is ready. */
const RESTART_MS = 90_000;
/** Lines of the log on the screen. */
const LOG_LINES = 300;
/** Measurements of CPU that are drawn: five minutes. */
const HISTORY = (5 * 60_000) / REPORT_EVERY_MS;

/** One process of the node, or all of one kind. */
export interface ProcessRow {
  /** `camera`, `model ssdlite`, `worker falls`. */
  readonly name: string;
  /** How many there are. */
  readonly count: number;
  /** Percent of one core since the report before; null: not known. */
  readonly cpu: number | null;
  /** The newest measurements, the oldest first, percent of one core. */
  readonly history: readonly number[];
  readonly bytes: number;
  /** The most that they may use; null: there is no such figure. */
  readonly most: number | null;
  /** Null: nobody counts them. */
  readonly restarts: number | null;
}

/** A resource: what is used, what may be used at most, and what the machine has. */
export interface BudgetBar {
  readonly what: 'cpu' | 'memory' | 'shm';
  readonly used: number;
  /** Null: there is no such figure. */
  readonly most: number | null;
  readonly there: number;
}

/** A model, since the report before. */
export interface ModelRow {
  readonly id: string;
  readonly state: string;
  readonly p50: number;
  readonly p99: number;
  /** Null in the first report. */
  readonly perSecond: number | null;
  /** Pictures per run since the start; null before the first run. */
  readonly batch: number | null;
}

/** A part of what the node says, and when it said it. */
export interface Dated<T> {
  readonly value: T;
  /** By the page's clock. */
  readonly atMs: number;
}

/** What became of a press on a button, by the problem's subject. */
export type Pressed = 'asking' | 'done' | { readonly refused: string };

/** What to start again. `consumer` is null: the camera's process. */
export interface Restart {
  readonly camera: string;
  readonly consumer: string | null;
}

/** Levels of the log that can be chosen. */
export const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

/** What the view of the node shows, as signals. It asks the node while it is open, and never twice at the same time. */
export class SystemScreen {
  /** Null before the first answer. */
  readonly problems: Signal<Dated<readonly NodeProblem[]> | null> = signal(null);
  readonly processes: Signal<Dated<readonly ProcessRow[]> | null> = signal(null);
  readonly models: Signal<readonly ModelRow[]> = signal([]);
  /** Empty for users who may not see all cameras. */
  readonly bars: Signal<readonly BudgetBar[]> = signal([]);
  /** Why something that is shown is not current; empty while all is. */
  readonly failed: Signal<string> = signal('');
  readonly pressed: Signal<ReadonlyMap<string, Pressed>> = signal(new Map());
  /** Null: the log is closed. `source`: only this one; empty: all. */
  readonly log: Signal<{ readonly source: string; readonly level: (typeof LEVELS)[number] } | null> = signal(null);
  readonly lines: Signal<LogAnswer['records']> = signal([]);
  readonly #browser: Pick<Browser, 'now' | 'after' | 'request' | 'hidden'>;
  readonly #csrf: () => string | null;
  #budget: NodeBudget | null = null;
  #before: { readonly report: Report; readonly atMs: number } | null = null;
  /** Why, by what was asked for in vain. */
  readonly #failing = new Map<string, string>();
  readonly #history = new Map<string, number[]>();
  #next: number | undefined;
  #cancels: (() => void)[] = [];
  #open = false;

  constructor(browser: Pick<Browser, 'now' | 'after' | 'request' | 'hidden'>, csrf: () => string | null) {
    this.#browser = browser;
    this.#csrf = csrf;
  }

  /** Begins to ask the node. @returns a function that ends it. */
  start(): () => void {
    this.#open = true;
    this.#every(PROBLEMS_EVERY_MS, () => this.#askProblems());
    this.#every(BUDGET_EVERY_MS, () => this.#askBudget());
    this.#every(REPORT_EVERY_MS, () => this.#askReport());
    this.#every(LOG_EVERY_MS, () => this.#askLog());
    return () => {
      this.#open = false;
      for (const cancel of this.#cancels) cancel();
      this.#cancels = [];
    };
  }

  /** Opens the log at a source, or closes it. */
  showLog(wish: { readonly source: string; readonly level: (typeof LEVELS)[number] } | null): void {
    const begins = this.log.peek() === null || wish === null;
    this.log.value = wish;
    if (!begins) return;
    this.#next = undefined;
    this.lines.value = [];
    this.#failing.delete('/api/v1/logs');
    if (wish !== null) void this.#askLog();
  }

  /** @param subject The problem beside whose button the outcome is shown. */
  async restart(subject: string, { camera, consumer }: Restart): Promise<void> {
    if (this.pressed.peek().get(subject) === 'asking') return;
    const worker = consumer === null ? '' : `/consumers/${encodeURIComponent(consumer)}`;
    this.#press(subject, 'asking');
    const reply = await this.#request(
      'POST',
      `/api/v1/cameras/${encodeURIComponent(camera)}${worker}/restart`,
      RESTART_MS,
    );
    this.#press(subject, reply?.status === 200 ? 'done' : { refused: refusalText(reply) });
    void this.#askProblems();
  }

  #press(subject: string, what: Pressed): void {
    this.pressed.value = new Map([...this.pressed.peek(), [subject, what]]);
  }

  #every(ms: number, ask: () => Promise<void>): void {
    const index = this.#cancels.length;
    const turn = async (): Promise<void> => {
      if (!this.#browser.hidden()) await ask();
      if (this.#open) this.#cancels[index] = this.#browser.after(ms, () => void turn());
    };
    this.#cancels.push(() => {});
    void turn();
  }

  async #askProblems(): Promise<void> {
    const found = await this.#get<readonly NodeProblem[]>('/api/v1/problems');
    if (found === undefined) return;
    this.problems.value = { value: found, atMs: this.#browser.now() };
    // What was pressed about a problem goes with it.
    const there = new Set(found.map(({ subject }) => subject));
    const kept = [...this.pressed.peek()].filter(([subject, what]) => what === 'asking' || there.has(subject));
    if (kept.length < this.pressed.peek().size) this.pressed.value = new Map(kept);
  }

  async #askBudget(): Promise<void> {
    // Who may not see all cameras gets none: that is no failure.
    const reply = await this.#request('GET', '/api/v1/budget', REQUEST_MS);
    this.#budget = reply?.status === 200 ? (reply.body as NodeBudget) : null;
  }

  async #askReport(): Promise<void> {
    const report = await this.#get<Report>('/api/v1/report');
    if (report === undefined) return;
    const atMs = this.#browser.now();
    const rows = processRows(report, this.#budget, this.#before?.report ?? null);
    for (const { name, cpu } of rows) if (cpu !== null) this.#remember(name, cpu);
    const value = rows.map((row) => ({ ...row, history: [...(this.#history.get(row.name) ?? [])] }));
    this.processes.value = { value, atMs };
    this.models.value = modelRows(report, this.#before?.report ?? null);
    this.bars.value = this.#budget === null ? [] : budgetBars(report, this.#budget, rows);
    this.#before = { report, atMs };
  }

  #remember(name: string, cpu: number): void {
    const values = this.#history.get(name) ?? [];
    values.push(cpu);
    if (values.length > HISTORY) values.shift();
    this.#history.set(name, values);
  }

  async #askLog(): Promise<void> {
    if (this.log.peek() === null) return;
    const after = this.#next === undefined ? `limit=${LOG_LINES}` : `after=${this.#next}&limit=1000`;
    const answer = await this.#get<LogAnswer>(`/api/v1/logs?${after}`);
    if (answer === undefined || this.log.peek() === null) return;
    this.#next = answer.next;
    if (answer.records.length > 0) this.lines.value = [...this.lines.peek(), ...answer.records].slice(-LOG_LINES);
  }

  /** Undefined: no answer, or a refusal; `failed` says which. */
  async #get<T>(path: string): Promise<T | undefined> {
    const reply = await this.#request('GET', path, REQUEST_MS);
    if (!this.#open) return undefined;
    const [asked = ''] = path.split('?');
    if (reply?.status === 200) this.#failing.delete(asked);
    else this.#failing.set(asked, refusalText(reply));
    this.failed.value = [...this.#failing.values()][0] ?? '';
    return reply?.status === 200 ? (reply.body as T) : undefined;
  }

  #request(method: string, path: string, timeoutMs: number): Promise<Reply | undefined> {
    return this.#browser.request(method, path, { csrf: this.#csrf(), timeoutMs }).catch(() => undefined);
  }
}

/** The same for each kind: the node's own first, then what looks. `before`: the report before; null: this is the first. */
export function processRows(
  report: Report,
  budget: NodeBudget | null,
  before: Report | null,
): Omit<ProcessRow, 'history'>[] {
  const groups = new Map<string, string[]>();
  for (const name of Object.keys(report.system.processes)) {
    const group = groupOf(name, report);
    groups.set(group, [...(groups.get(group) ?? []), name]);
  }
  const seconds = before === null ? 0 : (report.duration_ms - before.duration_ms) / 1000;
  const rows = [...groups].map(([name, members]) => {
    const used = members.flatMap((member) => {
      const now = report.system.processes[member];
      const then = before?.system.processes[member];
      // A process that was started again counts from 0.
      if (now === undefined || then === undefined || now.cpu_s < then.cpu_s || seconds <= 0) return [];
      return [((now.cpu_s - then.cpu_s) / seconds) * 100];
    });
    const most = members.map((member) => budget?.processes[member]);
    return {
      name,
      count: members.length,
      cpu: used.length === 0 ? null : sum(used),
      bytes: sum(members.map((member) => report.system.processes[member]?.pss_bytes ?? 0)),
      most: most.includes(undefined) ? null : sum(most.map((one) => one ?? 0)),
      restarts: restartsOf(name, report),
    };
  });
  const rank = (name: string): number => ORDER.findIndex((kind) => name.split(' ')[0] === kind);
  return rows.sort((a, b) => rank(a.name) - rank(b.name) || (a.name < b.name ? -1 : 1));
}

const ORDER = ['supervisor', 'api', 'live', 'camera', 'ingest', 'footage', 'model', 'worker'];

/** `camera:hall` is one of `camera`; a model and the program of workers have a row of their own. */
function groupOf(process: string, report: Report): string {
  const [kind = '', id = ''] = process.split(':');
  if (kind === 'model') return `model ${id}`;
  if (kind !== 'worker') return kind;
  const [camera = '', consumer = ''] = id.split('/');
  return `worker ${report.cameras[camera]?.consumers[consumer]?.worker ?? consumer}`;
}

function restartsOf(name: string, { cameras, models }: Report): number | null {
  const [kind, id = ''] = name.split(' ');
  if (kind === 'camera') return sum(Object.values(cameras).map(({ restarts }) => restarts));
  if (kind === 'model') return models[id]?.restarts ?? null;
  if (kind !== 'worker') return null;
  const consumers = Object.values(cameras).flatMap((camera) => Object.values(camera.consumers));
  return sum(consumers.filter(({ worker }) => worker === id).map(({ restarts }) => restarts));
}

/** @param rows Of the same report. CPU is left out while nothing is known of it. */
export function budgetBars(
  report: Report,
  budget: NodeBudget,
  rows: readonly Pick<ProcessRow, 'cpu' | 'bytes'>[],
): BudgetBar[] {
  const known = rows.flatMap(({ cpu }) => (cpu === null ? [] : [cpu]));
  return [
    ...(known.length === 0 ? [] : [{ what: 'cpu' as const, used: sum(known) / 100, most: null, there: budget.cores }]),
    {
      what: 'memory',
      used: sum(rows.map(({ bytes }) => bytes)),
      most: budget.memory_bytes,
      there: budget.memory_available_bytes,
    },
    { what: 'shm', used: report.system.shm_bytes, most: budget.shm_bytes, there: budget.shm_available_bytes },
  ];
}

/** @param before The report before; null: this is the first. */
export function modelRows(report: Report, before: Report | null): ModelRow[] {
  const seconds = before === null ? 0 : (report.duration_ms - before.duration_ms) / 1000;
  return Object.entries(report.models).map(
    ([
      id,
      {
        state,
        requests,
        batches,
        inference_ms: { p50, p99 },
      },
    ]) => {
      const then = before?.models[id]?.requests;
      const isCounted = then !== undefined && requests >= then && seconds > 0;
      return {
        id,
        state,
        p50,
        p99,
        perSecond: isCounted ? (requests - then) / seconds : null,
        batch: batches === 0 ? null : requests / batches,
      };
    },
  );
}

/** What can be started again to mend a problem: a camera, or the worker of its consumer; null: nothing. */
export function restartOf({ kind, camera, consumer }: NodeProblem, status: NodeStatus | null): Restart | null {
  const report = camera === null ? undefined : status?.cameras[camera]?.report;
  if (camera === null || report === undefined) return null;
  if (kind === 'camera' || (kind === 'blind' && report.state !== 'live')) return { camera, consumer: null };
  return consumer !== null && report.consumers[consumer]?.kind === 'worker' ? { camera, consumer } : null;
}

/** Where the log has lines about a problem. */
export function logSourceOf({ camera, consumer, model }: NodeProblem): string {
  if (model !== null) return `model:${model}`;
  if (camera === null) return '';
  return consumer === null ? `camera:${camera}` : `camera:${camera}/${consumer}`;
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}
