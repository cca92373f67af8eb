import { type Clock, type Log, messageOf } from '@vigia/base';
import type { FromWorker, WorkerProcessReport, WorkerResult, WorkerWants } from '@vigia/contracts';
import { WORKER_PROTOCOL_VERSION } from '@vigia/contracts';
import type { WorkerConsumerSetup } from '#core/camera-link';
import { type EndReason, Lifecycle, type LifecycleState } from './lifecycle.ts';
import type { WorkerLink, WorkerLinkEvents } from './worker-link.ts';
import { WorkerLog } from './worker-log.ts';
import { type WorkerLook, WorkerVitals } from './worker-vitals.ts';

/** Options of {@link SupervisedWorker}. */
export interface SupervisedWorkerOptions<L extends WorkerLink> {
  readonly setup: WorkerConsumerSetup;
  readonly clock: Clock;
  readonly log: Log;
  /** Starts the process or thread. May throw. */
  readonly open: (events: WorkerLinkEvents) => L;
  /** @returns the reason when it cannot have the pictures that it wants. */
  readonly onReady: (wants: WorkerWants | undefined) => string | undefined;
  /** @returns what is wrong when no such result was asked for. */
  readonly onResult: (result: WorkerResult) => string | undefined;
  /** It is gone, or about to be: the frame that it has gets no answer. */
  readonly onGone: (reason: EndReason) => void;
  readonly onState: (state: LifecycleState) => void;
}

/** Characters of its last line that go into the reason of its end. */
const LAST_WORDS = 160;

/**
 * A worker that is watched and restarted, in a process or a thread. Owns that process or thread. Knows nothing of frames:
 * `watch` and `sent` report that one is out, and callbacks report that the worker is ready, has answered or is gone.
 */
export class SupervisedWorker<L extends WorkerLink> {
  readonly #o: SupervisedWorkerOptions<L>;
  readonly #lifecycle: Lifecycle;
  readonly #vitals: WorkerVitals;
  readonly #log: WorkerLog;
  #link: L | undefined;
  #name: string | null = null;
  #protocolErrors = 0;
  #lastExit: WorkerProcessReport['last_exit'] = null;
  #closing: Promise<void> | undefined;

