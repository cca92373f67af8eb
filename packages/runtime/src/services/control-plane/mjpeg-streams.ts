import { readFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { fileURLToPath } from 'node:url';
import { type Clock, codeOf, sleep, takenBytes, VigiaError } from '@vigia/base';

/** Streams that may be open at the same time: each picture is encoded for each of them. */
const STREAMS = 16;
/** After so long without a picture a viewer is shown that there is none, and between two tries. Milliseconds. */
const NONE_MS = 3_000;
const RETRY_MS = 1_000;
/** What a viewer has not taken makes the next picture wait: looked at so often, and so long. Milliseconds. */
const LOOK_MS = 50;
const STUCK_MS = 30_000;
/** Why a stream ends: a viewer who asks again gets the answer. */
const FINAL = new Set(['not_logged_in', 'forbidden', 'not_found']);
const BOUNDARY = 'picture';
const NO_PICTURE = fileURLToPath(new URL('../../../assets/no-picture.jpg', import.meta.url));

/** Options of {@link MjpegStreams.serve}. */
export interface MjpegWish {
  /** Asks for the next picture, with the rights that its viewer has then. */
  readonly picture: () => Promise<Uint8Array>;
  /** Pictures a second, at most. */
  readonly fps: number;
}

/**
 * Pictures as `multipart/x-mixed-replace` (RFC 2046), for screens that show nothing else. A viewer who reads slowly gets fewer
 * pictures, and never an old one.
 */
export class MjpegStreams {
  readonly #clock: Clock;
  #open = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * The first picture; then {@link serve} has something to show, and must be called. The stream counts as open from now on.
   *
   * @throws VigiaError `busy` when no further stream fits, and what `picture` throws: then it is not open.
   */
  async first({ picture }: MjpegWish): Promise<Uint8Array> {
    if (this.#open >= STREAMS)
      throw new VigiaError('busy', `${STREAMS} streams of pictures are open; more are not served`);
    this.#open += 1;
    try {
      return await picture();
    } catch (error) {
      this.#open -= 1;
      throw error;
    }
  }

  /** Serves a viewer until one end closes. @param response Belongs to this from now on. */
  async serve(response: ServerResponse, first: Uint8Array, wish: MjpegWish): Promise<void> {
    const gone = new AbortController();
    response.on('error', () => response.destroy());
    response.once('close', () => gone.abort());
    // A viewer who left while the first picture was made closes only once.
    if (response.closed || response.destroyed) gone.abort();
    else {
      response.writeHead(200, {
        'content-type': `multipart/x-mixed-replace; boundary=${BOUNDARY}`,
        'cache-control': 'no-store',
        connection: 'close',
      });
      response.write(`--${BOUNDARY}\r\n`);
    }
    await this.#run(response, gone.signal, first, wish).catch(() => undefined);
    this.#open -= 1;
    response.end();
  }

  /** @throws the signal's reason. */
  async #run(response: ServerResponse, signal: AbortSignal, first: Uint8Array, wish: MjpegWish): Promise<void> {
    let jpeg: Uint8Array | undefined = first;
    let shownMs = this.#clock.nowMs();
    let isEmpty = false;
    while (!signal.aborted) {
      const beganMs = this.#clock.nowMs();
      if (jpeg) {
        await this.#write(response, jpeg, signal);
        shownMs = beganMs;
        isEmpty = false;
      } else if (!isEmpty && beganMs - shownMs >= NONE_MS) {
        // What is on the screen would be taken for the present.
        await this.#write(response, await readFile(NO_PICTURE), signal);
        isEmpty = true;
      }
      const waitMs = beganMs + (jpeg ? 1_000 / wish.fps : RETRY_MS) - this.#clock.nowMs();
      if (waitMs > 0) await sleep(this.#clock, waitMs, signal);
      jpeg = await wish.picture().catch((error: unknown) => {
        if (FINAL.has(codeOf(error) ?? '')) throw error;
        return undefined;
      });
    }
  }

  /**
   * Resolves when the viewer's machine has all of it. Megabytes may wait in the kernel: those would be old pictures. With TLS
   * the kernel cannot be asked.
   *
   * @throws the signal's reason; Error for a viewer who takes nothing.
   */
  async #write(response: ServerResponse, jpeg: Uint8Array, signal: AbortSignal): Promise<void> {
    response.write(`Content-Type: image/jpeg\r\nContent-Length: ${jpeg.byteLength}\r\n\r\n`);
    response.write(jpeg);
    // With the next boundary: some browsers show a picture only when they have it.
    response.write(`\r\n--${BOUNDARY}\r\n`);
    const { socket } = response;
    const untilMs = this.#clock.nowMs() + STUCK_MS;
    if (!socket) return;
    const waits = (): boolean =>
      response.writableNeedDrain || (takenBytes(socket) ?? socket.bytesWritten) < socket.bytesWritten;
    while (waits()) {
      if (this.#clock.nowMs() > untilMs) {
        // An end would wait for what it does not take.
        response.destroy();
        throw new Error('the viewer takes nothing');
      }
      await sleep(this.#clock, LOOK_MS, signal);
    }
  }
}
