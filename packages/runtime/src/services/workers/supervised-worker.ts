import { type Clock, type Log, messageOf } from '@vigia/base';
import type { FromWorker, WorkerProcessReport, WorkerResult, WorkerWants } from '@vigia/contracts';
import { WORKER_PROTOCOL_VERSION } from '@vigia/contracts';
import { IDLE_INTERVALS, idleRestartMs, type WorkerConsumerSetup } from '#core/camera-link';
import { type EndReason, Lifecycle, type LifecycleState } from './lifecycle.ts';
import type { WorkerLink, WorkerLinkEvents } from './worker-link.ts';
import { WorkerLog } from './worker-log.ts';

/** Options of {@link SupervisedWorker}. */
export interface SupervisedWorkerOptions<L extends WorkerLink> {
  readonly setup: WorkerConsumerSetup;
  readonly clock: Clock;
  readonly log: Log;
  /** Starts the process or thread. May throw. */
  readonly open: (events: WorkerLinkEvents) => L;
  /** Whether it may have the pictures that it wants: a sentence when not. */
  readonly onReady: (wants: WorkerWants | undefined) => string | undefined;
  /** @returns a sentence when no such result was asked for. */
  readonly onResult: (result: WorkerResult) => string | undefined;
  /** It is gone, or about to be: whatever was out gets no answer. */
  readonly onGone: (reason: EndReason) => void;
  readonly onState: (state: LifecycleState) => void;
}

/** `watch` comes twice a second: after so long we stood still. Milliseconds. */
const STOOD_STILL_MS = 3_000;
/** A worker whose frames come and that answers none for so long is idle. Milliseconds. */
const IDLE_MS = 10_000;
/** Characters of its last line that go into the reason of its end. */
const LAST_WORDS = 160;
/**
 * A worker that is watched and restarted, be it a process or a thread. Knows nothing of frames: it is told when one is
 * out, and tells when the worker is ready, has answered, or is gone. Owns the process that runs.
 */
export class SupervisedWorker<L extends WorkerLink> {
  readonly #o: SupervisedWorkerOptions<L>;
  readonly #lifecycle: Lifecycle;
  #watchedMs: number | undefined;
  /** As it was told last, and how much of it nobody is to blame for. */
  #waitingMs = 0;
  #excusedMs = 0;
  readonly #log: WorkerLog;
  #link: L | undefined;
  #name: string | null = null;
  #protocolErrors = 0;
  #lastExit: WorkerProcessReport['last_exit'] = null;
  /** When the worker last answered, or became ready. */
  #answeredMs = 0;
  /** When the worker last gave any sign while a frame was out, or got that frame. */
  #signMs = 0;
  #answered = false;
  #closing: Promise<void> | undefined;

  constructor(options: SupervisedWorkerOptions<L>) {
    this.#o = options;
    const { setup, clock, log } = options;
    this.#log = new WorkerLog(clock, log);
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
    this.#signMs = this.#o.clock.nowMs();
  }