  constructor(options: SupervisedWorkerOptions<L>) {
    this.#o = options;
    const { setup, clock, log } = options;
    this.#log = new WorkerLog(clock, log);
    this.#vitals = new WorkerVitals(setup);
    this.#lifecycle = new Lifecycle({
      clock,
      sla: setup.sla,
      policy: setup.worker.restart,
      startTimeoutMs: setup.worker.startTimeoutMs,
      start: () => this.#open(),
      kill: (reason, gently) => this.#kill(reason, gently),
      onState: (state) => options.onState(state),
    });
  }

  /** The process or thread, while frames may be sent to it. */
  get ready(): L | undefined {
    return this.#lifecycle.up ? this.#link : undefined;
  }

  get state(): LifecycleState {
    return this.#lifecycle.current;
  }

  get restarts(): number {
    return this.#lifecycle.restarts;
  }

  /** The last lines of its standard error. */
  get lastLines(): readonly string[] {
    return this.#log.last;
  }

  start(): void {
    this.#lifecycle.start();
  }

  /** A frame was sent to it. */
  sent(): void {
    this.#vitals.sign(this.#o.clock.nowMs());
  }

  /** Checks its health. Called about twice a second. */
  watch(look: WorkerLook): void {
    const now = this.#o.clock.nowMs();
    this.#vitals.observe(look, now);
    const found = this.#lifecycle.up ? this.#vitals.diagnose(look, now) : undefined;
    if (found?.kind === 'fatal') this.#fail(found.reason, found.healthyUntilMs);
    else if (found) this.#lifecycle.health(found.state, found.reason);
  }

  /** It reads no more frames and has not ended: it must end. */
  leftLoop(): void {
    if (this.#lifecycle.up) this.#fail({ code: 'left_loop', message: 'left its loop over the frames' });
  }

  /** See `WorkerControl.end`. */
  end({ code, message }: EndReason, pid: number): void {
    if (this.#link?.pid === pid) this.#fail({ code, message });
  }

  /** See `WorkerControl.restart`. */
  restart(): void {
    this.#lifecycle.restart({ code: 'asked', message: 'was asked to start again' });
  }

  /** Asks it to end, then ends it. Resolves when it is gone. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  report(): WorkerProcessReport {
    const { used, allowed } = this.#lifecycle.budget;
    return {
      pid: this.#link?.pid ?? null,
      name: this.#name,
      transport: this.#o.setup.worker.transport,
      restarts_used: used,
      restarts_allowed: allowed,
      protocol_errors: this.#protocolErrors,
      log_dropped: this.#log.dropped,
      last_exit: this.#lastExit,
    };
  }

  #open(): void {
    this.#log.clear();
    try {
      this.#link = this.#openLink();
    } catch (error) {
      const message = `cannot be started (${messageOf(error)})`;
      queueMicrotask(() => this.#onExit({ code: 'not_started', message }));
    }
  }

  /** Events of a link that was replaced are ignored, but for its last lines. */
  #openLink(): L {
    let link: L | undefined;
    const guarded =
      <T extends unknown[]>(handle: (...args: T) => void) =>
      (...args: T): void => {
        if (this.#link === link) handle(...args);
      };
    link = this.#o.open({
      onMessage: guarded((message: FromWorker) => this.#onMessage(message)),
      onProtocolError: guarded((message: string) => this.#protocolError(message)),
      onInputClosed: guarded(() => this.leftLoop()),
      onLine: (line) => this.#log.line(line),
      onExit: guarded((reason: EndReason) => this.#onExit(reason)),
    });
    return link;
  }

  #onMessage(message: FromWorker): void {
    switch (message.type) {
      case 'ready':
        this.#onReady(message.protocol, message.name, message.wants);
        break;
      case 'result':
        this.#onResult(message);
        break;
      case 'log':
        this.#log.write(message.level, message.message);
        break;
      default:
        this.#vitals.sign(this.#o.clock.nowMs());
        this.#lifecycle.heartbeat();
    }
  }

  #onResult(result: WorkerResult): void {
    this.#vitals.answered(this.#o.clock.nowMs());
    const problem = this.#lifecycle.up ? this.#o.onResult(result) : 'a result came before `ready`';
    if (problem === undefined) this.#onAnswered();
    else this.#protocolError(problem);
  }

  #onReady(protocol: number, name: string, wants: WorkerWants | undefined): void {
    if (this.#lifecycle.up) {
      this.#protocolError('a second `ready`');
      return;
    }
    if (protocol !== WORKER_PROTOCOL_VERSION) {
      const message = `speaks protocol ${protocol}, ${WORKER_PROTOCOL_VERSION} is understood`;
      this.#fail({ code: 'refused', message });
      return;
    }
    this.#name = name;
    const refused = this.#o.onReady(wants);
    if (refused !== undefined) {
      this.#fail({ code: 'refused', message: refused });
      return;
    }
    this.#vitals.ready(this.#o.clock.nowMs());
    this.#lifecycle.ready();
  }

  /** The first answer, and one that ends idleness, show at once; `watch` sees the rest. */
  #onAnswered(): void {
    const { state } = this.#lifecycle.current;
    if (state === 'ready' || state === 'idle') this.#lifecycle.health('running', null);
  }

  #protocolError(message: string): void {
    this.#protocolErrors += 1;
    this.#fail({ code: 'protocol_error', message: `broke the protocol: ${message}` });
  }

  /** @param healthyUntilMs When it was last healthy. Default: now. */
  #fail(reason: EndReason, healthyUntilMs?: number): void {
    if (this.#lifecycle.fail(reason, healthyUntilMs)) this.#o.log.warn(reason.message);
  }

  #kill(reason: EndReason, gently: boolean): void {
    this.#o.onGone(reason);
    if (gently) void this.#link?.stop();
    else this.#link?.kill();
  }

  #onExit(exit: EndReason): void {
    this.#link = undefined;
    const stderr = [...this.#log.last];
    const reason = withLastWords(exit, stderr.at(-1));
    this.#o.onGone(reason);
    this.#lifecycle.exited(reason);
    // The end of a worker that is closed is no event to look into.
    if (this.state.state === 'stopped') return;
    const at = new Date(this.#o.clock.wallMs()).toISOString();
    this.#lastExit = { at, reason: this.state.reason?.message ?? reason.message, stderr };
  }

  async #close(): Promise<void> {
    const link = this.#link;
    this.#lifecycle.stop();
    await link?.stop();
    this.#link = undefined;
  }
}

/** The last line of its log often says best why it ended. */
function withLastWords({ code, message }: EndReason, lastLine: string | undefined): EndReason {
  if (code !== 'exited' || lastLine === undefined || message.includes(lastLine)) return { code, message };
  return { code, message: `${message} (${lastLine.trim().slice(0, LAST_WORDS)})` };
}
