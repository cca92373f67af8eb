import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sleep, systemClock } from '@vigia/base';
import { freePort } from '../../support/free-port.ts';
import type { SoakRun } from '../soak-run.ts';

const MOSQUITTO = '/usr/sbin/mosquitto';
const SUBSCRIBER = '/usr/bin/mosquitto_sub';
const START_MS = 10_000;
/** A retained message comes at once. Seconds. */
const WAIT_S = 3;

/** A mosquitto, and what it retains. */
export class StateBroker {
  readonly #port: number;

  private constructor(port: number) {
    this.#port = port;
  }

  /** Ends with the run. */
  static async start(run: Pick<SoakRun, 'scope' | 'signal'>): Promise<StateBroker> {
    const port = await freePort();
    const dir = mkdtempSync(join(tmpdir(), 'vigia-surfaces-'));
    run.scope.defer(() => rmSync(dir, { recursive: true }));
    const config = join(dir, 'mosquitto.conf');
    writeFileSync(config, `listener ${port} 127.0.0.1\nallow_anonymous true\n`);
    const mosquitto = spawn(MOSQUITTO, ['-c', config], { stdio: 'ignore' });
    run.scope.defer(() => void mosquitto.kill('SIGKILL'));
    for (const endMs = systemClock.nowMs() + START_MS; !(await accepts(port)); await sleep(systemClock, 50, run.signal))
      if (systemClock.nowMs() > endMs) throw new Error('mosquitto does not start');
    return new StateBroker(port);
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.#port}`;
  }

  /** What is retained on a topic, parsed; undefined: nothing. */
  async retained(topic: string): Promise<unknown> {
    const args = ['-h', '127.0.0.1', '-p', String(this.#port), '-t', topic, '-C', '1', '-W', String(WAIT_S)];
    const text = await new Promise<string>((resolve) => {
      execFile(SUBSCRIBER, args, (_, stdout) => resolve(stdout));
    });
    return text === '' ? undefined : JSON.parse(text);
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const settle = (accepted: boolean): void => {
      socket.destroy();
      resolve(accepted);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
  });
}
