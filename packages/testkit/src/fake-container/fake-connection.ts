import type { Socket } from 'node:net';
import { encodeFrame, encodeJson, FrameDecoder, VigiaError } from '@vigia/base';
import { CONTAINER_MESSAGE_LIMIT } from '@vigia/contracts';
import type { FakeManner } from './manners.ts';

/** A received message. */
export type FakeMessage = Readonly<Record<string, unknown>>;
/** Returns the answer to one message, once; undefined when there is none. */
export type Reply = (answer: object | undefined) => void;

/** Callbacks of a connection. */
export interface FakeConnectionOptions {
  readonly socket: Socket;
  readonly onMessage: (message: FakeMessage, reply: Reply, connection: FakeConnection) => void;
  /** The peer has shut down sending. */
  readonly onEnd: (connection: FakeConnection) => void;
  readonly onClosed: (connection: FakeConnection) => void;
  /** The answer to input that is not a message. */
  readonly unreadable: (why: string) => object;
  /** How to write the next answer. */
  readonly manners: () => ReadonlySet<FakeManner>;
}

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** One peer of a fake container: framing and order of answers, and the ways to write them wrongly. */
export class FakeConnection {
  readonly #o: FakeConnectionOptions;
  readonly #decoder = new FrameDecoder(CONTAINER_MESSAGE_LIMIT);
  /** Places of answers without id, in order. */
  readonly #places: { answer: object | undefined; done: boolean }[] = [];
  #owed = 0;
  #ended = false;

  constructor(options: FakeConnectionOptions) {
    this.#o = options;
    const { socket } = options;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('end', () => this.#end());
    socket.on('error', () => undefined);
    socket.on('close', () => options.onClosed(this));
  }

  /** Sends an unsolicited message. */
  push(answer: object): void {
    if (this.#o.socket.writable) this.#o.socket.write(encodeJson(answer));
  }

  /** Closes at once. */
  close(): void {
    this.#o.socket.destroy();
  }

  #receive(chunk: Buffer): void {
    try {
      for (const payload of this.#decoder.push(chunk)) {
        if (this.#ended) return;
        this.#take(payload);
      }
      if (!this.#ended) this.#decoder.check();
    } catch (error) {
      if (!(error instanceof VigiaError)) throw error;
      this.#refuse(error.message);
    }
  }

  #take(payload: Buffer): void {
    let message: unknown;
    try {
      message = JSON.parse(UTF8.decode(payload));
    } catch {
      // Neither JSON nor text: refused like any other input that is no object.
      message = undefined;
    }
    if (typeof message !== 'object' || message === null || Array.isArray(message)) {
      this.#refuse('a JSON object in UTF-8 is expected');
      return;
    }
    this.#o.onMessage(message as FakeMessage, this.#reply(message), this);
  }

  #reply(message: object): Reply {
    this.#owed += 1;
    if ('request_id' in message && typeof message.request_id === 'string' && message.request_id !== '')
      return (answer) => this.#settle(answer);
    const place: { answer: object | undefined; done: boolean } = { answer: undefined, done: false };
    this.#places.push(place);
    return (answer) => {
      place.answer = answer;
      place.done = true;
      for (let first = this.#places[0]; first?.done; first = this.#places[0]) {
        this.#places.shift();
        this.#settle(first.answer);
      }
    };
  }

  #settle(answer: object | undefined): void {
    this.#owed -= 1;
    if (answer) this.#write(answer);
    if (this.#ended && this.#owed === 0) this.#o.socket.end();
  }

  #write(answer: object): void {
    const { socket, manners } = this.#o;
    if (!socket.writable) return;
    const how = 'detections' in answer ? manners() : NONE;
    if (how.has('closes')) this.close();
    else if (how.has('closes_mid_answer')) {
      const bytes = encodeJson(answer);
      socket.write(bytes.subarray(0, bytes.length / 2), () => this.close());
    } else for (const bytes of spoiled(answer, how)) socket.write(bytes);
  }

  #refuse(why: string): void {
    this.#ended = true;
    const { socket, unreadable } = this.#o;
    if (socket.writable) socket.write(encodeJson(unreadable(why)));
    socket.removeAllListeners('data').resume().end();
    this.#o.onEnd(this);
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#o.onEnd(this);
    if (this.#owed === 0) this.#o.socket.end();
  }
}

const NONE: ReadonlySet<FakeManner> = new Set();

/** An answer to `infer` as it is sent. */
function* spoiled(answer: object, how: ReadonlySet<FakeManner>): Generator<Buffer> {
  if (how.has('garbage')) yield Buffer.from('\u0000\u0000\u0000\u0009rubbish {', 'latin1');
  else if (how.has('not_json')) yield encodeFrame(Buffer.from('{"detections":[}'));
  else if (how.has('huge')) yield Buffer.from([0x7f, 0xff, 0xff, 0xff]);
  else {
    yield encodeJson(changed(answer, how));
    if (how.has('answers_twice')) yield encodeJson(changed(answer, how));
  }
}

function changed(answer: object, how: ReadonlySet<FakeManner>): object {
  const out: Record<string, unknown> = { ...answer };
  if (how.has('wrong_frame')) out['frame_id'] = Number(out['frame_id']) + 1;
  if (how.has('null_detections')) Object.assign(out, { detections: null, error: null });
  if (how.has('empty_with_error'))
    Object.assign(out, { detections: [], error: { code: 'inference_failed', message: 'it is said to have failed' } });
  if (how.has('missing_fields')) {
    delete out['frame_id'];
    delete out['error'];
  }
  if (how.has('wrong_id')) out['request_id'] = `not ${String(out['request_id'])}`;
  if (how.has('no_id')) delete out['request_id'];
  return out;
}