  /** Looks after it; to be called about twice a second. */
  watch(look: {
    /** A frame was sent and is not answered. */
    readonly frameOut: boolean;
    /** For how long it has had a frame, or could have had one, without an answer. Milliseconds; 0 when it waits for one. */
    readonly waitingMs: number;
    /** Milliseconds between two frames that it should get. */
    readonly intervalMs: number;
    /** What its SLA says; null when it is kept. */
    readonly breach: string | null;
  }): void {
    const { setup, clock } = this.#o;
    const now = clock.nowMs();
    this.#forgive(now, look.waitingMs);
    if (!this.#lifecycle.up) return;
    const hangMs = setup.worker.hangTimeoutMs;
    if (look.frameOut && now - this.#signMs >= hangMs) {
      this.#fail('hung', `gave no sign for ${seconds(now - this.#signMs)} with a frame in its hands`, this.#signMs);
      return;
    }
    const waitingMs = look.waitingMs === 0 ? 0 : Math.max(1, look.waitingMs - this.#excusedMs);
    if (setup.sla === 'critical' && waitingMs >= idleRestartMs(look.intervalMs)) {
      this.#fail('idle', `answered nothing for ${seconds(waitingMs)} while frames came`, now - waitingMs);
      return;
    }
    const idleMs = Math.max(IDLE_MS, IDLE_INTERVALS * look.intervalMs);
    if (waitingMs >= idleMs)
      this.#lifecycle.health('idle', { code: 'no_answer', message: 'answers none, though frames come' });
    else if (waitingMs === 0 && now - this.#answeredMs >= idleMs)
      this.#lifecycle.health('idle', { code: 'no_frames', message: 'gets no frames: its camera gives none' });
    else if (look.breach !== null) this.#lifecycle.health('breaching', { code: 'sla', message: look.breach });
    else if (this.#answered) this.#lifecycle.health('running', null);
  }

  /**
   * We stood still ourselves: a machine that was suspended or frozen, a container that was paused. The worker did too, and
   * is not to blame for that time.
   */
  #forgive(now: number, waitingMs: number): void {
    const sinceMs = now - (this.#watchedMs ?? now);
    this.#watchedMs = now;
    if (sinceMs >= STOOD_STILL_MS) {
      this.#signMs = Math.min(now, this.#signMs + sinceMs);
      this.#answeredMs = Math.min(now, this.#answeredMs + sinceMs);
      this.#excusedMs += sinceMs;
    }
    // Another frame: what was excused was excused for the one before.
    if (waitingMs < this.#waitingMs) this.#excusedMs = 0;
    this.#waitingMs = waitingMs;
  }

  /** It reads no more frames, and has not ended: nothing can be expected of it any more. */
  leftLoop(): void {
    if (this.#lifecycle.up) this.#fail('left_loop', 'left its loop over the frames');
  }

  /** It must go, for a reason that others saw. A process that took the place of the one that was meant is left alone. */
  end({ code, message }: EndReason, pid: number): void {
    if (this.#link?.pid === pid) this.#fail(code, message);
  }

  /** Somebody wants it to be started again: at once, with its whole budget, and if it has failed too. */
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
    this.#answered = false;
    let link: L | undefined;
    const mine = (): boolean => this.#link === link;
    try {
      link = this.#o.open({
        onMessage: (message) => {
          if (mine()) this.#onMessage(message);
        },
        onProtocolError: (message) => {
          if (mine()) this.#protocolError(message);
        },
        onInputClosed: () => {
          if (mine()) this.leftLoop();
        },
        onLine: (line) => this.#log.line(line),
        onExit: (reason) => {
          if (mine()) this.#onExit(reason);
        },
      });
      this.#link = link;
    } catch (error) {
      const message = `cannot be started (${messageOf(error)})`;
      queueMicrotask(() => this.#onExit({ code: 'not_started', message }));
    }
  }

  #onMessage(message: FromWorker): void {
    switch (message.type) {
      case 'ready':
        this.#onReady(message.protocol, message.name, message.wants);
        break;
      case 'result': {
        const now = this.#o.clock.nowMs();
        this.#answeredMs = now;
        this.#signMs = now;
        const problem = this.#lifecycle.up ? this.#o.onResult(message) : 'a result came before `ready`';
        if (problem === undefined) this.#onAnswered();
        else this.#protocolError(problem);
        break;
      }
      case 'log':
        this.#log.write(message.level, message.message);
        break;
      default:
        this.#signMs = this.#o.clock.nowMs();
        this.#lifecycle.heartbeat();
    }
  }

  #onReady(protocol: number, name: string, wants: WorkerWants | undefined): void {
    if (this.#lifecycle.up) {
      this.#protocolError('a second `ready`');
      return;
    }
    if (protocol !== WORKER_PROTOCOL_VERSION) {
      this.#fail('refused', `speaks protocol ${protocol}, ${WORKER_PROTOCOL_VERSION} is understood`);
      return;
    }
    this.#name = name;
    const refused = this.#o.onReady(wants);
    if (refused !== undefined) {
      this.#fail('refused', refused);
      return;
    }
    const now = this.#o.clock.nowMs();
    this.#answeredMs = now;
    this.#signMs = now;
    this.#lifecycle.ready();
  }

  #onAnswered(): void {
    this.#answered = true;
    // At once the first time; the rest is seen by `watch`.
    if (this.#lifecycle.current.state === 'ready' || this.#lifecycle.current.state === 'idle')
      this.#lifecycle.health('running', null);
  }

  #protocolError(message: string): void {
    this.#protocolErrors += 1;
    this.#fail('protocol_error', `broke the protocol: ${message}`);
  }

  /** @param healthyUntilMs It was not healthy since then. */
  #fail(code: string, message: string, healthyUntilMs?: number): void {
    if (this.#lifecycle.fail({ code, message }, healthyUntilMs)) this.#o.log.warn(message);
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
    if (!this.#closing) {
      const at = new Date(this.#o.clock.wallMs()).toISOString();
      this.#lastExit = { at, reason: reason.message, stderr };
    }
    this.#o.onGone(reason);
    this.#lifecycle.exited(reason);
    if (this.#lastExit) this.#lastExit = { ...this.#lastExit, reason: this.state.reason?.message ?? reason.message };
  }

  async #close(): Promise<void> {
    const link = this.#link;
    this.#lifecycle.stop();
    await link?.stop();
    this.#link = undefined;
  }
}

/** Why it ended says its last line best. */
function withLastWords({ code, message }: EndReason, lastLine: string | undefined): EndReason {
  if (code !== 'exited' || lastLine === undefined || message.includes(lastLine)) return { code, message };
  return { code, message: `${message} (${lastLine.trim().slice(0, LAST_WORDS)})` };
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
