import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { systemClock } from '@vigia/base';
import { createClient } from '@vigia/client';
import type { ResultMessage } from '@vigia/contracts';
import type { StateBroker } from '../soak/surfaces/state-broker.ts';
import type { BenchRun } from '../support/bench-run.ts';
import { endChild } from '../support/processes.ts';
import { socketSender } from '../support/runtime-internals.ts';
import type { VigiaNode } from '../support/vigia-node.ts';
import { Waiter } from '../support/waiter.ts';

/** The outlets that are watched. */
export const OUTLETS = ['broker', 'control socket'] as const;
/** See {@link OUTLETS}. */
export type Outlet = (typeof OUTLETS)[number];

interface Arrival {
  readonly camera: string;
  /** Wall milliseconds. */
  readonly decidedMs: number;
  /** Monotonic milliseconds. */
  readonly atMs: number;
}

const SUBSCRIBER = '/usr/bin/mosquitto_sub';
const LATEST_MS = 60_000;

/** Reads the results of a node at its outlets. */
export class Outlets {
  readonly #waiter: Waiter;
  readonly #arrivals: Readonly<Record<Outlet, Arrival[]>> = { broker: [], 'control socket': [] };

  /** Ends with the run. */
  constructor(run: BenchRun, node: VigiaNode, broker: StateBroker) {
    this.#waiter = new Waiter(run.signal);
    const args = ['-h', '127.0.0.1', '-p', new URL(broker.url).port, '-t', 'vigia/+/+/+/result'];
    const subscriber = spawn(SUBSCRIBER, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    run.scope.defer(() => endChild(subscriber));
    createInterface({ input: subscriber.stdout }).on('line', (line) => this.#take('broker', JSON.parse(line)));
    const end = new AbortController();
    run.scope.defer(() => end.abort());
    void this.#watch(node, end.signal).catch((error: unknown) => run.progress(`control socket: ${String(error)}`));
  }

  /** Waits until each outlet has a result of each camera that was decided at that wall time or later. */
  async passed(cameras: readonly string[], wallMs: number): Promise<void> {
    const isPassed = (outlet: Outlet, id: string): boolean =>
      this.#arrivals[outlet].some(({ camera, decidedMs }) => camera === id && decidedMs >= wallMs);
    for (const outlet of OUTLETS) {
      const look = (): true | undefined => cameras.every((id) => isPassed(outlet, id)) || undefined;
      await this.#waiter.until(`later results at the ${outlet}`, look, LATEST_MS);
    }
  }

  /** From decision to arrival, of the results that were decided between two monotonic times: milliseconds. */
  delays(outlet: Outlet, fromMs: number, untilMs: number, wallOffsetMs: number): number[] {
    return this.#arrivals[outlet].flatMap(({ decidedMs, atMs }) => {
      const monotonicMs = decidedMs - wallOffsetMs;
      return monotonicMs >= fromMs && monotonicMs < untilMs ? [atMs - monotonicMs] : [];
    });
  }

  async #watch(node: VigiaNode, signal: AbortSignal): Promise<void> {
    const api = createClient({ send: socketSender(join(node.runDir, 'control.sock')) });
    for await (const item of api.watch({ types: ['result'], signal }))
      if (item.type === 'result') this.#take('control socket', item.result);
  }

  #take(outlet: Outlet, { camera, captured_at, age_ms }: ResultMessage): void {
    // `captured_at` was truncated to whole milliseconds twice (the clock's reading, and the text): 1 ms on average.
    const decidedMs = Date.parse(captured_at) + 1 + age_ms;
    this.#arrivals[outlet].push({ camera, decidedMs, atMs: systemClock.nowMs() });
    this.#waiter.wake();
  }
}
