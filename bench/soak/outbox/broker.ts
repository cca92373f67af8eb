import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { SoakRun } from '../soak-run.ts';

const MOSQUITTO = '/usr/sbin/mosquitto';
const SUBSCRIBER = '/usr/bin/mosquitto_sub';

/**
 * A mosquitto, a subscriber with QoS 1 that is always the first to connect, and a gate for the node: what the broker
 * has acknowledged, it has sent to the subscriber. Without the gate a broker that was just started would acknowledge events
 * that nobody has subscribed to.
 */
export class Broker {
  readonly #run: SoakRun;
  readonly #config: string;
  readonly #port: number;
  readonly #gate: Server;
  readonly #through = new Set<Socket>();
  #mosquitto: ChildProcess | undefined;
  #open = false;
  #onSubscribed: () => void = () => undefined;

  private constructor(run: SoakRun, dir: string, port: number) {
    this.#run = run;
    this.#port = port;
    this.#config = join(dir, 'mosquitto.conf');
    // Without limits on what waits for the subscriber: nothing is dropped by the broker.
    writeFileSync(
      this.#config,
      `listener ${port} 127.0.0.1\nallow_anonymous true\nmax_inflight_messages 0\nmax_queued_messages 0\n`,
    );
    this.#gate = createServer((node) => this.#pass(node));
  }

  /** @param onEvent Receives each delivered message. */
  static async start(run: SoakRun, dir: string, onEvent: (json: string) => void): Promise<Broker> {
    const probe = createServer();
    await new Promise<void>((resolve) => void probe.listen(0, '127.0.0.1', resolve));
    const { port } = probe.address() as AddressInfo;
    await new Promise((resolve) => probe.close(resolve));
    const broker = new Broker(run, dir, port);
    await new Promise<void>((resolve) => void broker.#gate.listen(0, '127.0.0.1', resolve));
    run.scope.defer(() => broker.#close());
    await broker.#startMosquitto();
    const args = ['-h', '127.0.0.1', '-p', String(port), '-q', '1', '-i', 'soak', '-t', 'vigia/+/+/event/+'];
    const subscriber = spawn(SUBSCRIBER, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    run.scope.defer(() => void subscriber.kill('SIGKILL'));
    createInterface({ input: subscriber.stdout }).on('line', onEvent);
    await broker.#subscribed();
    return broker;
  }

  /** For the node. */
  get url(): string {
    return `mqtt://127.0.0.1:${(this.#gate.address() as AddressInfo).port}`;
  }

  /** Kills the broker and starts another one; resolves when the subscriber is back. */
  async killAndRestart(): Promise<void> {
    this.#open = false;
    this.#mosquitto?.kill('SIGKILL');
    if (this.#mosquitto) await once(this.#mosquitto, 'exit');
    this.cutNode();
    await this.#startMosquitto();
    await this.#subscribed();
  }

  /** Cuts the connection between node and broker. */
  cutNode(): void {
    for (const socket of this.#through) socket.destroy();
  }

  async #startMosquitto(): Promise<void> {
    this.#run.signal.throwIfAborted();
    const mosquitto = spawn(MOSQUITTO, ['-c', this.#config, '-v'], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#mosquitto = mosquitto;
    const running = new Promise<void>((resolve) => {
      createInterface({ input: mosquitto.stderr }).on('line', (line) => {
        if (/mosquitto version .* running/.test(line)) resolve();
        if (/Sending SUBACK to soak/.test(line)) this.#onSubscribed();
      });
    });
    await running;
  }

  async #subscribed(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#onSubscribed = resolve;
    });
    this.#open = true;
  }

  #pass(node: Socket): void {
    if (!this.#open) {
      node.destroy();
      return;
    }
    const broker = connect(this.#port, '127.0.0.1');
    for (const [from, to] of [
      [node, broker],
      [broker, node],
    ] as const) {
      this.#through.add(from);
      from.pipe(to);
      from.on('error', () => undefined);
      from.on('close', () => {
        this.#through.delete(from);
        to.destroy();
      });
    }
  }

  #close(): void {
    this.cutNode();
    this.#gate.close();
    this.#mosquitto?.kill('SIGKILL');
  }
}
