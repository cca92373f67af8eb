import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Clock, type Log, type LogRecord, VigiaError } from '@vigia/base';
import type { HealthProblem } from '@vigia/contracts';
import type { CameraSetup } from '#core/camera-link';
import { LIVE_WORDS, type LiveCameras, type LiveWords, NODE_LIVE_WORDS, type NodeLiveWords } from '#core/live-link';
import { WatchedChild } from '#node/children';
import { liveMemoryLimit, type Plan, type PlannedHttp } from '#node/plan';

const ENTRY = fileURLToPath(new URL('../live/live-process.js', import.meta.url));
const READY_MS = 10_000;
const STOP_MS = 700;
const SILENT_TICKS = 10;
/** Nobody has looked, or asked, for this long: the process ends. Milliseconds. */
const IDLE_MS = 60_000;

/** Options of {@link LiveHandle}. */
export interface LiveHandleOptions {
  readonly runDir: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly onLog: (record: LogRecord) => void;
}

/** One run of the process, with what waits for it. */
interface Run {
  readonly child: WatchedChild<NodeLiveWords, LiveWords>;
  /** Resolves when offers are answered; another promise after each end of the process. */
  ready: Promise<void>;
  settle: { resolve(): void; reject(error: Error): void };
}

/**
 * The supervisor's side of the live process. There is none until somebody wants to look, and none a minute after the last one
 * left. Its end costs viewers their connection, and nothing else.
 */
export class LiveHandle {
  readonly #o: LiveHandleOptions;
  readonly #socketPath: string;
  #http: PlannedHttp | undefined;
  #setups: readonly CameraSetup[] = [];
  #run: Run | undefined;
  #leaving: Promise<void> = Promise.resolve();
  #failure: string | undefined;
  /** When somebody looked or asked. Monotonic milliseconds. */
  #usedMs = 0;
  #stopped = false;

  constructor(options: LiveHandleOptions) {
    this.#o = options;
    this.#socketPath = join(options.runDir, 'live.sock');
  }

  get pid(): number | undefined {
    return this.#run?.child.pid;
  }

  /** What is wrong with it, while somebody wants it. */
  get problems(): readonly HealthProblem[] {
    if (this.#failure === undefined || !this.#run) return [];
    return [{ code: 'live', camera: '_node', message: `there is no live video: ${this.#failure}` }];
  }

  /** The node has other cameras, or another address. Viewers at another address have to come again. */
  use({ http, cameras }: Pick<Plan, 'http' | 'cameras'>): void {
    const moved = http?.listen !== this.#http?.listen;
    this.#http = http;
    this.#setups = cameras;
    if (moved) this.#leave();
    else this.#run?.child.link?.notify('cameras', this.#cameras());
  }

  /**
   * Where offers for a camera are answered. Starts the process if there is none.
   *
   * @throws VigiaError `not_found`; `privacy`; `no_live` when there can be no such process, or it does not start.
   */
  async open(id: string): Promise<string> {
    const camera = this.#setups.find((setup) => setup.camera === id);
    if (!camera) throw new VigiaError('not_found', `there is no camera "${id}"`);
    if (camera.privacy.length > 0)
      throw new VigiaError('privacy', `camera ${id} has privacy zones, which its live video would show`);
    if (!this.#http) throw new VigiaError('no_live', 'live video needs `http.listen`');
    this.#usedMs = this.#o.clock.nowMs();
    await this.#leaving;
    if (this.#stopped) throw new VigiaError('stopping', 'the node is stopping');
    this.#run ??= this.#begin(this.#http);
    await this.#run.ready;
    return this.#socketPath;
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#leave();
    await this.#leaving;
  }

  #begin(http: PlannedHttp): Run {
    const { clock, log, onLog } = this.#o;
    const run = { ...waiting() } as { -readonly [K in keyof Run]: Run[K] };
    run.child = new WatchedChild<NodeLiveWords, LiveWords>({
      name: 'live',
      entry: ENTRY,
      clock,
      log,
      onLog,
      socketPath: this.#socketPath,
      speaks: NODE_LIVE_WORDS,
      hears: LIVE_WORDS,
      handlers: { requests: {}, notices: { viewers: ({ viewers }) => this.#heard(run, viewers) } },
      setUp: async (link, deadlineMs) => {
        const setup = { socketPath: this.#socketPath, ...placeOf(http), cameras: this.#cameras() };
        await link.request('setup', setup, { deadlineMs });
        this.#failure = undefined;
        run.settle.resolve();
      },
      readyMs: READY_MS,
      stopMs: STOP_MS,
      silentTicks: SILENT_TICKS,
      memoryLimit: () => liveMemoryLimit(this.#setups),
      onEnd: (ended, failure) => {
        this.#failure = failure ?? `its process ${ended}`;
        run.settle.reject(new VigiaError('no_live', `there is no live video: ${this.#failure}`));
        Object.assign(run, waiting());
        this.#leaveIfIdle(run);
      },
    });
    run.child.start();
    return run;
  }

  #heard(run: Run, viewers: number): void {
    run.child.heard();
    if (viewers > 0) this.#usedMs = this.#o.clock.nowMs();
    this.#leaveIfIdle(run);
  }

  /** Nobody wants it any more: it ends, or, if it cannot begin, is not tried again. */
  #leaveIfIdle(run: Run): void {
    if (this.#run === run && this.#o.clock.nowMs() - this.#usedMs >= IDLE_MS) this.#leave();
  }

  #leave(): void {
    const run = this.#run;
    this.#run = undefined;
    this.#failure = undefined;
    if (!run) return;
    run.settle.reject(new VigiaError('no_live', 'live video is being moved or ended'));
    // One address is used once.
    this.#leaving = Promise.all([this.#leaving, run.child.stop()]).then(() => undefined);
  }

  #cameras(): LiveCameras {
    const open = this.#setups.filter(({ privacy }) => privacy.length === 0);
    return Object.fromEntries(
      open.map(({ camera, relay, units, detectSource, smallUnits }) => [
        camera,
        { units: relay ?? units, ...(detectSource ? { small: smallUnits } : {}) },
      ]),
    );
  }
}

/** What waits for a process. Nobody may wait: its failure is no error then. */
function waiting(): Pick<Run, 'ready' | 'settle'> {
  let settle: Run['settle'] | undefined;
  const ready = new Promise<void>((resolve, reject) => {
    settle = { resolve, reject };
  });
  ready.catch(() => undefined);
  return { ready, settle: settle as unknown as Run['settle'] };
}

function placeOf({ listen }: PlannedHttp): { readonly host: string; readonly port: number } {
  const colon = listen.lastIndexOf(':');
  return { host: listen.slice(0, colon), port: Number(listen.slice(colon + 1)) };
}
