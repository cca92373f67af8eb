import { connect, type Socket } from 'node:net';
import { FrameDecoder, messageOf, systemClock } from '@vigia/base';
import {
  CONTAINER_MESSAGE_LIMIT,
  type ContainerErrorCode,
  containerErrorSchema,
  describeResponseSchema,
  grantResponseSchema,
  healthResponseSchema,
  inferResponseSchema,
} from '@vigia/contracts';

/** An answer that was checked against the schemas. */
export interface CheckedAnswer {
  readonly message: Readonly<Record<string, unknown>>;
  readonly verdict: ContainerErrorCode | 'ok';
}

/** Time limit of any operation: far above any scheduling delay, so an operation that takes longer hangs. */
const WATCHDOG_MS = 20_000;

/** A client that writes arbitrary bytes and checks every answer. */
export class RawPeer {
  readonly #socket: Socket;
  readonly #decoder = new FrameDecoder(CONTAINER_MESSAGE_LIMIT);
  readonly #answers: CheckedAnswer[] = [];
  #wake: () => void = () => undefined;
  #problem: string | undefined;
  #ended = false;
  #closed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#hear(chunk));
    // A reset also closes the connection.
    socket.on('error', () => undefined);
    socket.on('end', () => this.#set(() => (this.#ended = true)));
    socket.on('close', () => this.#set(() => (this.#closed = true)));
  }

  /** Connects. It stays half-open when the container ends its side, like clients in other languages. */
  static async open(path: string): Promise<RawPeer> {
    const socket = connect({ path, allowHalfOpen: true });
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return new RawPeer(socket);
  }

  /** Writes one after the other, so that each may arrive separately. */
  async write(writes: readonly Buffer[]): Promise<void> {
    for (const bytes of writes) {
      if (!this.#socket.writable) return;
      this.#socket.write(bytes);
      if (writes.length > 1) await new Promise((resolve) => void setImmediate(resolve));
    }
  }

  /** The next answer; undefined at the end of the connection. @throws Error when it is invalid, or takes too long. */
  async next(): Promise<CheckedAnswer | undefined> {
    await this.#until('an answer', () => this.#answers.length > 0 || this.#ended || this.#closed);
    return this.#answers.shift();
  }

  /** Reads until the container has ended the connection. */
  async rest(): Promise<CheckedAnswer[]> {
    const all: CheckedAnswer[] = [];
    for (let answer = await this.next(); answer; answer = await this.next()) all.push(answer);
    return all;
  }

  /** Shuts down sending. */
  end(): void {
    this.#socket.end();
  }

  /** Closes at once. */
  destroy(): void {
    this.#socket.destroy();
  }

  #hear(chunk: Buffer): void {
    this.#set(() => {
      try {
        for (const payload of this.#decoder.push(chunk)) this.#answers.push(checked(payload));
        this.#decoder.check();
      } catch (error) {
        this.#problem ??= `what came is no answer: ${messageOf(error)}`;
      }
    });
  }

  #set(change: () => void): void {
    change();
    this.#wake();
  }

  async #until(what: string, happened: () => boolean): Promise<void> {
    while (!happened()) {
      if (this.#problem !== undefined) throw new Error(this.#problem);
      await new Promise<void>((resolve, reject) => {
        const timer = systemClock.after(WATCHDOG_MS, () => reject(new Error(`${what} did not come: it hangs`)));
        this.#wake = () => {
          timer.cancel();
          resolve();
        };
      });
    }
    if (this.#problem !== undefined) throw new Error(this.#problem);
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** @throws Error when it is not an answer of protocol 1. */
function checked(payload: Buffer): CheckedAnswer {
  const message = JSON.parse(UTF8.decode(payload)) as Record<string, unknown>;
  const error = message['error'] === null ? undefined : containerErrorSchema.parse(message['error']);
  if ('grant' in message) {
    const { grant } = grantResponseSchema.parse(message);
    if (error && grant) throw new Error('a grant with an error');
  } else if ('protocol' in message) describeResponseSchema.parse(message);
  else if ('state' in message) healthResponseSchema.parse(message);
  else {
    const { detections } = inferResponseSchema.parse(message);
    if ((detections === null) !== (error !== undefined))
      throw new Error('detections are null without an error, or not with one');
  }
  return { message, verdict: error?.code ?? 'ok' };
}
