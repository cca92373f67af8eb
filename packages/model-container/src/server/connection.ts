import type { Socket } from 'node:net';
import {
  type Clock,
  codeOf,
  encodeJson,
  FrameDecoder,
  LENGTH_BYTES,
  type Log,
  type Timer,
  VigiaError,
} from '@vigia/base';
import { CONTAINER_MESSAGE_LIMIT } from '@vigia/contracts';
import type { ModelService, Peer } from './model-service.ts';
import { noGrant, type ParsedRequest, parseRequest, unreadable } from './requests.ts';

/** How long a message may take from its first byte to its last. */
export const MESSAGE_TIMEOUT_MS = 10_000;
/** How long a refused peer may take to read the reason. */
const LINGER_MS = 1000;
/** Outstanding answers without `request_id` above which the peer is not read. */
const MAX_ORDERED = 64;
/** Unread bytes of answers above which a peer is closed. */
const MAX_UNREAD_BYTES = CONTAINER_MESSAGE_LIMIT;

/** Options of {@link Connection}. */
export interface ConnectionOptions {
  readonly id: number;
  readonly socket: Socket;
  readonly service: ModelService;
  readonly modelId: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** A place in the order of answers without `request_id`. */
interface Place {
  message: Buffer | undefined;
}

/**
 * One peer's connection: cuts and parses messages, passes them to the service, writes answers. Answers with a
 * `request_id` are sent when they are ready, those without in the order of their requests.
 *
 * Owns the socket. The peer's end, an error and `close()` all lead to one `close` event, which notifies the service.
 */
export class Connection {
  /** Settles when the connection is closed and released. Never rejects. */
  readonly closed: Promise<void>;
  readonly #options: ConnectionOptions;
  readonly #peer: Peer;
  readonly #decoder = new FrameDecoder(CONTAINER_MESSAGE_LIMIT);
  readonly #places: Place[] = [];
  /** Limits the wait for the rest of a message, or for a refused peer to close. */
  #timer: Timer | undefined;
  /** Outstanding answers, with and without id. */
  #owed = 0;
  #ended = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#peer = { connection: options.id };
    const { socket } = options;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('end', () => this.#onEnd());
    socket.on('error', (error) => options.log.debug(`connection ${options.id}: ${codeOf(error) ?? error.message}`));
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.#onClose();
        resolve();
      });
    });
  }

  /** Ends the connection without waiting for the peer. Idempotent. */
  close(): void {
    this.#options.socket.destroy();
  }

  #receive(chunk: Buffer): void {
    try {
      const messages = this.#decoder.push(chunk);
      for (const message of messages) {
        if (this.#ended) return;
        this.#handle(message);
      }
      if (this.#ended) return;
      this.#decoder.check();
      this.#watchMessage(messages.length > 0);
    } catch (error) {
      if (!(error instanceof VigiaError)) throw error;
      this.#refuse(error.message);
    }
  }

  #handle(message: Buffer): void {
    const parsed = parseRequest(message, this.#options.modelId);
    if (!parsed) {
      this.#refuse('the message is not a JSON object in UTF-8');
      return;
    }
    const { service } = this.#options;
    switch (parsed.op) {
      case 'infer':
        service.infer(this.#peer, parsed.request, this.#answerTo(parsed.request.request_id));
        break;
      case 'want':
        service.want(this.#peer, parsed.request, this.#answerTo(parsed.request.request_id));
        break;
      case 'unwant':
        service.unwant(this.#peer, parsed.request);
        // Synchronous and cannot fail: answered on request.
        if (parsed.request.request_id !== undefined) this.#write(encodeJson(noGrant(parsed.request.request_id, null)));
        break;
      default:
        this.#answerAtOnce(parsed);
    }
  }

  #answerAtOnce(parsed: Extract<ParsedRequest, { op: 'describe' | 'health' | 'invalid' }>): void {
    const { service } = this.#options;
    if (parsed.op === 'invalid') this.#answerTo(parsed.answer.request_id)(parsed.answer);
    else if (parsed.op === 'describe') this.#answerTo(parsed.requestId)(service.describe(parsed.requestId));
    else this.#answerTo(parsed.requestId)(service.health(parsed.requestId));
  }

  /**
   * The destination of a request's answer: sent directly, or in its place in the order. Call it once. Returns false
   * when the answer was too long for a message and an error was sent in its place.
   */
  #answerTo(requestId: string | undefined): (answer: object) => boolean {
    this.#owed += 1;
    if (requestId !== undefined) {
      return (answer) => {
        const { message, fits } = fitting(answer);
        this.#settle(message);
        return fits;
      };
    }
    const place: Place = { message: undefined };
    this.#places.push(place);
    if (this.#places.length >= MAX_ORDERED) {
      this.#options.socket.pause();
      // An incomplete message cannot be completed now, and that is our doing.
      this.#timer?.cancel();
      this.#timer = undefined;
    }
    return (answer) => {
      const { message, fits } = fitting(answer);
      place.message = message;
      this.#settleInOrder();
      return fits;
    };
  }

  #settleInOrder(): void {
    for (let first = this.#places[0]; first?.message; first = this.#places[0]) {
      this.#places.shift();
      this.#settle(first.message);
    }
    if (this.#places.length >= MAX_ORDERED) return;
    this.#options.socket.resume();
    if (!this.#ended) this.#watchMessage(false);
  }

  #settle(message: Buffer): void {
    this.#owed -= 1;
    this.#write(message);
    this.#finishIfEnded();
  }

  #write(message: Buffer): void {
    const { socket, log, id } = this.#options;
    if (!socket.writable) return;
    socket.write(message);
    if (socket.writableLength <= MAX_UNREAD_BYTES) return;
    log.warn(`connection ${id} does not read its answers: closed`);
    this.close();
  }

  /** The stream is out of step: sends the reason, and closes. */
  #refuse(why: string): void {
    this.#ended = true;
    this.#write(encodeJson(unreadable(this.#options.modelId, why)));
    const { socket } = this.#options;
    // Discards input for a moment: closing with unread bytes would reset the connection, and the peer would not receive
    // the answer.
    socket.removeAllListeners('data').resume().end();
    this.#timer?.cancel();
    this.#timer = this.#options.clock.after(LINGER_MS, () => this.close());
  }

  /** @param completed This chunk completed a message: the remaining bytes begin another. */
  #watchMessage(completed: boolean): void {
    if (completed || this.#decoder.bufferedBytes === 0) {
      this.#timer?.cancel();
      this.#timer = undefined;
    }
    if (this.#decoder.bufferedBytes === 0) return;
    this.#timer ??= this.#options.clock.after(MESSAGE_TIMEOUT_MS, () =>
      this.#refuse(`a message was not complete after ${MESSAGE_TIMEOUT_MS} ms`),
    );
  }

  // The peer may stop sending and still wait for its answers (one request and shutdown: the original contract).
  #onEnd(): void {
    // Refused before: it is being closed already.
    if (this.#ended) return;
    this.#ended = true;
    this.#timer?.cancel();
    this.#options.service.peerEnded(this.#peer);
    this.#finishIfEnded();
  }

  #finishIfEnded(): void {
    if (this.#ended && this.#owed === 0) this.#options.socket.end();
  }

  #onClose(): void {
    this.#ended = true;
    this.#timer?.cancel();
    this.#options.service.peerGone(this.#peer);
  }
}

/** An answer as a message; one that exceeds the message limit loses `faint`, or becomes an error. */
function fitting(answer: object): { readonly message: Buffer; readonly fits: boolean } {
  const message = encodeJson(answer);
  const bytes = message.byteLength - LENGTH_BYTES;
  if (bytes <= CONTAINER_MESSAGE_LIMIT || !('detections' in answer)) return { message, fits: true };
  // A wish must not turn a result into a failure.
  if ('faint' in answer && answer.faint !== undefined) return fitting({ ...answer, faint: undefined });
  const text = `what the model saw takes ${bytes} bytes, a message has at most ${CONTAINER_MESSAGE_LIMIT}`;
  const error = { code: 'inference_failed', message: text };
  return { message: encodeJson({ ...answer, metadata: undefined, detections: null, error }), fits: false };
}
