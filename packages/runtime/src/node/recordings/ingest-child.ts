import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Channel, type Clock, type Log, type LogRecord, messageOf, type StartGate } from '@vigia/base';
import { ingestMemoryLimit } from '#node/plan';
import type { RecordRoom } from '#core/footage';
import {
  INGEST_WORDS,
  type IngestSetup,
  type IngestWords,
  NODE_TO_INGEST_WORDS,
  type NodeToIngestWords,
} from '#core/ingest-link';
import { WatchedChild } from '#node/children';
import { type RecorderEvents, IngestHandle, type IngestLink } from './ingest-handle.ts';

const ENTRY = fileURLToPath(new URL('../../ingest/ingest-process.js', import.meta.url));
const READY_MS = 10_000;
/** What waits is written, and its fragment synced. */
const STOP_MS = 1_000;
/** A camera that leaves may wait so long for a slow disk: a kill would interrupt those that stay. */
const CLOSE_MS = 5_000;
/** It sends counters twice a second, and counts as hung after so many seconds without any. */
const SILENT_TICKS = 10;
/** Threads of libuv, of which an ingest process uses one per camera that writes or looks a name up. */
const LEAST_THREADS = 4;

/** Options of {@link IngestChild}. */
export interface IngestChildOptions {
  /** `ingest:1`. */
  readonly name: string;
  readonly boot: string;
  /** Of cameras that it will have. */
  readonly most: number;
  readonly clock: Clock;
  readonly gate: StartGate;
  readonly log: Log;
  readonly onLog: (record: LogRecord) => void;
}

/** The supervisor's side of one ingest process, which holds the connections of several recorded cameras. */
export class IngestChild implements IngestLink {
  readonly #o: IngestChildOptions;
  readonly #child: WatchedChild<NodeToIngestWords, IngestWords>;
  readonly #handles = new Map<string, IngestHandle>();
  #room: RecordRoom | undefined;
  link: Channel<NodeToIngestWords, IngestWords> | undefined;

  constructor(options: IngestChildOptions) {
    this.#o = options;
    const { name, most, clock, gate, log, onLog } = options;
    this.#child = new WatchedChild({
      name,
      entry: ENTRY,
      clock,
      gate,
      log,
      onLog,
      variables: { UV_THREADPOOL_SIZE: String(Math.max(LEAST_THREADS, 2 * most)) },
      speaks: NODE_TO_INGEST_WORDS,
      hears: INGEST_WORDS,
      handlers: {
        requests: {},
        notices: {
          recorder: ({ camera, state }) => this.#handles.get(camera)?.put(state),
          written: ({ camera, written }) => this.#handles.get(camera)?.from.onWritten(written),
          gap: ({ camera, sinceMs, reason }) => this.#handles.get(camera)?.from.onGap(sinceMs, reason),
          counters: (counters) => {
            this.#child.heard();
            for (const [camera, one] of Object.entries(counters)) this.#handles.get(camera)?.count(one);
          },
        },
      },
      setUp: (link, deadlineMs) => this.#setUp(link, deadlineMs),
      readyMs: READY_MS,
      stopMs: STOP_MS,
      silentTicks: SILENT_TICKS,
      memoryLimit: () => ingestMemoryLimit(this.#setups),
      onEnd: (ended, failure) => this.#onEnd(failure ?? `the process that records it ${ended}`),
    });
  }

  get name(): string {
    return this.#o.name;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Cameras that it holds. */
  get size(): number {
    return this.#handles.size;
  }

  get #setups(): IngestSetup[] {
    return [...this.#handles.values()].map(({ setup }) => setup);
  }

  /** Starts the process; returns at once. */
  start(): void {
    this.#child.start();
  }

  /** Takes a camera in. */
  add(setup: IngestSetup, from: RecorderEvents): IngestHandle {
    const handle = new IngestHandle(setup, this, from);
    this.#handles.set(setup.camera, handle);
    const { link } = this;
    link?.request('open', setup, { deadlineMs: READY_MS }).catch((error: unknown) => {
      // Its successor begins with all cameras.
      if (this.link === link) this.#child.kill(`did not begin with camera ${setup.camera}: ${messageOf(error)}`);
    });
    return handle;
  }

  /** Lets a camera go. Resolves when its connection has ended; with the last camera, the process has. */
  async remove(handle: IngestHandle): Promise<void> {
    const { camera, setup } = handle;
    const { link } = this;
    handle.silence();
    // A process that starts meanwhile does not get it.
    this.#handles.delete(camera);
    if (this.#handles.size === 0) await this.#child.stop();
    else
      await link?.request('close', { camera }, { deadlineMs: CLOSE_MS }).catch((error: unknown) => {
        // One that does not let go still records it, beside its successor. With its last camera it ends anyway.
        if (this.link === link && this.#handles.size > 0)
          this.#child.kill(`did not let camera ${camera} go: ${messageOf(error)}`);
      });
    rmSync(setup.socketPath, { force: true });
  }

  /** Ends the process; what waits is written. */
  async stop(): Promise<void> {
    for (const handle of this.#handles.values()) handle.silence();
    await this.#child.stop();
    for (const { socketPath } of this.#setups) rmSync(socketPath, { force: true });
  }

  /** Where it may write; also for a process that starts later. */
  room(room: RecordRoom): void {
    this.#room = room;
    this.link?.notify('room', room);
  }

  async #setUp(link: Channel<NodeToIngestWords, IngestWords>, deadlineMs: number): Promise<void> {
    const answer = link.request('setup', { cameras: this.#setups, boot: this.#o.boot }, { deadlineMs });
    // What is said from now on comes after its setup.
    this.link = link;
    if (this.#room) link.notify('room', this.#room);
    await answer;
  }

  #onEnd(message: string): void {
    this.link = undefined;
    const atMs = this.#o.clock.wallMs();
    for (const handle of this.#handles.values()) handle.ended(message, atMs);
  }
}
