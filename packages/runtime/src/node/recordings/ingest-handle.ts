import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import type { Clock, Log, LogRecord, StartGate } from '@vigia/base';
import { ingestMemoryLimit } from '#node/plan';
import type { GapReason, RecorderState, RecordRoom, Written } from '#core/footage';
import {
  INGEST_WORDS,
  type IngestCounters,
  type IngestSetup,
  type IngestWords,
  NODE_TO_INGEST_WORDS,
  type NodeToIngestWords,
} from '#core/ingest-link';
import { WatchedChild } from '#node/children';

const ENTRY = fileURLToPath(new URL('../../ingest/ingest-process.js', import.meta.url));
const READY_MS = 10_000;
/** What waits is written, and its fragment synced. */
const STOP_MS = 1_000;
/** It sends counters twice a second, and counts as hung after so many seconds without any. */
const SILENT_TICKS = 10;

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
  readonly gate: StartGate;
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
  readonly #child: WatchedChild<NodeToIngestWords, IngestWords>;
  #room: RecordRoom | undefined;
  #stopped = false;
  /** Of processes that have ended. */
  #before: IngestCounters = NO_COUNTERS;
  #last: IngestCounters = NO_COUNTERS;
  state: RecorderState = { state: 'waiting', reason: null, message: null };

  constructor(options: IngestHandleOptions) {
    this.#o = options;
    this.#setup = options.setup;
    const { setup, boot, clock, gate, log, onLog, onWritten, onGap } = options;
    this.#child = new WatchedChild({
      name: `ingest:${this.camera}`,
      entry: ENTRY,
      clock,
      gate,
      log,
      onLog,
      socketPath: setup.socketPath,
      speaks: NODE_TO_INGEST_WORDS,
      hears: INGEST_WORDS,
      handlers: {
        requests: {},
        notices: {
          recorder: (state) => this.#put(state),
          written: onWritten,
          gap: ({ sinceMs, reason }) => onGap(sinceMs, reason),
          counters: (counters) => {
            this.#child.heard();
            this.#last = counters;
          },
        },
      },
      setUp: async (link, deadlineMs) => {
        await link.request('setup', { setup: this.#setup, boot }, { deadlineMs });
        if (this.#room) link.notify('room', this.#room);
      },
      readyMs: READY_MS,
      stopMs: STOP_MS,
      silentTicks: SILENT_TICKS,
      memoryLimit: () => ingestMemoryLimit(this.#setup),
      onEnd: (ended, failure) => this.#onEnd(failure ?? `the process that records it ${ended}`),
    });
  }

  get setup(): IngestSetup {
    return this.#setup;
  }

  /** Takes settings over for which no other connection is needed. @returns whether these are such. */
  adopt(setup: IngestSetup): boolean {
    if (!isDeepStrictEqual({ ...setup, policy: this.#setup.policy }, this.#setup)) return false;
    this.#setup = setup;
    this.#child.link?.notify('policy', setup.policy);
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
  }

  stop(): Promise<void> {
    this.#stopped = true;
    return this.#child.stop();
  }

  /** Where it may write; also for a process that starts later. */
  room(room: RecordRoom): void {
    this.#room = room;
    this.#child.link?.notify('room', room);
  }

  /** Something happened between these wall times. */
  mark(fromMs: number, toMs: number): void {
    this.#child.link?.notify('mark', { fromMs, toMs });
  }

  /** Another connection to the camera is made. */
  reconnect(message: string): void {
    this.#child.link?.notify('reconnect', { message });
  }

  #onEnd(message: string): void {
    this.#before = { ...this.counters, ringBytes: 0, readers: 0 };
    this.#last = NO_COUNTERS;
    this.#o.onGap(this.#o.clock.wallMs(), 'node_down');
    this.#put({ state: 'paused', reason: 'node_down', message });
  }

  #put(state: RecorderState): void {
    if (this.#stopped) return;
    this.state = state;
    this.#o.onState(state);
  }
}
