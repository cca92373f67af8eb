import { createServer, type Server, type Socket } from 'node:net';
import { encodeJson, FrameDecoder } from '@vigia/base';
import { CONTAINER_MESSAGE_LIMIT } from '@vigia/contracts';
import { type AnswerCase, type Asked, goodAnswer } from './answer-parts.ts';

type Message = Readonly<Record<string, unknown>>;

/** The server of a camera's connection: correct, except for one answer on request. */
export class FakeServer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #case: AnswerCase | undefined;
  #spoiled: Asked | undefined;

  private constructor() {
    this.#server = createServer((socket) => this.#accept(socket));
  }

  static async listen(path: string): Promise<FakeServer> {
    const fake = new FakeServer();
    await new Promise<void>((resolve) => void fake.#server.listen(path, resolve));
    return fake;
  }

  /** The next request of its kind receives this answer; later ones a correct one. */
  spoilNext(one: AnswerCase): void {
    this.#case = one;
    this.#spoiled = undefined;
  }

  /** The request that received the wrong answer. */
  get spoiled(): Asked | undefined {
    return this.#spoiled;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => void this.#server.close(() => resolve()));
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    const decoder = new FrameDecoder(CONTAINER_MESSAGE_LIMIT);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('data', (chunk: Buffer) => {
      for (const payload of decoder.push(chunk)) this.#answer(JSON.parse(payload.toString()) as Message, socket);
    });
  }

  #answer(message: Message, socket: Socket): void {
    const op = message['op'] ?? 'infer';
    const { request_id, frame_metadata } = message;
    const asked: Asked = {
      request_id: String(request_id),
      frame_id: Number((frame_metadata as Message | undefined)?.['frame_id']),
    };
    const one = this.#case;
    if (one?.op === op) {
      this.#case = undefined;
      this.#spoiled = asked;
      const bytes = one.bytes(asked);
      if (one.after === 'end') socket.end(bytes);
      else if (one.after === 'reset') socket.write(bytes, () => socket.destroy());
      else socket.write(bytes);
    } else if (op === 'infer') socket.write(encodeJson(goodAnswer(asked)));
    else socket.write(encodeJson({ request_id, ...ANSWERS[op as keyof typeof ANSWERS] }));
  }
}

const ANSWERS = {
  describe: {
    protocol: 1,
    model_id: 'm',
    model_version: '1',
    task: 'detection',
    classes: ['person'],
    input: { width: 300, height: 300, formats: ['RGB24'], fit: 'stretch' },
    max_batch: 1,
    providers: ['cpu'],
    error: null,
  },
  health: {
    state: 'ready',
    uptime_ms: 1,
    counters: { requests: 0, ok: 0, errors: 0, batches: 0, grants: 0, grants_expired: 0 },
    inference_ms: { p50: 0, p99: 0 },
    last_error: null,
    error: null,
  },
  want: { grant: { id: 'g1', expires_ms: 100 }, error: null },
  unwant: { grant: null, error: null },
} as const;
