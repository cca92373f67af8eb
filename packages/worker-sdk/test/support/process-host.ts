import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { Decoder, Encoder } from '@msgpack/msgpack';
import { encodeFrame, FrameDecoder } from '@vigia/base';
import { type FromWorker, fromWorkerSchema, WORKER_MESSAGE_LIMIT } from '@vigia/contracts';

const encoder = new Encoder();
const decoder = new Decoder();

/** How a worker is started. */
export interface StartOptions {
  readonly transport?: 'stdin' | 'shm';
  readonly input?: string;
  readonly options?: object;
  /** Variables in addition to those of the protocol. */
  readonly env?: Readonly<Record<string, string>>;
}

/** The variables of docs/protocol/worker.md. */
export function workerEnv({ transport = 'stdin', input = 'GRAY8 4x2', options = {}, env = {} }: StartOptions): {
  [name: string]: string;
} {
  return {
    VIGIA_NODE: 'test',
    VIGIA_CAMERA: 'hall',
    VIGIA_CONSUMER: 'consumer',
    VIGIA_WORKER: 'its-id',
    VIGIA_TRANSPORT: transport,
    VIGIA_INPUT: input,
    VIGIA_WORKER_OPTIONS: JSON.stringify(options),
    ...env,
  };
}

/** A message as written to the pipe. */
export function messageBytes(message: object): Buffer {
  return encodeFrame(encoder.encode(message));
}

/** The host's end of a worker process: checks every message against the schema, in order. */
export class ProcessHost {
  readonly child: ChildProcessWithoutNullStreams;
  stderr = '';
  /** The exit code, once its pipes are read to the end; null when a signal ended it. */
  readonly closed: Promise<number | null>;
  readonly #messages: AsyncGenerator<FromWorker, void, undefined>;

  constructor(program: string, args: readonly string[], options: StartOptions = {}) {
    this.child = spawn(program, args, { env: { ...process.env, ...workerEnv(options) } });
    this.child.stderr.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    // No test is about writing to a worker that has exited.
    this.child.stdin.on('error', () => undefined);
    this.closed = once(this.child, 'close').then(([code]) => code as number | null);
    this.#messages = this.#receive();
  }

  /** File descriptors of the worker. */
  get descriptors(): number {
    return readdirSync(`/proc/${this.child.pid}/fd`).length;
  }

  /** Mappings of shared-memory files in the worker. */
  get segmentMaps(): number {
    const maps = readFileSync(`/proc/${this.child.pid}/maps`, 'utf8').split('\n');
    return maps.filter((line) => line.includes(' /dev/shm/')).length;
  }

  send(message: object): void {
    this.child.stdin.write(messageBytes(message));
  }

  /** The next message; undefined at the end of the worker's output. */
  async next(): Promise<FromWorker | undefined> {
    const { value } = await this.#messages.next();
    return value ?? undefined;
  }

  /** The worker's next message, expected to be the answer to the message sent. */
  async answer(message: object): Promise<FromWorker | undefined> {
    this.send(message);
    return this.next();
  }

  /** How the worker ended; its remaining messages are discarded. */
  async end(): Promise<number | null> {
    while (await this.next());
    return this.closed;
  }

  async *#receive(): AsyncGenerator<FromWorker, void, undefined> {
    const frames = new FrameDecoder(WORKER_MESSAGE_LIMIT);
    for await (const chunk of this.child.stdout)
      for (const payload of frames.push(chunk as Buffer)) yield fromWorkerSchema.parse(decoder.decode(payload));
    if (frames.bufferedBytes > 0) throw new Error(`the worker left ${frames.bufferedBytes} bytes of a message`);
  }
}
