import { Decoder } from '@msgpack/msgpack';
import { FrameDecoder, quoted, redact, VigiaError } from '@vigia/base';
import {
  type FromWorker,
  fromWorkerSchema,
  WORKER_DATA_DEPTH,
  WORKER_DATA_LIMIT,
  WORKER_MESSAGE_LIMIT,
  WORKER_MESSAGES_PER_SECOND,
} from '@vigia/contracts';

import { structureOf } from './message-structure.ts';

/** Longest error, in characters. */
const ERROR_LIMIT = 300;
const SECOND_MS = 1_000;

/** Reads a worker's messages. Everything that breaks the protocol throws VigiaError `protocol_error`. */
export class WorkerMessages {
  readonly #frames = new FrameDecoder(WORKER_MESSAGE_LIMIT);
  readonly #decoder = new Decoder();
  readonly #rate = new MessageRate();

  /** Calls back for each message that the chunk completes, then throws for a broken one. */
  push(chunk: Buffer, nowMs: number, onMessage: (message: FromWorker) => void): void {
    let payloads: Buffer[];
    try {
      payloads = this.#frames.push(chunk);
    } catch (error) {
      throw protocolError(tooLong(chunk), error);
    }
    for (const payload of payloads) {
      this.#rate.count(nowMs);
      onMessage(this.#message(payload));
    }
    try {
      this.#frames.check();
    } catch (error) {
      throw protocolError(tooLong(chunk), error);
    }
  }

  #message(payload: Buffer): FromWorker {
    const structure = structureOf(payload);
    if (structure === 'deep') throw protocolError('a message nested deeper than 64 levels');
    let value: unknown;
    try {
      if (structure === 'broken')
        throw new VigiaError('protocol_error', 'a value that is not whole, or something after it');
      value = this.#decoder.decode(payload);
    } catch (error) {
      throw protocolError(`a message of ${payload.byteLength} bytes is no MessagePack`, error);
    }
    return checkedMessage(value);
  }
}

/** Limits a worker's messages per second. */
export class MessageRate {
  #secondMs = Number.NEGATIVE_INFINITY;
  #inSecond = 0;

  /** Counts a message. @throws VigiaError `protocol_error`. */
  count(nowMs: number): void {
    if (nowMs - this.#secondMs >= SECOND_MS) {
      this.#secondMs = nowMs;
      this.#inSecond = 0;
    }
    this.#inSecond += 1;
    if (this.#inSecond > WORKER_MESSAGES_PER_SECOND)
      throw protocolError(`more than ${WORKER_MESSAGES_PER_SECOND} messages in a second`);
  }
}

/** Checks a message from a pipe or a thread. @throws VigiaError `protocol_error`. */
export function checkedMessage(value: unknown): FromWorker {
  const parsed = fromWorkerSchema.safeParse(value);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0] ?? { path: [], message: '' };
    throw protocolError(`${sketch(value)}: ${path.map(String).join('.') || 'the message'}: ${message}`);
  }
  if (parsed.data.type === 'result') checkData(parsed.data.data);
  return parsed.data;
}

/** `data` is passed on as JSON: JSON must be able to express it, within a size limit. */
function checkData(data: unknown): void {
  if (data === undefined) return;
  checkJson(data, 0);
  const length = Buffer.byteLength(JSON.stringify(data));
  if (length > WORKER_DATA_LIMIT)
    throw protocolError(`\`data\` of a result is ${length} bytes of JSON, at most ${WORKER_DATA_LIMIT} are allowed`);
}

function checkJson(value: unknown, depth: number): void {
  if (depth > WORKER_DATA_DEPTH)
    throw protocolError(`\`data\` of a result is nested deeper than ${WORKER_DATA_DEPTH} levels`);
  if (Array.isArray(value)) {
    for (const item of value) checkJson(item, depth + 1);
    return;
  }
  if (typeof value === 'object' && value !== null) {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null)
      throw protocolError('`data` of a result holds bytes or times; only what JSON can say is allowed');
    for (const item of Object.values(value)) checkJson(item, depth + 1);
    return;
  }
  const sayable = typeof value === 'number' ? Number.isFinite(value) : ['string', 'boolean'].includes(typeof value);
  if (!sayable && value !== null)
    throw protocolError(
      `\`data\` of a result holds ${typeof value === 'number' ? value : `a ${typeof value}`}, which JSON cannot say`,
    );
}

/** What a message seems to be, for the error text. */
function sketch(value: unknown): string {
  const type: unknown = typeof value === 'object' && value !== null ? (value as { type?: unknown }).type : undefined;
  return typeof type === 'string' ? `a message of type "${quoted(type, 20)}"` : 'a message without a type';
}

/** Text on standard output reads as an absurd length: then the error quotes the text. */
function tooLong(chunk: Buffer): string {
  const text = redact(chunk.subarray(0, 400).toString('latin1')).slice(0, 40);
  const printable = /^[\x20-\x7e\r\n\t]+$/.test(text);
  return printable
    ? `text on standard output ("${text.trim()}"); print to standard error`
    : `a message of more than ${WORKER_MESSAGE_LIMIT} bytes`;
}

function protocolError(message: string, cause?: unknown): VigiaError {
  // The sentence of a schema quotes keys that it does not know.
  return new VigiaError('protocol_error', quoted(message, ERROR_LIMIT), { cause });
}
