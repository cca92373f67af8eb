import { connect, type Socket } from 'node:net';
import { encodeJson, FrameDecoder } from '@vigia/base';
import { CONTAINER_MESSAGE_LIMIT } from '@vigia/contracts';

type Message = Readonly<Record<string, unknown>>;

/** A minimal client of protocol 1, on a persistent connection. */
export class BenchPeer {
  readonly #socket: Socket;
  readonly #decoder = new FrameDecoder(CONTAINER_MESSAGE_LIMIT);
  readonly #open = new Map<
    string,
    { readonly answer: (message: Message) => void; readonly fail: (error: Error) => void }
  >();
  #asked = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      for (const payload of this.#decoder.push(chunk)) {
        const message = JSON.parse(payload.toString('utf8')) as Message;
        const id = String(message['request_id']);
        this.#open.get(id)?.answer(message);
        this.#open.delete(id);
      }
    });
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the connection was closed')));
  }

  /** Connects. */
  static open(socketPath: string): Promise<BenchPeer> {
    return new Promise((resolve, reject) => {
      const socket = connect(socketPath);
      socket.once('connect', () => resolve(new BenchPeer(socket)));
      socket.once('error', reject);
    });
  }

  /** Sends a request with an id and waits for its answer. */
  ask(message: object): Promise<Message> {
    return new Promise((resolve, reject) => {
      this.#asked += 1;
      this.#open.set(String(this.#asked), { answer: resolve, fail: reject });
      this.#socket.write(encodeJson({ ...message, request_id: String(this.#asked) }));
    });
  }

  /** Closes without waiting. */
  close(): void {
    this.#open.clear();
    this.#socket.destroy();
  }

  #fail(error: Error): void {
    for (const { fail } of this.#open.values()) fail(error);
    this.#open.clear();
  }
}
