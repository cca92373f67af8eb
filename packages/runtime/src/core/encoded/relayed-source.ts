import { connect, type Socket } from 'node:net';
import { type Clock, codeOf, FrameDecoder, messageOf, peerUser, sleep } from '@vigia/base';
import { type Source, SourceError, type SourceOptions } from '#core/media';
import { decodeRelayed, encodeLine, RELAY_MESSAGE_LIMIT, type RelayLine, type RelayMessage } from './relay-protocol.ts';

/** Waits of a reader. Milliseconds. */
export const RELAY_WAITS = {
  /** For the process that holds the connection to listen: it starts at the same time. */
  listenMs: 5_000,
  againMs: 50,
} as const;

type Down = Extract<RelayLine, { type: 'down' }>;

/** Where a camera's units come from when another process holds the connection. One per camera and stream. */
export class RelayedSource {
  readonly #socketPath: string;
  readonly #clock: Clock;
  /** The failure that was last reported. */
  #reported = -1;

  constructor(socketPath: string, clock: Clock) {
    this.#socketPath = socketPath;
    this.#clock = clock;
  }

  /**
   * Waits for the connection, and passes its units on; sound too, with `audio`. A failure of the connection is reported once: the next call waits for
   * what comes of the next attempt.
   *
   * @throws SourceError with the reason why there is no connection; the signal's reason when aborted.
   */
  async open(options: SourceOptions, signal: AbortSignal): Promise<Source> {
    const socket = await this.#connect(signal);
    return new Promise((resolve, reject) => {
      const reading = new RelayReading(socket, options, {
        onOpen: () => resolve(reading),
        onDown: (down) => this.#failureOf(down),
        onFailed: reject,
      });
      const abort = (): void => {
        reading.close();
        reject(signal.reason);
      };
      signal.addEventListener('abort', abort, { once: true });
      socket.once('close', () => signal.removeEventListener('abort', abort));
    });
  }

  /** Undefined: it was reported before. */
  #failureOf({ n, reason, message, retryInMs }: Down): SourceError | undefined {
    if (n === this.#reported) return undefined;
    this.#reported = n;
    return new SourceError(reason, message, retryInMs === null ? {} : { retryInMs });
  }

  async #connect(signal: AbortSignal): Promise<Socket> {
    const untilMs = this.#clock.nowMs() + RELAY_WAITS.listenMs;
    for (;;) {
      signal.throwIfAborted();
      try {
        return await connected(this.#socketPath);
      } catch (error) {
        if (this.#clock.nowMs() > untilMs)
          throw new SourceError(
            'process_died',
            `the process that holds its connection is not there (${codeOf(error) ?? messageOf(error)})`,
            { cause: error },
          );
      }
      await sleep(this.#clock, RELAY_WAITS.againMs, signal);
    }
  }
}

interface RelayEnds {
  readonly onOpen: () => void;
  readonly onDown: (down: Down) => SourceError | undefined;
  /** Before it was open. */
  readonly onFailed: (error: SourceError) => void;
}

/** One connection to the process that holds the camera's. */
class RelayReading implements Source {
  lostPackets = 0;
  readonly #socket: Socket;
  readonly #o: SourceOptions;
  readonly #ends: RelayEnds;
  readonly #decoder = new FrameDecoder(RELAY_MESSAGE_LIMIT);
  #open = false;
  #closed = false;

  constructor(socket: Socket, options: SourceOptions, ends: RelayEnds) {
    this.#socket = socket;
    this.#o = options;
    this.#ends = ends;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', () => socket.destroy());
    socket.once('close', () =>
      this.#end(new SourceError('process_died', 'the process that holds its connection ended')),
    );
    if (options.audio) socket.write(encodeLine({ type: 'sound', wanted: true }));
  }

  close(): void {
    this.#closed = true;
    this.#socket.destroy();
  }

  abandon(message: string): void {
    this.#socket.write(encodeLine({ type: 'reconnect', message }));
  }

  demand(wanted: boolean): void {
    this.#socket.write(encodeLine({ type: 'demand', wanted }));
  }

  #read(chunk: Buffer): void {
    let messages: Buffer[];
    try {
      messages = this.#decoder.push(chunk);
    } catch (error) {
      this.#end(new SourceError('corrupt', `its units cannot be read: ${messageOf(error)}`, { cause: error }));
      return;
    }
    for (const message of messages) {
      if (this.#closed) return;
      const relayed = decodeRelayed(message);
      if (relayed) this.#take(relayed);
      else this.#end(new SourceError('corrupt', 'the process that holds its connection sends what is no unit'));
    }
    if (this.#open && !this.#closed && messages.length > 0) this.#o.onReadEnd?.();
  }

  #take(relayed: RelayMessage): void {
    if ('unit' in relayed) {
      this.lostPackets = relayed.lostPackets;
      if (this.#open) this.#o.onUnit(relayed.unit);
    } else if ('sound' in relayed) {
      if (this.#open) this.#o.onAudio?.(relayed.sound);
    } else if (relayed.line.type === 'format') this.#begin(relayed.line);
    else if (relayed.line.type === 'down') {
      const failure = this.#ends.onDown(relayed.line);
      if (failure) this.#end(failure);
    }
  }

  #begin({ format }: Extract<RelayLine, { type: 'format' }>): void {
    // Another connection: its units are for another reading.
    if (this.#open) {
      this.#end(new SourceError('ended', 'its connection was made anew', { retryInMs: 0 }));
      return;
    }
    this.#open = true;
    this.#o.onFormat(format);
    this.#ends.onOpen();
  }

  #end(reason: SourceError): void {
    if (this.#closed) return;
    this.close();
    if (this.#open) this.#o.onEnd(reason);
    else this.#ends.onFailed(reason);
  }
}

function connected(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      const own = process.getuid?.();
      if (own === undefined || peerUser(socket) === own) resolve(socket);
      else {
        socket.destroy();
        reject(new SourceError('refused', 'somebody else listens in place of the process that holds its connection'));
      }
    });
  });
}
