import { type Clock, VigiaError } from '@vigia/base';
import type { WorkerFormat, WorkerResult } from '@vigia/contracts';
import { type Answer, errorMessage, resultMessage } from './answer-message.ts';
import type { FrameFacts, LentFrame } from './host-link.ts';
import type { Plane } from './planes.ts';

/**
 * A picture that the host lent, to be answered exactly once: by `result` or by `error`. After the answer it is given back;
 * whatever needs the pixels throws VigiaError `frame_answered` then, as a second answer does.
 */
export class Frame implements FrameFacts {
  readonly cameraId: string;
  readonly seq: number;
  readonly capturedAt: Date;
  readonly capturedMonotonicNs: bigint;
  readonly sentAgeMs: number;
  readonly ptsUs: number;
  readonly width: number;
  readonly height: number;
  readonly format: WorkerFormat;
  readonly planes: readonly Plane[];
  readonly #lent: LentFrame;
  readonly #send: (message: WorkerResult) => void;
  readonly #clock: Clock;
  #answered = false;

  /** Made by the loop. @param send Sends to the host, or throws and has not. */
  constructor(lent: LentFrame, send: (message: WorkerResult) => void, clock: Clock) {
    const { facts } = lent;
    this.cameraId = facts.cameraId;
    this.seq = facts.seq;
    this.capturedAt = facts.capturedAt;
    this.capturedMonotonicNs = facts.capturedMonotonicNs;
    this.sentAgeMs = facts.sentAgeMs;
    this.ptsUs = facts.ptsUs;
    this.width = facts.width;
    this.height = facts.height;
    this.format = facts.format;
    this.planes = facts.planes;
    this.#lent = lent;
    this.#send = send;
    this.#clock = clock;
  }

  /** Its age now, in milliseconds. */
  get ageMs(): number {
    return this.#clock.nowMs() - Number(this.capturedMonotonicNs) / 1e6;
  }

  get answered(): boolean {
    return this.#answered;
  }

  /**
   * The pixels themselves, not a copy; of JPEG the compressed picture. In shared memory they cannot be written: the attempt
   * kills the process, and in a thread it spoils the picture for others.
   *
   * @throws VigiaError `frame_answered`.
   */
  get pixels(): Uint8Array {
    this.#check('its pixels are gone');
    return this.#lent.pixels;
  }

  /**
   * Whether all that was read from `pixels` so far belongs to this frame. The host leaves the frame alone until the answer,
   * so false means that the host is gone, or broken.
   *
   * @throws VigiaError `frame_answered`.
   */
  whole(): boolean {
    this.#check('its pixels are gone');
    return this.#lent.whole();
  }

  /**
   * Answers with what was found. Without detections: nothing was.
   *
   * @returns False when the frame was not `whole` any more: what was found is worthless, and the answer that went out is
   *   the error `frame_changed`.
   * @throws VigiaError `bad_result` naming what the host would refuse; the frame is still to be answered then.
   *   `frame_answered`.
   */
  result(answer: Answer = {}): boolean {
    this.#check('one answer is allowed');
    const message = resultMessage(this.seq, answer);
    const whole = this.#lent.whole();
    this.#answer(whole ? message : errorMessage(this.seq, 'the pixels changed while they were used', 'frame_changed'));
    return whole;
  }

  /**
   * Answers that there is no result.
   *
   * @param message At most 4096 characters of it are sent.
   * @param code For programs, at most 64 characters. Default `worker_error`.
   * @throws VigiaError `frame_answered`.
   */
  error(message: string, code?: string): void {
    this.#check('one answer is allowed');
    this.#answer(errorMessage(this.seq, message, code));
  }

  /** The answer leaves before the frame is given back: hosts rely on that order. */
  #answer(message: WorkerResult): void {
    this.#send(message);
    this.#answered = true;
    this.#lent.release();
  }

  #check(what: string): void {
    if (this.#answered) throw new VigiaError('frame_answered', `frame ${this.seq} was answered: ${what}`);
  }
}
