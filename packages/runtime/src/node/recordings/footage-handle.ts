import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  Channel,
  type ChannelPort,
  type ChildState,
  type Clock,
  every,
  type Log,
  type LogRecord,
  SupervisedChild,
  type Timer,
  VigiaError,
} from '@vigia/base';
import type { GapReason } from '#core/footage';
import {
  FOOTAGE_WORDS,
  type FootageCounters,
  type FootageLimits,
  type FootageSetup,
  type FootageWords,
  NODE_FOOTAGE_WORDS,
  type NodeFootageWords,
  type RebuildReply,
  type RoomNotice,
  type SpansAsk,
  type SpansReply,
} from '#core/footage-link';

const ENTRY = fileURLToPath(new URL('../../footage/footage-process.js', import.meta.url));
/** A damaged index is made from the files again before it is ready. */
const READY_MS = 60_000;
const RESTART = { firstMs: 100, maxMs: 10_000 };
const STOP_MS = 700;
const WATCH_MS = 1_000;
/** A disk may hold it up for seconds. */
const SILENT_TICKS = 30;
const ASK_MS = 10_000;
const REBUILD_MS = 3_600_000;

/** Options of {@link FootageHandle}. */
export interface FootageHandleOptions {
  readonly setup: FootageSetup;
  readonly clock: Clock;
  readonly log: Log;
  readonly onLog: (record: LogRecord) => void;
  readonly onRoom: (room: RoomNotice) => void;
}

/** The supervisor's side of the footage process. Recording goes on without it. */
export class FootageHandle {
  readonly #o: FootageHandleOptions;
  readonly #child: SupervisedChild;
  #setup: FootageSetup;
  #link: Channel<NodeFootageWords, FootageWords> | undefined;
  #watch: Timer | undefined;
  #silentTicks = 0;
  #failure: string | undefined;
  /** As of its last second; undefined while there is no process. */
  counters: FootageCounters | undefined;

  constructor(options: FootageHandleOptions) {
    this.#o = options;
    this.#setup = options.setup;
    const { clock, log, onLog } = options;
    this.#child = new SupervisedChild({
      name: 'footage',
      entry: ENTRY,
      clock,
      log,
      onLog,
      connect: (port) => this.#connect(port),
      onState: (state) => this.#onChildState(state),
      stopMs: STOP_MS,
      // Each operation on a disk that hangs keeps one.
      variables: { UV_THREADPOOL_SIZE: '16' },
      readyTimeoutMs: READY_MS,
      restart: RESTART,
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get restarts(): number {
    return this.#child.restarts;
  }

  /** Why it cannot work, as it said; undefined: it can. */
  get failure(): string | undefined {
    return this.counters === undefined ? this.#failure : undefined;
  }

  start(): void {
    this.#child.start();
    this.#watch = every(this.#o.clock, WATCH_MS, () => this.#look());
  }

  async stop(): Promise<void> {
    this.#watch?.cancel();
    await this.#child.stop();
    // One that was killed leaves its socket behind.
    rmSync(this.#setup.socketPath, { force: true });
  }

  /** Other limits, now and for a process that starts later. */
  limit(limits: FootageLimits): void {
    this.#setup = { ...this.#setup, ...limits };
    this.#link?.request('retention', limits, { deadlineMs: ASK_MS }).catch((error: unknown) => {
      this.#o.log.warn(`footage: ${String(error)}`);
    });
  }

  written(camera: string, path: string, closed: boolean): void {
    this.#link?.notify('written', { camera, path, closed });
  }

  gap(camera: string, sinceMs: number, reason: GapReason): void {
    this.#link?.notify('gap', { camera, sinceMs, reason });
  }

  /** What lies between these wall times is footage of an event. */
  mark(camera: string, fromMs: number, toMs: number): void {
    this.#link?.notify('mark', { camera, fromMs, toMs });
  }

  /** @throws VigiaError `no_answer` while there is no process, or when it does not answer. */
  spans(ask: SpansAsk): Promise<SpansReply> {
    return this.#connected().request('spans', ask, { deadlineMs: ASK_MS });
  }

  /** @throws VigiaError */
  rebuild(): Promise<RebuildReply> {
    return this.#connected().request('rebuild', null, { deadlineMs: REBUILD_MS });
  }

  #connected(): Channel<NodeFootageWords, FootageWords> {
    if (this.#link && this.counters) return this.#link;
    throw new VigiaError(
      'no_answer',
      `the index of recordings is not ready${this.#failure ? `: ${this.#failure}` : ''}`,
    );
  }

  #connect(port: ChannelPort): Channel<NodeFootageWords, FootageWords> {
    const { clock, log, onRoom } = this.#o;
    const link = new Channel<NodeFootageWords, FootageWords>({
      peer: 'footage',
      port,
      clock,
      speaks: NODE_FOOTAGE_WORDS,
      hears: FOOTAGE_WORDS,
      handlers: {
        requests: {},
        notices: {
          room: onRoom,
          counters: (counters) => {
            this.#silentTicks = 0;
            this.#failure = undefined;
            this.counters = counters;
          },
        },
      },
      onProblem: (problem) => log.warn(problem.message),
    });
    this.#link = link;
    link.request('setup', this.#setup, { deadlineMs: READY_MS }).catch((error: unknown) => {
      this.#failure = error instanceof Error ? error.message : String(error);
    });
    return link;
  }

  #look(): void {
    if (this.#child.pid === undefined || this.counters === undefined) return;
    this.#silentTicks += 1;
    if (this.#silentTicks < SILENT_TICKS) return;
    this.#silentTicks = 0;
    this.#o.log.warn(`footage has said nothing for ${SILENT_TICKS} s, killed`);
    this.#child.kill();
  }

  #onChildState(child: ChildState): void {
    if (child.state === 'starting') this.#silentTicks = 0;
    if (child.state !== 'waiting') return;
    this.counters = undefined;
    this.#failure ??= `its process ${child.reason}`;
  }
}
