// `node shared-program.js thread|process|python futex|socket FPS SECONDS nothing|1080p SEGMENT SOCKET`: publishes to a
// reader in another thread or process and prints one line (sample-line.ts).
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { sleep, systemClock } from '@vigia/base';
import { FrameSupplier, ProcessFrameServer, type Rendition, ThreadFrameServer } from '@vigia/frame-supplier';
import { BenchFrame, PIXEL_BYTES } from './bench-frame.ts';
import { nowNs } from './clock.ts';
import { mostFrames, type Pace, publishWindow } from './publishing.ts';
import { pythonReaderArguments } from './python-reader.ts';
import { type Received, receivedOf } from './received.ts';
import { Recorder } from './recorder.ts';

const THREAD_READER = new URL('./thread-reader.js', import.meta.url);
const PROCESS_READER = fileURLToPath(new URL('./process-reader.js', import.meta.url));
/** For frames in transit when the window ends. */
const SETTLE_MS = 50;
/** Until the reader has its seat. */
const ATTACH_MS = 10_000;

/** A running reader. */
interface RunningReader {
  /** Ends the supply; resolves when the reader has exited. */
  readonly finish: () => Promise<Received>;
}

class SharedMeasurement {
  readonly #supplier: FrameSupplier<BenchFrame>;
  readonly #recorder: Recorder;
  readonly #pace: Pace;
  readonly #rendition: Rendition<BenchFrame>;
  readonly #pixels = Buffer.alloc(PIXEL_BYTES, 7);
  /** When frame n was published, at index n - 1. */
  readonly #publishedNs: Float64Array;
  #published = 0;
  #firstMeasured = 1;
  #alive = 0;

  constructor(pace: Pace, copied: boolean) {
    this.#pace = pace;
    this.#recorder = new Recorder(mostFrames(pace), 1);
    this.#publishedNs = new Float64Array(mostFrames(pace));
    this.#supplier = new FrameSupplier({ clock: systemClock, sourceIntervalMs: () => 1000 / pace.fps });
    this.#rendition = {
      shape: { width: 1920, height: 1080, format: 'NV12', byteLength: PIXEL_BYTES, planes: NV12_PLANES },
      render: copied ? (frame, pixels) => void frame.pixels.copy(pixels) : () => undefined,
    };
  }

  /** Measures one window and prints it. */
  async run(startReader: (supply: Supply) => Promise<RunningReader>): Promise<void> {
    this.#supplier.start();
    const reader = await startReader({ supplier: this.#supplier, rendition: this.#rendition });
    const perSecond = await publishWindow(this.#pace, this.#publish, this.#begin);
    await sleep(systemClock, SETTLE_MS);
    this.#join(await reader.finish());
    this.#supplier.stop();
    // Measuring something that loses frames would be pointless.
    if (this.#alive !== 0) throw new Error(`${this.#alive} frames were never given back`);
    process.stdout.write(`${JSON.stringify(this.#recorder.sample(perSecond))}\n`);
  }

  readonly #begin = (): void => {
    this.#recorder.clear();
    this.#firstMeasured = this.#published + 1;
  };

  readonly #publish = (): void => {
    const frame = new BenchFrame(this.#pixels, systemClock.nowMs(), this.#onFree);
    this.#alive += 1;
    frame.publishedNs = nowNs();
    this.#publishedNs[this.#published] = frame.publishedNs;
    this.#published += 1;
    this.#supplier.publish(frame);
    this.#recorder.published(nowNs() - frame.publishedNs);
  };

  readonly #onFree = (): void => {
    this.#alive -= 1;
  };

  #join({ seqs, ns }: Received): void {
    seqs.forEach((seq, i) => {
      if (seq < this.#firstMeasured) return;
      this.#recorder.received((ns[i] ?? Number.NaN) - (this.#publishedNs[seq - 1] ?? Number.NaN), true);
    });
  }
}

const NV12_PLANES = [
  { offset: 0, stride: 1920 },
  { offset: 1920 * 1080, stride: 1920 },
];

/** The source of a reader's frames. */
interface Supply {
  readonly supplier: FrameSupplier<BenchFrame>;
  readonly rendition: Rendition<BenchFrame>;
}

function startThread({ supplier, rendition }: Supply): Promise<RunningReader> {
  const server = new ThreadFrameServer({ supplier, rendition, readers: 1 });
  const handle = server.admit('bench');
  const worker = new Worker(THREAD_READER, { workerData: handle, transferList: [handle.port] });
  const result = new Promise<Received>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('the reader ended without a word')));
  });
  const finish = (): Promise<Received> => {
    server.close();
    return result;
  };
  return Promise.resolve({ finish });
}

async function startProcess(
  { supplier, rendition }: Supply,
  files: { readonly path: string; readonly socketPath: string },
  command: readonly [string, ...string[]],
): Promise<RunningReader> {
  const server = await ProcessFrameServer.open({ supplier, rendition, readers: 1, ...files });
  const [program, ...args] = command;
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  endTogether(child);
  const result = outputOf(child);
  const deadlineMs = systemClock.nowMs() + ATTACH_MS;
  while (server.readers === 0) {
    if (child.exitCode !== null || systemClock.nowMs() > deadlineMs) throw new Error('the reader did not attach');
    await sleep(systemClock, 10);
  }
  const finish = async (): Promise<Received> => {
    server.close();
    return receivedOf(await result);
  };
  return { finish };
}

/** A reader must not survive an interrupted measurement. */
function endTogether(child: ChildProcess): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      child.kill('SIGKILL');
      process.exit(1);
    });
  process.once('exit', () => child.kill('SIGKILL'));
}

async function outputOf(child: ChildProcess): Promise<string> {
  let output = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  await once(child, 'close');
  return output;
}

const [kind = '', wake = '', fps, seconds, pixels, path = '', socketPath = ''] = process.argv.slice(2);
const measurement = new SharedMeasurement(
  { fps: Number(fps), seconds: Number(seconds), turn: 'async' },
  pixels === '1080p',
);
await measurement.run((supply) => {
  if (kind === 'thread') return startThread(supply);
  const command: [string, ...string[]] =
    kind === 'python'
      ? ['python3', ...pythonReaderArguments(socketPath, wake)]
      : [process.execPath, PROCESS_READER, socketPath, wake];
  return startProcess(supply, { path, socketPath }, command);
});
