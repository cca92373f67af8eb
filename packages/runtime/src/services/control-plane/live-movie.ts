import type { IncomingMessage } from 'node:http';
import { type Clock, FrameDecoder } from '@vigia/base';
import type { WebSocket } from 'ws';
import { MOVIE_MESSAGE, MOVIE_MESSAGE_LIMIT } from '#core/live-link';

/** A viewer who has not confirmed a message for so long gets no more pictures until a keyframe comes. Milliseconds. */
const LATE_MS = 1_500;
/** So does one for whom so much waits here. The kept pictures, 4 MiB at most, come at once. Bytes. */
const WAITING_BYTES = 6 * 1024 * 1024;
/** And is cut off after so long. */
const STUCK_MS = 30_000;
/** What a viewer says: how many messages it has had. */
const CONFIRMED = /^\d{1,15}$/;

/**
 * Passes a movie on to one viewer, until one end closes. The viewer confirms what it has had: although kernels,
 * TLS and proxies between may hold megabytes, no picture comes later than it can be taken. What cannot be sent in time is left out up
 * to a keyframe, and counted.
 *
 * @param response See `LiveSessions.movie`. It belongs to this from now on.
 */
export function serveMovie(socket: WebSocket, response: IncomingMessage, clock: Clock): void {
  const decoder = new FrameDecoder(MOVIE_MESSAGE_LIMIT);
  const pace = new Pace(clock);
  const send = (data: string | Buffer): void => {
    pace.sent();
    socket.send(data, () => undefined);
  };
  const take = (message: Buffer): void => {
    const kind = message[0];
    const content = message.subarray(1);
    if (pace.isStuck) socket.terminate();
    else if (kind === MOVIE_MESSAGE.text) send(content.toString());
    else if (kind === MOVIE_MESSAGE.init) send(content);
    else if (pace.admits(kind === MOVIE_MESSAGE.keyframe, socket.bufferedAmount)) {
      const lost = pace.takeLost();
      if (lost > 0) send(JSON.stringify({ type: 'lost', pictures: lost }));
      send(content);
    }
  };
  response.on('data', (chunk: Buffer) => {
    try {
      for (const message of decoder.push(chunk)) take(message);
    } catch {
      socket.terminate();
    }
  });
  response.on('error', () => undefined);
  socket.on('error', () => socket.terminate());
  const end = (): void => socket.close(1001, 'the video has ended');
  // It may have ended before the upgrade.
  if (response.closed || response.destroyed) return end();
  response.once('close', end);
  socket.on('message', (data: Buffer, isBinary: boolean) => {
    const text = isBinary ? '' : data.toString();
    if (!CONFIRMED.test(text) || !pace.confirm(Number(text)))
      socket.close(1003, 'the number of messages that were received is expected');
  });
  socket.once('close', () => response.destroy());
}

/** What was sent to a viewer, and what of it was confirmed. */
export class Pace {
  readonly #clock: Clock;
  /** When the messages were sent that are not confirmed, the oldest first. */
  #waiting: number[] = [];
  #confirmed = 0;
  /** Pictures are left out until the next keyframe. */
  #skips = false;
  #lost = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A message was sent. */
  sent(): void {
    this.#waiting.push(this.#clock.nowMs());
  }

  /** The viewer has had so many messages. Returns whether that can be. */
  confirm(count: number): boolean {
    const more = count - this.#confirmed;
    if (more < 0 || more > this.#waiting.length) return false;
    this.#waiting.splice(0, more);
    this.#confirmed = count;
    return true;
  }

  /** Whether the next picture is sent; one that is not is counted. @param waitingBytes What waits for the viewer here. */
  admits(isKeyframe: boolean, waitingBytes = 0): boolean {
    if (this.#lateMs > LATE_MS || waitingBytes > WAITING_BYTES) this.#skips = true;
    else if (isKeyframe) this.#skips = false;
    if (this.#skips) this.#lost += 1;
    return !this.#skips;
  }

  /** Pictures that were left out since the last call. */
  takeLost(): number {
    const lost = this.#lost;
    this.#lost = 0;
    return lost;
  }

  get isStuck(): boolean {
    return this.#lateMs > STUCK_MS;
  }

  get #lateMs(): number {
    return this.#clock.nowMs() - (this.#waiting[0] ?? this.#clock.nowMs());
  }
}
