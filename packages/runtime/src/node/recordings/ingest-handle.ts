import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
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
} from '@vigia/base';
import { ingestMemoryLimit } from '#node/plan';
import { anonymousBytesOf } from '#core/memory';
import { formatBytes } from '#core/terminal';
import type { GapReason, RecorderState, RecordRoom, Written } from '#core/footage';
import {
  INGEST_WORDS,
  type IngestCounters,
  type IngestSetup,
  type IngestWords,
  NODE_TO_INGEST_WORDS,
  type NodeToIngestWords,
} from '#core/ingest-link';

const ENTRY = fileURLToPath(new URL('../../ingest/ingest-process.js', import.meta.url));
const READY_MS = 10_000;
const RESTART = { firstMs: 100, maxMs: 10_000 };
/** What waits is written, and its fragment synced. */
const STOP_MS = 1_000;
const WATCH_MS = 1_000;
/** It sends counters twice a second, and counts as hung after so many seconds without any. */
const SILENT_TICKS = 10;
/** Looks in a row above its limit. */
const LARGE_TICKS = 3;

const NO_COUNTERS: IngestCounters = {
  segments: 0,
  bytes: 0,
  units: 0,
  lostMs: 0,
  ringBytes: 0,
  captured: 0,
  reconnects: 0,
  lostPackets: 0,
  readers: 0,
};

/** Options of {@link IngestHandle}. */
export interface IngestHandleOptions {
  readonly setup: IngestSetup;
  readonly boot: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly onLog: (record: LogRecord) => void;
  readonly onState: (state: RecorderState) => void;
  readonly onWritten: (written: Written) => void;
  readonly onGap: (sinceMs: number, reason: GapReason) => void;
}

/** The supervisor's side of one ingest process: owns the child, which it restarts when it dies. */
export class IngestHandle {
  #setup: IngestSetup;
  readonly #o: IngestHandleOptions;
  readonly #child: SupervisedChild;
  #link: Channel<NodeToIngestWords, IngestWords> | undefined;
  #room: RecordRoom | undefined;
  #watch: Timer | undefined;
  #silentTicks = 0;
  #largeTicks = 0;
  #failure: string | undefined;
  #stopped = false;
  /** Of processes that have ended. */
  #before: IngestCounters = NO_COUNTERS;
  #last: IngestCounters = NO_COUNTERS;
  state: RecorderState = { state: 'waiting', reason: null, message: null };

  constructor(options: IngestHandleOptions) {
    this.#o = options;
    this.#setup = options.setup;
    const { clock, log, onLog } = options;
    this.#child = new SupervisedChild({
      name: `ingest:${this.setup.camera}`,
      entry: ENTRY,
      clock,
      log,
      onLog,
      connect: (port) => this.#connect(port),
      onState: (state) => this.#onChildState(state),
      stopMs: STOP_MS,
      readyTimeoutMs: READY_MS,
      restart: RESTART,
    });
  }

  get setup(): IngestSetup {
    return this.#setup;
  }

  /** Takes settings over for which no other connection is needed. @returns whether these are such. */
  adopt(setup: IngestSetup): boolean {
    if (!isDeepStrictEqual({ ...setup, policy: this.#setup.policy }, this.#setup)) return false;
    this.#setup = setup;
    this.#link?.notify('policy', setup.policy);
    return true;
  }

  get camera(): string {
    return this.setup.camera;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get restarts(): number {
    return this.#child.restarts;
  }

  /** Of all its processes; what is a level is that of the present one. */
  get counters(): IngestCounters {
    const [a, b] = [this.#before, this.#last];
    const sums = Object.fromEntries(
      (['segments', 'bytes', 'units', 'lostMs', 'captured', 'reconnects', 'lostPackets'] as const).map((key) => [
        key,
        a[key] + b[key],
      ]),
    );
    return { ...b, ...sums };
  }

  start(): void {
    this.#child.start();
    this.#watch = every(this.#o.clock, WATCH_MS, () => this.#look());
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#watch?.cancel();
    await this.#child.stop();
    // One that was killed leaves its socket behind.
    rmSync(this.#setup.socketPath, { force: true });
  }

  /** Where it may write; also for a process that starts later. */
  room(room: RecordRoom): void {
    this.#room = room;
    this.#link?.notify('room', room);
  }

  /** Something happened between these wall times. */
  mark(fromMs: number, toMs: number): void {
    this.#link?.notify('mark', { fromMs, toMs });
  }

  /** Another connection to the camera is made. */
  reconnect(message: string): void {
    this.#link?.notify('reconnect', { message });
  }

  #connect(port: ChannelPort): Channel<NodeToIngestWords, IngestWords> {
    const { clock, boot, log } = this.#o;
    const link = new Channel<NodeToIngestWords, IngestWords>({
      peer: `ingest ${this.camera}`,
      port,
      clock,
      speaks: NODE_TO_INGEST_WORDS,
      hears: INGEST_WORDS,
      handlers: {
        requests: {},
        notices: {
          recorder: (state) => this.#put(state),
          written: this.#o.onWritten,
          gap: ({ sinceMs, reason }) => this.#o.onGap(sinceMs, reason),
          counters: (counters) => {
            this.#silentTicks = 0;
            this.#last = counters;
          },
          failing: ({ message }) => {
            this.#failure = message;
          },
        },
      },
      onProblem: (problem) => log.warn(problem.message),
    });
    this.#link = link;
    link.request('setup', { setup: this.setup, boot }, { deadlineMs: READY_MS }).then(
      () => this.#room && link.notify('room', this.#room),
      // Its end follows, with the reason.
      () => undefined,
    );
    return link;
  }

  /** Counts ticks, not time: a supervisor that was itself suspended kills nothing. */
  #look(): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    this.#weigh(pid);
    this.#silentTicks += 1;
    if (this.#silentTicks < SILENT_TICKS) return;
    this.#silentTicks = 0;
    this.#o.log.warn(`ingest:${this.camera} has said nothing for ${SILENT_TICKS} s, killed`);
    this.#child.kill();
  }

  /** What a camera sends is bounded before it is allocated; this holds when a library leaks. */
  #weigh(pid: number): void {
    const limit = ingestMemoryLimit(this.#setup);
    const bytes = anonymousBytesOf([pid]);
    this.#largeTicks = bytes > limit ? this.#largeTicks + 1 : 0;
    if (this.#largeTicks < LARGE_TICKS) return;
    this.#largeTicks = 0;
    const why = `uses ${formatBytes(bytes)} of memory, ${formatBytes(limit)} are allowed`;
    this.#failure = `the process that records it ${why}`;
    this.#o.log.warn(`ingest:${this.camera} ${why}, killed`);
    this.#child.kill();
  }

  #onChildState(child: ChildState): void {
    if (child.state === 'starting') this.#silentTicks = 0;
    if (child.state !== 'waiting') return;
    this.#before = { ...this.counters, ringBytes: 0, readers: 0 };
    this.#last = NO_COUNTERS;
    const message = this.#failure ?? `the process that records it ${child.reason}`;
    this.#failure = undefined;
    this.#put({ state: 'paused', reason: 'node_down', message });
  }

  #put(state: RecorderState): void {
    if (this.#stopped) return;
    this.state = state;
    this.#o.onState(state);
  }
}
