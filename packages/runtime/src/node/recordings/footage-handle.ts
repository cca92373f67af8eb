import { fileURLToPath } from 'node:url';
import { type Channel, type Clock, type Log, type LogRecord, type StartGate, VigiaError } from '@vigia/base';
import type { GapReason } from '#core/footage';
import {
  type EventsAsk,
  type EventsReply,
  FOOTAGE_WORDS,
  type FootageCounters,
  type FootageLimits,
  type FootageSetup,
  type FootageWords,
  type MarkNotice,
  NODE_FOOTAGE_WORDS,
  type NodeFootageWords,
  type RebuildReply,
  type ResultsNotice,
  type RoomNotice,
  type SpansAsk,
  type SpansReply,
  type UnmarkNotice,
} from '#core/footage-link';
import { WatchedChild } from '#node/children';

const ENTRY = fileURLToPath(new URL('../../footage/footage-process.js', import.meta.url));
/** A damaged index is made from the files again before it is ready. */
const READY_MS = 60_000;
const STOP_MS = 700;
/** A disk may hold it up for seconds. */
const SILENT_TICKS = 30;
const ASK_MS = 10_000;
const REBUILD_MS = 3_600_000;

/** Marks are said again to a process that was started within so long after them. Milliseconds. */
const TAKEN_MS = 3_000;
/** Results are not sent to a process that has counted nothing for so long: it may hang. Milliseconds. */
const HEARD_MS = 3_000;
/** Marks that wait for a process. Of more, the oldest are lost. */
const MARKS_LIMIT = 1_000;

interface Mark extends MarkNotice {
  /** When it was last said, monotonic milliseconds. */
  saidMs: number;
}

/** Options of {@link FootageHandle}. */
export interface FootageHandleOptions {
  readonly setup: FootageSetup;
  readonly clock: Clock;
  readonly gate: StartGate;
  readonly log: Log;
  readonly onLog: (record: LogRecord) => void;
  readonly onRoom: (room: RoomNotice) => void;
  /** Why it cannot work; undefined: it does again. Each once. */
  readonly onFailure: (failure: string | undefined) => void;
  /** So many further results could not be written. */
  readonly onLostResults: (count: number) => void;
  /** Stored events, for an export. @throws VigiaError `no_store` */
  readonly events: (ask: EventsAsk) => Promise<EventsReply>;
}

/** The supervisor's side of the footage process. Recording goes on without it. */
export class FootageHandle {
  readonly #o: FootageHandleOptions;
  readonly #child: WatchedChild<NodeFootageWords, FootageWords>;
  #setup: FootageSetup;
  #failure: string | undefined;
  /** When it counted last, monotonic milliseconds. */
  #countedMs = 0;
  /** Those that a process has not had for {@link TAKEN_MS}. */
  #marks: Mark[] = [];
  /** As of its last second; undefined while there is no process. */
  counters: FootageCounters | undefined;

  constructor(options: FootageHandleOptions) {
    this.#o = options;
    this.#setup = options.setup;
    const { setup, clock, gate, log, onLog, onRoom, onFailure, onLostResults, events } = options;
    this.#child = new WatchedChild({
      name: 'footage',
      entry: ENTRY,
      clock,
      gate,
      log,
      onLog,
      // Each operation on a disk that hangs keeps one.
      variables: { UV_THREADPOOL_SIZE: '16' },
      socketPath: setup.socketPath,
      speaks: NODE_FOOTAGE_WORDS,
      hears: FOOTAGE_WORDS,
      handlers: {
        requests: { events },
        notices: {
          room: onRoom,
          counters: (counters) => {
            this.#child.heard();
            if (this.#failure !== undefined) onFailure(undefined);
            this.#failure = undefined;
            onLostResults(counters.lostResults - (this.counters?.lostResults ?? 0));
            this.counters = counters;
            this.#countedMs = clock.nowMs();
            this.#forgetTaken();
          },
        },
      },
      setUp: async (link, deadlineMs) => {
        await link.request('setup', this.#setup, { deadlineMs });
        for (const mark of this.#marks) this.#say(mark);
      },
      readyMs: READY_MS,
      stopMs: STOP_MS,
      silentTicks: SILENT_TICKS,
      onEnd: (ended, failure) => {
        this.counters = undefined;
        const isNew = this.#failure === undefined;
        this.#failure = failure ?? this.#failure ?? `its process ${ended}`;
        if (isNew) onFailure(this.#failure);
      },
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
  }

  stop(): Promise<void> {
    return this.#child.stop();
  }

  /** Other limits, now and for a process that starts later. */
  limit(limits: FootageLimits): void {
    this.#setup = { ...this.#setup, ...limits };
    this.#child.link?.request('retention', limits, { deadlineMs: ASK_MS }).catch((error: unknown) => {
      this.#o.log.warn(`footage: ${String(error)}`);
    });
  }

  written(camera: string, path: string, closed: boolean): void {
    this.#child.link?.notify('written', { camera, path, closed });
  }

  gap(camera: string, sinceMs: number, reason: GapReason): void {
    this.#child.link?.notify('gap', { camera, sinceMs, reason });
  }

  /** What lies between these wall times is footage of an event. Without a process it waits for the next one. */
  mark(notice: MarkNotice): void {
    const mark: Mark = { ...notice, saidMs: 0 };
    this.#marks.push(mark);
    if (this.#marks.length > MARKS_LIMIT) this.#marks.shift();
    this.#say(mark);
  }

  /** An alarm was none: what only it marked is of no event any more. Without a process it stays what it is. */
  unmark(notice: UnmarkNotice): void {
    const { camera, alarm } = notice;
    this.#marks = this.#marks.filter((mark) => mark.camera !== camera || mark.alarm !== alarm);
    this.#child.link?.notify('unmark', notice);
  }

  /** Results to be kept. @returns false when there is no process that takes them now. */
  results(results: ResultsNotice): boolean {
    if (!this.counters || this.#o.clock.nowMs() - this.#countedMs > HEARD_MS) return false;
    return this.#child.link?.notify('results', results) ?? false;
  }

  /** @throws VigiaError `no_answer` while there is no process, or when it does not answer. */
  spans(ask: SpansAsk): Promise<SpansReply> {
    return this.#connected().request('spans', ask, { deadlineMs: ASK_MS });
  }

  /** @throws VigiaError */
  rebuild(): Promise<RebuildReply> {
    return this.#connected().request('rebuild', null, { deadlineMs: REBUILD_MS });
  }

  #say(mark: Mark): void {
    const { saidMs: _, ...notice } = mark;
    mark.saidMs = this.#o.clock.nowMs();
    this.#child.link?.notify('mark', notice);
  }

  /** A process that counts has taken what was sent to it a while ago. */
  #forgetTaken(): void {
    const nowMs = this.#o.clock.nowMs();
    this.#marks = this.#marks.filter(({ saidMs }) => nowMs - saidMs < TAKEN_MS);
  }

  #connected(): Channel<NodeFootageWords, FootageWords> {
    if (this.#child.link && this.counters) return this.#child.link;
    throw new VigiaError(
      'no_answer',
      `the index of recordings is not ready${this.#failure ? `: ${this.#failure}` : ''}`,
    );
  }
}
