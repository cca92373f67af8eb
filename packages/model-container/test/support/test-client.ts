import { connect, type Socket } from 'node:net';
import { encodeJson, FrameDecoder } from '@vigia/base';
import { CONTAINER_MESSAGE_LIMIT } from '@vigia/contracts';

/** A received message. */
export type Answer = Readonly<Record<string, unknown>>;

/** A bare client for tests: writes messages (or bytes), reads answers in order. */
export class TestClient {
  readonly socket: Socket;
  readonly #decoder = new FrameDecoder(CONTAINER_MESSAGE_LIMIT);
  readonly #answers: Answer[] = [];
  #waiting: (() => void) | undefined;
  #closed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      for (const message of this.#decoder.push(chunk)) this.#answers.push(JSON.parse(message.toString()) as Answer);
      this.#waiting?.();
    });
    // A reset also closes the connection; tests check `closed` and the answers.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#closed = true;
      this.#waiting?.();
    });
  }

  /** Connects. */
  static async open(path: string): Promise<TestClient> {
    const socket = connect(path);
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return new TestClient(socket);
  }

  /** Sends messages in one write. */
  send(...messages: object[]): void {
    this.socket.write(Buffer.concat(messages.map((message) => encodeJson(message))));
  }

  /** The next answer. Rejects when the connection closes first. */
  async next(): Promise<Answer> {
    for (;;) {
      const answer = this.#answers.shift();
      if (answer) return answer;
      if (this.#closed) throw new Error('the connection was closed');
      await this.#event();
    }
  }

  /** Sends one message and reads the next answer. */
  async ask(message: object): Promise<Answer> {
    this.send(message);
    return this.next();
  }

  /** Resolves when the connection is closed. */
  async closed(): Promise<void> {
    while (!this.#closed) await this.#event();
  }

  /** Closes. */
  close(): void {
    this.socket.destroy();
  }

  #event(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }
}
