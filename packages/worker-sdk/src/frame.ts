import { type Clock, VigiaError } from '@vigia/base';
import type { WorkerFormat, WorkerResult } from '@vigia/contracts';
import { type Answer, errorMessage, resultMessage } from './answer-message.ts';
import type { FrameFacts, LentFrame } from './host-link.ts';
import type { Plane } from './planes.ts';

/**
 * A frame lent by the host, to be answered exactly once: by `result` or by `error`. The answer gives it back;
 * afterwards every access to pixels, and a second answer, throws VigiaError `frame_answered`.
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

  /** Made by the loop. @param send Sends to the host; throws if it has not. */
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

  /** Its current age, in milliseconds. */
  get ageMs(): number {
    return this.#clock.nowMs() - Number(this.capturedMonotonicNs) / 1e6;
  }

  get answered(): boolean {
    return this.#answered;
  }

  /**
   * The pixels themselves, not a copy; for JPEG the compressed image. Do not write to them: in shared memory a write
   * kills the process, in a thread it corrupts the frame for others.
   *
   * @throws VigiaError `frame_answered`.
   */
  get pixels(): Uint8Array {
    this.#check('its pixels are gone');
    return this.#lent.pixels;
  }

  /**
   * Whether everything read from `pixels` so far belongs to this frame. The host leaves the frame untouched until the
   * answer, so false means that the host has died or misbehaves.
   *
   * @throws VigiaError `frame_answered`.
   */
  whole(): boolean {
    this.#check('its pixels are gone');
    return this.#lent.whole();
  }

  /**
   * Answers with findings. Without detections: nothing was found.
   *
   * @returns False when the frame was no longer `whole`: the findings are worthless, and the error `frame_changed` was
   *   sent instead.
   * @throws VigiaError `bad_result` naming the field that the host would refuse (the frame still has to be answered
   *   then); `frame_answered`.
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
   * @param message Its first 4096 characters are sent.
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
