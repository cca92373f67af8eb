import { type Clock, every, type Log, type Timer } from '@vigia/base';
import type { NodeItem } from '@vigia/contracts';
import type { PlannedMarks } from '#node/plan';
import type { ResultsNotice } from '#core/footage-link';
import { CameraResults } from './camera-results.ts';

/** Options of {@link ResultLog}. */
export interface ResultLogOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Undefined for a camera that is not recorded. */
  readonly marksOf: (camera: string) => Pick<PlannedMarks, 'mode' | 'beforeMs'> | undefined;
  /** Passes results on. False: not now. */
  readonly send: (results: ResultsNotice) => boolean;
}

const FLUSH_MS = 1_000;
/** A loss is said again after so long, milliseconds. */
const SAY_MS = 60_000;

/**
 * Hears the node's stream and keeps the results of recorded cameras beside their footage: everything, or what is marked as an
 * event. It never waits; what cannot be passed on in time is dropped and counted.
 */
export class ResultLog {
  readonly #o: ResultLogOptions;
  readonly #cameras = new Map<string, CameraResults>();
  #timer: Timer | undefined;
  #lost = 0;
  #saidLost = 0;
  #saidMs = Number.NEGATIVE_INFINITY;

  constructor(options: ResultLogOptions) {
    this.#o = options;
  }

  /** Results that should have been kept since the start, and were not. */
  get lost(): number {
    return this.#lost;
  }

  /** Sends once a second from now on. Idempotent. */
  start(): void {
    this.#timer ??= every(this.#o.clock, FLUSH_MS, () => this.#flush(), { unref: true });
  }

  /** Sends what waits, and stops. Idempotent. */
  close(): void {
    this.#timer?.cancel();
    this.#flush();
  }

  /** An item of the node's stream. */
  readonly handle = (item: NodeItem): void => {
    if (item.type !== 'result') return;
    const { result } = item;
    const marks = this.#o.marksOf(result.camera);
    if (!marks) return;
    const beforeMs = marks.mode === 'on_event' ? marks.beforeMs : undefined;
    this.#camera(result.camera).add(result, beforeMs, this.#o.clock.nowMs());
  };

  /** Marks results between two wall-clock times as belonging to an event. */
  mark(camera: string, fromMs: number, toMs: number): void {
    if (this.#o.marksOf(camera)?.mode === 'on_event') this.#camera(camera).mark(fromMs, toMs);
  }

  /** Others could not keep so many results. */
  lose(count: number): void {
    this.#lost += count;
  }

  #camera(id: string): CameraResults {
    const known = this.#cameras.get(id) ?? new CameraResults(id);
    this.#cameras.set(id, known);
    return known;
  }

  #flush(): void {
    const { clock, send, marksOf } = this.#o;
    for (const [id, camera] of this.#cameras) {
      camera.flush(send, clock.nowMs(), clock.wallMs());
      this.#lost += camera.takeLost();
      if (camera.isIdle && !marksOf(id)) this.#cameras.delete(id);
    }
    this.#sayLost();
  }

  #sayLost(): void {
    const nowMs = this.#o.clock.nowMs();
    if (this.#lost === this.#saidLost || nowMs - this.#saidMs < SAY_MS) return;
    this.#o.log.warn(`${this.#lost - this.#saidLost} results could not be kept beside recordings`);
    this.#saidLost = this.#lost;
    this.#saidMs = nowMs;
  }
}
