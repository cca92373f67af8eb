import { createLog, FakeClock, type LogRecord } from '@vigia/base';
import type { FromWorker, SlaClass } from '@vigia/contracts';
import { describe, expect, test } from 'vitest';
import type { WorkerConsumerSetup } from '#core/camera-link';
import { SupervisedWorker } from './supervised-worker.ts';
import type { WorkerLink, WorkerLinkEvents } from './worker-link.ts';

/** A worker that does what the test says. */
class FakeLink implements WorkerLink {
  readonly pid: number;
  readonly events: WorkerLinkEvents;
  killed = 0;

  constructor(events: WorkerLinkEvents, pid: number) {
    this.events = events;
    this.pid = pid;
  }

  say(message: FromWorker): void {
    this.events.onMessage(message);
  }

  stop(): Promise<void> {
    this.events.onExit({ code: 'exited', message: 'exited with code 0' });
    return Promise.resolve();
  }

  kill(): void {
    this.killed += 1;
  }

  end(): void {
    this.events.onExit({ code: 'signalled', message: 'was ended by SIGKILL' });
  }
}

class Stage {
  readonly clock = new FakeClock();
  readonly states: string[] = [];
  readonly gone: string[] = [];
  readonly logged: LogRecord[] = [];
  readonly links: FakeLink[] = [];
  readonly worker: SupervisedWorker<FakeLink>;
  /** How long a frame has been waiting without an answer. */
  #waitedMs = 0;
  /** What the consumer says about a result. */
  problem: string | undefined;
  refused: string | undefined;

  constructor(sla: SlaClass = 'critical') {
    const setup = {
      id: 'c',
      sla,
      worker: {
        id: 'w',
        transport: 'shm',
        startTimeoutMs: 30_000,
        hangTimeoutMs: 10_000,
        restart: { delaysMs: [1_000], unlimited: false, probeMs: undefined },
      },
    } as unknown as WorkerConsumerSetup;
    this.worker = new SupervisedWorker<FakeLink>({
      setup,
      clock: this.clock,
      log: createLog('w', (record) => this.logged.push(record), 'debug', this.clock),
      open: (events) => {
        const link = new FakeLink(events, 4_711 + this.links.length);
        this.links.push(link);
        return link;
      },
      onReady: () => this.refused,
      onResult: () => this.problem,
      onGone: ({ code }) => this.gone.push(code),
      onState: ({ state, reason }) => this.states.push(reason ? `${state} ${reason.code}` : state),
    });
    this.worker.start();
  }

  get link(): FakeLink {
    return this.links.at(-1) as FakeLink;
  }

  ready(): this {
    this.link.say({ type: 'ready', protocol: 1, name: 'fake' });
    return this;
  }

  answer(): void {
    this.#waitedMs = 0;
    this.link.say({ type: 'result', seq: 1 });
  }

  /** Nothing runs, a frame waits on. */
  freeze(ms: number): void {
    this.clock.freeze(ms);
    this.#waitedMs += ms;
  }

