import { isDeepStrictEqual } from 'node:util';
import type { Channel } from '@vigia/base';
import type { GapReason, RecorderState, Written } from '#core/footage';
import type { IngestCounters, IngestSetup, IngestWords, NodeToIngestWords } from '#core/ingest-link';

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

/** What a recorder says of its camera. */
export interface RecorderEvents {
  readonly onState: (state: RecorderState) => void;
  readonly onWritten: (written: Written) => void;
  readonly onGap: (sinceMs: number, reason: GapReason) => void;
}

/** The process of a camera's connection, as its handle needs it. */
export interface IngestLink {
  readonly pid: number | undefined;
  /** To the process that has its setup; undefined: the next one gets it whole. */
  readonly link: Channel<NodeToIngestWords, IngestWords> | undefined;
}

/** The supervisor's side of one recorded camera's connection, over all processes that hold it one after the other. */
export class IngestHandle {
  #setup: IngestSetup;
  readonly from: RecorderEvents;
  readonly #process: IngestLink;
  #stopped = false;
  /** Of processes that have ended. */
  #before: IngestCounters = NO_COUNTERS;
  #last: IngestCounters = NO_COUNTERS;
  state: RecorderState = { state: 'waiting', reason: null, message: null };

  constructor(setup: IngestSetup, process: IngestLink, from: RecorderEvents) {
    this.#setup = setup;
    this.#process = process;
    this.from = from;
  }

  get setup(): IngestSetup {
    return this.#setup;
  }

  get camera(): string {
    return this.#setup.camera;
  }

  /** Of the process that has its connection, and perhaps those of others. */
  get pid(): number | undefined {
    return this.#process.pid;
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

  /** Takes settings over for which no other connection is needed. @returns whether these are such. */
  adopt(setup: IngestSetup): boolean {
    const { camera, policy } = setup;
    if (!isDeepStrictEqual({ ...setup, policy: this.#setup.policy }, this.#setup)) return false;
    this.#setup = setup;
    this.#process.link?.notify('policy', { camera, policy });
    return true;
  }

  /** Something happened between these wall times. */
  mark(fromMs: number, toMs: number): void {
    this.#process.link?.notify('mark', { camera: this.camera, fromMs, toMs });
  }

  /** Another connection to the camera is made. */
  reconnect(message: string): void {
    this.#process.link?.notify('reconnect', { camera: this.camera, message });
  }

  /** What its process counts. */
  count(counters: IngestCounters): void {
    this.#last = counters;
  }

  /** What its recorder does. */
  put(state: RecorderState): void {
    if (this.#stopped) return;
    this.state = state;
    this.from.onState(state);
  }

  /** Its process has ended at this wall time. @param message Why. */
  ended(message: string, atMs: number): void {
    this.#before = { ...this.counters, ringBytes: 0, readers: 0 };
    this.#last = NO_COUNTERS;
    this.from.onGap(atMs, 'node_down');
    this.put({ state: 'paused', reason: 'node_down', message });
  }

  /** Nothing is said of it any more. */
  silence(): void {
    this.#stopped = true;
  }
}
