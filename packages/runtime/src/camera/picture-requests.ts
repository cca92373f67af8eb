import { type Clock, VigiaError } from '@vigia/base';

/** A caller that waits for a JPEG. */
export interface PictureRequest {
  readonly resolve: (jpeg: Uint8Array) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * How long an annotated picture waits for a result before it is sent without boxes: as long as the slowest consumer may
 * take, within these limits. A picture without boxes may wait until the next keyframe. Milliseconds.
 */
const WAIT_MS = { least: 3_000, most: 5_000 };
/** Requests that may wait. */
const LIMIT = 16;

/** Callers that wait for a picture with boxes, and callers that wait for the next picture. */
export class PictureRequests {
  readonly #clock: Clock;
  readonly #annotatedWaitMs: number;
  #annotated = new Set<PictureRequest>();
  #bare = new Set<PictureRequest>();

  /** @param deadlinesMs How long each consumer of the camera may take. */
  constructor(clock: Clock, deadlinesMs: readonly number[]) {
    this.#clock = clock;
    this.#annotatedWaitMs = Math.min(WAIT_MS.most, Math.max(WAIT_MS.least, ...deadlinesMs));
  }

  /** The number of callers that wait for the next picture. */
  get bare(): number {
    return this.#bare.size;
  }

  /** Whether a request for a picture with its result waits. */
  get wantsAnnotated(): boolean {
    return this.#annotated.size > 0;
  }

  /**
   * Resolves with a JPEG of the picture of the next ok result, or, when there is none soon, of the next picture.
   *
   * @param signal Ends the wait.
   */
  add(annotated: boolean, signal: AbortSignal): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (this.#annotated.size + this.#bare.size >= LIMIT) {
        reject(new VigiaError('picture_failed', `${LIMIT} pictures are asked for already`));
        return;
      }
      const request = { resolve, reject };
      signal.addEventListener('abort', () => this.#forget(request, signal.reason), { once: true });
      if (!annotated) {
        this.#bare.add(request);
        return;
      }
      this.#annotated.add(request);
      this.#clock.after(this.#annotatedWaitMs, () => {
        if (this.#annotated.delete(request)) this.#bare.add(request);
      });
    });
  }

  /** Removes and returns the callers that wait for the next picture. */
  takeBare(): readonly PictureRequest[] {
    const taken = [...this.#bare];
    this.#bare = new Set();
    return taken;
  }

  /** Removes and returns the callers that wait for a picture with its result. */
  takeAnnotated(): readonly PictureRequest[] {
    const taken = [...this.#annotated];
    this.#annotated = new Set();
    return taken;
  }

  #forget(request: PictureRequest, reason: unknown): void {
    this.#annotated.delete(request);
    this.#bare.delete(request);
    request.reject(reason);
  }
}