  /** Looks twice a second. */
  run(ms: number, { frameOut = false, waits = true, intervalMs = 100, breach = null as string | null } = {}): void {
    for (let t = 0; t < ms; t += 500) {
      this.clock.advance(500);
      this.#waitedMs = waits ? this.#waitedMs + 500 : 0;
      this.worker.watch({ frameOut, waitingMs: this.#waitedMs, intervalMs, breach });
    }
  }
}

describe('an end that others request', () => {
  const memory = { code: 'memory', message: 'uses 2.00 GiB of memory, 1.00 GiB are allowed' };

  test('ends the requested process, then the restart policy applies', () => {
    const stage = new Stage().ready();
    stage.worker.end(memory, stage.link.pid);
    expect(stage.link.killed).toBe(1);
    stage.link.end();
    expect(stage.states).toEqual(['starting', 'ready', 'restarting memory']);
    expect(stage.worker.report().last_exit?.reason).toBe(memory.message);
  });

  test('also ends a worker that is not ready yet', () => {
    const stage = new Stage();
    stage.worker.end(memory, stage.link.pid);
    expect(stage.link.killed).toBe(1);
  });

  test('a repeated or late request has no effect, and the successor is not affected', () => {
    const stage = new Stage().ready();
    const { link } = stage;
    stage.worker.end(memory, link.pid);
    stage.worker.end(memory, link.pid);
    expect(link.killed).toBe(1);
    expect(stage.logged).toHaveLength(1);
    link.end();
    stage.clock.advance(1_000);
    stage.ready();
    stage.worker.end(memory, link.pid);
    expect(stage.link).not.toBe(link);
    expect(stage.link.killed).toBe(0);
    expect(stage.gone).toEqual(['memory', 'signalled']);
  });
});

describe('idleness (WL5)', () => {
  test('a critical worker that answers nothing while frames come is idle after 10 s, and restarted after 30', () => {
    const stage = new Stage().ready();
    stage.answer();
    stage.run(9_500);
    expect(stage.states).toEqual(['starting', 'ready', 'running']);
    stage.run(500);
    expect(stage.states.at(-1)).toBe('idle no_answer');
    stage.run(19_500);
    expect(stage.link.killed).toBe(0);
    stage.run(500);
    expect(stage.link.killed).toBe(1);
    stage.link.end();
    expect(stage.states.at(-1)).toBe('restarting idle');
  });

  test('other classes stay idle; an answer ends it', () => {
    const stage = new Stage('high').ready();
    stage.answer();
    stage.run(120_000);
    expect(stage.link.killed).toBe(0);
    expect(stage.states.at(-1)).toBe('idle no_answer');
    stage.answer();
    expect(stage.states.at(-1)).toBe('running');
  });

  test('without frames it is idle too, and not restarted', () => {
    const stage = new Stage().ready();
    stage.answer();
    stage.run(120_000, { waits: false });
    expect(stage.states.at(-1)).toBe('idle no_frames');
    expect(stage.link.killed).toBe(0);
  });

  test('an outage of its camera does not count: the time starts with the frame that it has', () => {
    const stage = new Stage().ready();
    stage.answer();
    stage.run(300_000, { waits: false });
    stage.worker.sent();
    stage.run(5_000, { frameOut: true });
    expect(stage.link.killed).toBe(0);
    expect(stage.states.at(-1)).toBe('running');
  });

  test('a worker with a frame a minute has three minutes', () => {
    const stage = new Stage().ready();
    stage.answer();
    stage.run(179_500, { intervalMs: 60_000 });
    expect(stage.states.at(-1)).toBe('running');
    stage.run(500, { intervalMs: 60_000 });
    expect(stage.link.killed).toBe(1);
  });
});

test('time in which it hung refills nothing (WL4)', () => {
  const stage = new Stage('normal').ready();
  stage.link.end();
  stage.clock.advance(1_000);
  stage.ready();
  stage.worker.sent();
  // Ready for two minutes, healthy for none.
  stage.clock.advance(120_000);
  stage.worker.watch({ frameOut: true, waitingMs: 120_000, intervalMs: 100, breach: null });
  stage.link.end();
  expect(stage.states.at(-1)).toBe('failed hung');
});

test('a worker that leaves its loop is ended, and the reason contains the last line of its log', () => {
  const stage = new Stage('normal').ready();
  stage.worker.leftLoop();
  expect(stage.link.killed).toBe(1);
  stage.link.end();
  expect(stage.states.at(-1)).toBe('restarting left_loop');
  const other = new Stage('normal').ready();
  other.link.events.onLine('ValueError: no such bed');
  other.link.events.onExit({ code: 'exited', message: 'exited with code 1' });
  expect(other.worker.state.reason?.message).toBe('exited with code 1 (ValueError: no such bed)');
});

describe('a suspended machine', () => {
  test('kills no worker for the suspended time, but those that hang later', () => {
    const stage = new Stage().ready();
    stage.answer();
    stage.worker.sent();
    stage.run(1_000, { frameOut: true });
    stage.clock.freeze(600_000);
    stage.run(9_000, { frameOut: true });
    expect(stage.link.killed).toBe(0);
    stage.run(2_000, { frameOut: true });
    expect(stage.link.killed).toBe(1);
    expect(stage.gone).toEqual(['hung']);
  });

  test('nor a critical one for idleness: the suspended time is not counted, until its next frame', () => {
    const stage = new Stage().ready();
    stage.answer();
    stage.run(5_000);
    stage.freeze(600_000);
    stage.run(1_000);
    expect(stage.states.at(-1)).toBe('running');
    expect(stage.link.killed).toBe(0);
    stage.run(25_000);
    expect(stage.link.killed).toBe(1);
    expect(stage.gone).toEqual(['idle']);
  });

  test('nor one that is starting: its start timeout begins again', () => {
    const stage = new Stage();
    stage.clock.advance(20_000);
    stage.clock.freeze(600_000);
    stage.clock.advance(29_000);
    expect(stage.link.killed).toBe(0);
    stage.clock.advance(1_000);
    expect(stage.link.killed).toBe(1);
    expect(stage.gone).toEqual(['not_ready']);
  });
});

test('a worker that has closed its input and still runs has left its loop', () => {
  const stage = new Stage().ready();
  stage.link.events.onInputClosed();
  stage.link.events.onInputClosed();
  stage.link.end();
  expect(stage.states.at(-1)).toBe('restarting left_loop');
  // Reported once, because the worker was already being ended.
  expect(stage.logged.map(({ message }) => message)).toEqual(['left its loop over the frames']);
});

describe('hanging', () => {
  test('a worker with a frame and no sign of life for the hang timeout is killed; a heartbeat is a sign of life', () => {
    const stage = new Stage('normal').ready();
    stage.worker.sent();
    stage.run(9_500, { frameOut: true });
    stage.link.say({ type: 'heartbeat' });
    stage.run(9_500, { frameOut: true });
    expect(stage.link.killed).toBe(0);
    stage.run(500, { frameOut: true });
    expect(stage.link.killed).toBe(1);
    // Reported at once and again when it is gone: callers need not wait for an answer.
    expect(stage.gone).toEqual(['hung']);
  });

  test('heartbeats do not keep a critical worker alive that never answers', () => {
    const stage = new Stage().ready();
    stage.worker.sent();
    for (let s = 0; s < 29; s += 1) {
      stage.run(1_000, { frameOut: true });
      stage.link.say({ type: 'heartbeat' });
    }
    expect(stage.link.killed).toBe(0);
    stage.run(1_000, { frameOut: true });
    expect(stage.link.killed).toBe(1);
  });
});

describe('its messages', () => {
  test('a breach of its SLA is a state with a reason, until it is over', () => {
    const stage = new Stage('high').ready();
    stage.answer();
    stage.run(500, { breach: '3 of 10 turns' });
    expect(stage.states.at(-1)).toBe('breaching sla');
    expect(stage.worker.state.reason?.message).toBe('3 of 10 turns');
    stage.answer();
    stage.run(500);
    expect(stage.states.at(-1)).toBe('running');
  });

  test.each([
    ['a second ready', (s: Stage) => s.ready()],
    [
      'a result that was not asked for',
      (s: Stage) => ((s.problem = 'a result for frame 1 while none was out'), s.answer()),
    ],
    ['something that is not in the protocol', (s: Stage) => s.link.events.onProtocolError('text on standard output')],
  ])('%s is a protocol error: counted, killed, reported once', (_, act) => {
    const stage = new Stage('normal').ready();
    act(stage);
    expect(stage.link.killed).toBe(1);
    expect(stage.worker.ready).toBeUndefined();
    stage.link.end();
    expect(stage.worker.report().protocol_errors).toBe(1);
    expect(stage.worker.state.reason?.message).toMatch(/^broke the protocol: /);
    expect(stage.states.at(-1)).toBe('restarting protocol_error');
    expect(stage.gone).toEqual(['protocol_error', 'signalled']);
  });

  test('a result before ready, another protocol, too large an input: refused with the reason', () => {
    const early = new Stage('normal');
    early.answer();
    expect(early.link.killed).toBe(1);
    const other = new Stage('normal');
    other.link.say({ type: 'ready', protocol: 2, name: 'x' });
    other.link.end();
    expect(other.worker.state.reason?.message).toBe('speaks protocol 2, 1 is understood');
    const large = new Stage('normal');
    large.refused = 'wants RGB24 9×9';
    large.ready();
    large.link.end();
    expect(large.states.at(-1)).toBe('restarting refused');
  });

  test('the last 50 lines are kept, 20 a second go on to the log, and the next process starts empty', () => {
    const stage = new Stage('normal').ready();
    for (let i = 0; i < 80; i += 1) stage.link.events.onLine(`line ${i}`);
    expect(stage.worker.lastLines).toHaveLength(50);
    expect(stage.worker.lastLines.at(-1)).toBe('line 79');
    expect(stage.logged).toHaveLength(20);
    expect(stage.worker.report().log_dropped).toBe(60);
    stage.link.end();
    expect(stage.worker.report().last_exit).toMatchObject({ reason: 'was ended by SIGKILL' });
    expect(stage.worker.report().last_exit?.stderr).toHaveLength(50);
    stage.clock.advance(1_000);
    expect(stage.worker.lastLines).toEqual([]);
  });

  test('the end of a closed worker is not recorded as its last exit', async () => {
    const stage = new Stage('normal').ready();
    stage.link.end();
    stage.clock.advance(1_000);
    await stage.worker.close();
    expect(stage.worker.report().last_exit?.reason).toBe('was ended by SIGKILL');
  });

  test('messages of an earlier process are ignored', () => {
    const stage = new Stage('normal').ready();
    const old = stage.link;
    old.end();
    stage.clock.advance(1_000);
    old.say({ type: 'ready', protocol: 1, name: 'ghost' });
    expect(stage.states.at(-1)).toBe('starting signalled');
  });
});

test('the restart policy also applies to a program that cannot be started', async () => {
  const states: string[] = [];
  const clock = new FakeClock();
  const worker = new SupervisedWorker<FakeLink>({
    setup: {
      id: 'c',
      sla: 'best-effort',
      worker: { restart: { delaysMs: [], unlimited: false, probeMs: undefined }, startTimeoutMs: 1_000 },
    } as unknown as WorkerConsumerSetup,
    clock,
    log: createLog('w', () => undefined),
    open: () => {
      throw new Error('no threads left');
    },
    onReady: () => undefined,
    onResult: () => undefined,
    onGone: () => undefined,
    onState: ({ state, reason }) => states.push(`${state} ${reason?.message}`),
  });
  worker.start();
  await Promise.resolve();
  expect(states).toEqual(['starting undefined', 'failed cannot be started (no threads left)']);
});
