// A reader controlled by commands, for the conformance suite: for worker threads and processes, blocking or not. Same
// commands as sdk/python/tests/agent.py.
import { createInterface } from 'node:readline';
import { parentPort, workerData } from 'node:worker_threads';

const { openThreadReader, attachReader, attachBlockingReader } = await import(
  process.env['VIGIA_FRAME_SUPPLIER'] ?? '@vigia/frame-supplier'
);

/** The sum of every 64th byte, and the ends: enough to distinguish test pictures. */
function describe(frame) {
  const { pixels } = frame;
  let sum = 0;
  for (let i = 0; i < pixels.length; i += 64) sum += pixels[i];
  return {
    seq: frame.seq,
    captured_ms: frame.capturedMs,
    width: frame.width,
    height: frame.height,
    byte_length: frame.byteLength,
    sum,
    first: Buffer.from(pixels.subarray(0, 8)).toString('hex'),
    last: Buffer.from(pixels.subarray(-8)).toString('hex'),
  };
}

class Agent {
  #reader;
  #blocking;
  #lease;

  constructor(reader, blocking) {
    this.#reader = reader;
    this.#blocking = blocking;
  }

  async answer(command) {
    try {
      return await this.#run(command);
    } catch (error) {
      return { error: { code: error.code ?? error.name, message: error.message } };
    }
  }

  async #run(command) {
    switch (command.op) {
      case 'next': {
        const lease = await this.#next(command.timeout_ms);
        if (lease === 'timeout') return { timeout: true };
        if (!lease) return { end: this.#reader.end };
        this.#lease = lease;
        return { frame: describe(lease.frame) };
      }
      case 'release': {
        const whole = this.#lease.frame.whole();
        this.#lease.release();
        return { whole };
      }
      case 'use_released': {
        const { frame } = this.#lease;
        this.#lease.release();
        return { pixels: frame.pixels.length };
      }
      case 'statistics':
        return this.#reader.statistics();
      case 'loop':
        return this.#loop(command.frames, command.work_ms ?? 0);
      case 'close':
        this.#reader.close();
        return { closed: true };
      default:
        return { error: { code: 'unknown', message: String(command.op) } };
    }
  }

  /** A frame, undefined at the end, or 'timeout'. */
  async #next(timeoutMs) {
    if (this.#blocking) {
      const lease = this.#reader.nextSync(timeoutMs);
      return lease ?? (this.#reader.end ? undefined : 'timeout');
    }
    if (timeoutMs === undefined) return this.#reader.next();
    try {
      return await this.#reader.next(AbortSignal.timeout(timeoutMs));
    } catch (error) {
      if (error.name === 'TimeoutError') return 'timeout';
      throw error;
    }
  }

  /** Reads at full speed and checks every frame: every 64th byte must equal the first. */
  async #loop(frames, workMs) {
    const counts = { frames: 0, expired: 0, torn: 0, backwards: 0 };
    let last = 0;
    while (counts.frames < frames) {
      const lease = await this.#next(undefined);
      if (!lease) break;
      const { frame } = lease;
      counts.frames += 1;
      if (frame.seq <= last) counts.backwards += 1;
      last = frame.seq;
      if (workMs > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, workMs);
      const { pixels } = frame;
      let same = true;
      for (let i = 0; i < pixels.length; i += 64) same &&= pixels[i] === pixels[0];
      if (!frame.whole()) counts.expired += 1;
      else if (!same || pixels[0] !== (frame.seq & 255)) counts.torn += 1;
      lease.release();
    }
    return { ...counts, end: this.#reader.end ?? null };
  }
}

if (workerData?.handle) {
  const agent = new Agent(openThreadReader(workerData.handle), workerData.blocking);
  const obey = async (command) => {
    parentPort.postMessage(await agent.answer(command));
    if (command.op === 'close') parentPort.close();
  };
  parentPort.on('message', (command) => void obey(command));
  parentPort.postMessage({ attached: true });
} else {
  const [socketPath, id, wake, fps] = process.argv.slice(2);
  const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
  const attach = wake === 'futex' ? attachBlockingReader : attachReader;
  try {
    const agent = new Agent(
      await attach(socketPath, id, fps === undefined ? {} : { fps: Number(fps) }),
      wake === 'futex',
    );
    say({ attached: true });
    for await (const line of createInterface({ input: process.stdin })) say(await agent.answer(JSON.parse(line)));
    // The agent exits at the end of its input, even while it holds a frame.
    process.exit(0);
  } catch (error) {
    say({ error: { code: error.code, message: error.message } });
  }
}
