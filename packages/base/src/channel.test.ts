import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Channel, type ChannelPort } from './channel.ts';
import { type Handlers, type Schema, SILENT } from './channel-protocol.ts';
import { FakeClock } from './clock.ts';
import { VigiaError } from './errors.ts';

function schema<T>(what: string, check: (value: unknown) => value is T): Schema<T> {
  return {
    safeParse: (value) =>
      check(value) ? { success: true, data: value } : { success: false, error: { message: `not ${what}` } },
  };
}
const number = schema('a number', (value) => typeof value === 'number');
const text = schema('a text', (value) => typeof value === 'string');

const trimmed: Schema<string> = {
  safeParse: (value) => {
    const parsed = text.safeParse(value);
    return parsed.success ? { success: true, data: parsed.data.trim() } : parsed;
  },
};

const WORDS = {
  requests: { double: { ask: number, reply: number }, tidy: { ask: text, reply: trimmed } },
  notices: { said: text },
} as const;
type Words = typeof WORDS;

/** Two ends in one process; messages wait until the test carries them over. */
class Wire {
  readonly carried: { readonly to: 'a' | 'b'; readonly message: object; readonly done: (e: Error | null) => void }[] =
    [];
  port(to: 'a' | 'b'): ChannelPort {
    return { send: (message, done) => void this.carried.push({ to, message, done }) };
  }
}

let clock = new FakeClock();
let wire = new Wire();
let problems: VigiaError[] = [];
let said: string[] = [];
let answers: ((ask: number, signal: AbortSignal) => number | Promise<number>) | undefined;
let a: Channel<Words, typeof SILENT>;
let b: Channel<typeof SILENT, Words>;

beforeEach(() => {
  clock = new FakeClock();
  wire = new Wire();
  problems = [];
  said = [];
  answers = undefined;
  const common = { clock, onProblem: (problem: VigiaError) => void problems.push(problem) };
  a = new Channel({
    ...common,
    peer: 'camera hall',
    port: wire.port('b'),
    speaks: WORDS,
    hears: SILENT,
    handlers: { requests: {}, notices: {} },
  });
  const handlers: Handlers<Words> = {
    requests: { double: (ask, signal) => (answers ? answers(ask, signal) : ask * 2), tidy: (ask) => ask },
    notices: { said: (notice) => void said.push(notice) },
  };
  b = new Channel({ ...common, peer: 'the parent', port: wire.port('a'), speaks: SILENT, hears: WORDS, handlers });
});

afterEach(() => {
  a.close('the test is over');
  b.close('the test is over');
  expect([a.open, b.open, clock.pendingTimers]).toEqual([
    { waiting: 0, served: 0, unsent: 0 },
    { waiting: 0, served: 0, unsent: 0 },
    0,
  ]);
});

/** Carries everything over until nothing is on its way. */
async function carry(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) {
    for (const { to, message, done } of wire.carried.splice(0)) {
      done(null);
      (to === 'a' ? a : b).receive(message);
    }
    await Promise.resolve();
  }
}

const DEADLINE = { deadlineMs: 1_000 };
const ended = (promise: Promise<unknown>): Promise<unknown> =>
  promise.catch((error: unknown) => (error instanceof VigiaError ? error.code : error));

describe('a request', () => {
  test('is answered by the handler', async () => {
    const reply = a.request('double', 21, DEADLINE);
    await carry();
    expect(await reply).toBe(42);
  });

  test('that is not answered in time ends with `no_answer`, and the other end stops', async () => {
    let signal: AbortSignal | undefined;
    answers = (_, given) => {
      signal = given;
      return new Promise(() => undefined);
    };
    const reply = ended(a.request('double', 1, DEADLINE));
    await carry();
    clock.advance(1_000);
    expect(await reply).toBe('no_answer');
    await carry();
    expect(signal?.aborted).toBe(true);
    expect(b.open.served).toBe(0);
  });

  test('whose caller aborts ends with `aborted`; a reply that crosses it is ignored', async () => {
    const controller = new AbortController();
    const reply = ended(a.request('double', 1, { ...DEADLINE, signal: controller.signal }));
    const crossing = wire.carried.splice(0);
    for (const { message } of crossing) b.receive(message);
    controller.abort();
    expect(await reply).toBe('aborted');
    await carry();
    expect(problems).toEqual([]);
    expect(await ended(a.request('double', 1, { ...DEADLINE, signal: controller.signal }))).toBe('aborted');
  });

  test('that the handler refuses ends with its code and sentence', async () => {
    answers = () => {
      throw new VigiaError('camera_not_live', 'camera hall is waiting');
    };
    const reply = a.request('double', 1, DEADLINE);
    await Promise.all([
      expect(reply).rejects.toMatchObject({ code: 'camera_not_live', message: 'camera hall is waiting' }),
      carry(),
    ]);
  });

  test('with a body that the schema does not allow is refused and never handled', async () => {
    answers = () => expect.unreachable();
    const reply = ended(a.request('double', 'x' as never, DEADLINE));
    await carry();
    expect(await reply).toBe('bad_request');
  });

  test('answered with something that the schema does not allow ends with `bad_reply`', async () => {
    answers = () => 'x' as never;
    const reply = ended(a.request('double', 1, DEADLINE));
    await carry();
    expect(await reply).toBe('bad_reply');
  });

  test('that cannot be sent ends with `not_sent`, and so does one to an end that does not read', async () => {
    const reply = ended(a.request('double', 1, DEADLINE));
    wire.carried.shift()?.done(new Error('EPIPE'));
    expect(await reply).toBe('not_sent');
    let dropped = 0;
    while (a.notify('said', 'x')) dropped += 1;
    expect(dropped).toBe(128);
    expect(await ended(a.request('double', 1, DEADLINE))).toBe('not_sent');
  });

  test('whose reply cannot be sent is refused in its place', async () => {
    const reply = ended(a.request('double', 1, DEADLINE));
    b.receive(wire.carried.shift()?.message);
    await Promise.resolve();
    await Promise.resolve();
    await Promise.resolve();
    wire.carried.shift()?.done(new Error('could not be cloned'));
    await carry();
    expect(await reply).toBe('not_sent');
    expect(problems).toMatchObject([{ code: 'not_sent' }]);
  });

  test('ends with `channel_closed` when the channel closes, before and after', async () => {
    const reply = ended(a.request('double', 1, DEADLINE));
    a.close('was ended by SIGKILL');
    expect(await reply).toBe('channel_closed');
    await expect(a.request('double', 1, DEADLINE)).rejects.toMatchObject({
      code: 'channel_closed',
      message: 'the channel to camera hall is closed: was ended by SIGKILL',
    });
  });

  test('keeps the first reason for which its channel was closed', async () => {
    a.close('was ended by SIGKILL');
    a.close('the test is over');
    await expect(a.request('double', 1, DEADLINE)).rejects.toThrow('is closed: was ended by SIGKILL');
  });

  test('that was answered no longer listens to the signal of its caller', async () => {
    const { signal } = new AbortController();
    const reply = a.request('double', 21, { ...DEADLINE, signal });
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    await carry();
    expect([await reply, getEventListeners(signal, 'abort')]).toEqual([42, []]);
  });

  test('ends with what the schema makes of the reply', async () => {
    const reply = a.request('tidy', '', DEADLINE);
    a.receive({ type: 'reply', id: 1, body: ' x ' });
    expect(await reply).toBe('x');
  });

  test('whose withdrawal cannot be sent is no problem: nobody waits for it', async () => {
    const reply = ended(a.request('double', 1, DEADLINE));
    clock.advance(1_000);
    expect(await reply).toBe('no_answer');
    for (const { done } of wire.carried.splice(0)) done(new Error('EPIPE'));
    expect(problems).toEqual([]);
  });

  test('beyond the limit ends with `channel_busy`', async () => {
    const open = Array.from({ length: 256 }, () => {
      const reply = ended(a.request('double', 1, DEADLINE));
      wire.carried.shift()?.done(null);
      return reply;
    });
    expect(await ended(a.request('double', 1, DEADLINE))).toBe('channel_busy');
    a.close('enough');
    expect(new Set(await Promise.all(open))).toEqual(new Set(['channel_closed']));
  });
});

describe('a notice', () => {
  test('reaches its handler; one that throws is a problem and the next one is handled', async () => {
    expect(a.notify('said', 'one')).toBe(true);
    await carry();
    said = new Proxy([], {
      get: () => () => {
        throw new Error('full');
      },
    }) as never;
    a.notify('said', 'two');
    await carry();
    expect(problems.map((p) => p.message)).toEqual(['the parent sent a `said` that could not be handled (full)']);
    expect(problems[0]?.cause).toEqual(new Error('full'));
    said = [];
    a.notify('said', 'three');
    await carry();
    expect(said).toEqual(['three']);
  });

  test('that is lost after it was taken is a problem', () => {
    expect(a.notify('said', 'one')).toBe(true);
    const cause = new Error('EPIPE');
    wire.carried.shift()?.done(cause);
    expect(problems).toMatchObject([{ code: 'not_sent', message: '`said` could not be sent to camera hall (EPIPE)' }]);
    expect(problems[0]?.cause).toBe(cause);
  });

  test('that is lost because the channel was closed is no problem', () => {
    a.notify('said', 'one');
    a.close('gone');
    wire.carried.shift()?.done(new Error('EPIPE'));
    expect(problems).toEqual([]);
  });

  test('to a closed channel is not taken', () => {
    a.close('gone');
    expect(a.notify('said', 'one')).toBe(false);
  });
});

test('flushed waits until every message has left, or the channel is closed', async () => {
  const flushed: string[] = [];
  const waitFor = (what: string): void => void a.flushed().then(() => flushed.push(what));
  waitFor('nothing');
  await Promise.resolve();
  expect(flushed).toEqual(['nothing']);
  a.notify('said', 'one');
  a.notify('said', 'two');
  waitFor('two');
  wire.carried.shift()?.done(null);
  await Promise.resolve();
  expect(flushed).toEqual(['nothing']);
  wire.carried.shift()?.done(null);
  await Promise.resolve();
  expect(flushed).toEqual(['nothing', 'two']);
  a.notify('said', 'three');
  waitFor('the end');
  a.close('gone');
  await Promise.resolve();
  expect(flushed).toEqual(['nothing', 'two', 'the end']);
});

/** Anything that structured cloning carries, with the shapes of real messages among it. */
const anything = fc.oneof(
  fc.anything(),
  fc.record(
    {
      type: fc.constantFrom('request', 'reply', 'refusal', 'notice', 'withdrawn', '__proto__'),
      id: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.anything()),
      name: fc.oneof(fc.constantFrom('double', 'said', 'constructor', '__proto__', 'toString'), fc.anything()),
      body: fc.oneof(fc.integer(), fc.string(), fc.anything()),
      code: fc.oneof(fc.string(), fc.anything()),
      message: fc.oneof(fc.string({ maxLength: 8_000 }), fc.anything()),
    },
    { requiredKeys: ['type'] },
  ),
);

test('20,000 malformed messages in both directions: nothing throws, nothing stays open, real requests go on', async () => {
  let sent = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(anything, { minLength: 100, maxLength: 100 }), async (messages) => {
      for (const message of messages) {
        a.receive(message);
        b.receive(message);
        sent += 2;
      }
      // Requests among the noise are answered before an id of theirs comes up again.
      await carry();
      const reply = ended(a.request('double', 4, DEADLINE));
      await carry();
      expect(await reply).toBe(8);
    }),
    { numRuns: 100, endOnFailure: true },
  );
  expect(sent).toBe(20_000);
});

const fate = fc.constantFrom('arrives', 'arrives twice', 'is lost', 'fails', 'is spoiled', 'is late');

test('whatever happens to its messages, each request ends exactly once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fate, { maxLength: 40 }),
      fc.nat(40),
      fc.infiniteStream(fate),
      async (asks, closeAt, fates) => {
        const outcomes: unknown[] = [];
        const a2 = new Channel<Words, typeof SILENT>({
          peer: 'camera hall',
          port: wire.port('b'),
          clock,
          speaks: WORDS,
          hears: SILENT,
          handlers: { requests: {}, notices: {} },
          onProblem: () => undefined,
        });
        a = a2;
        asks.forEach((_, i) => void ended(a2.request('double', i, DEADLINE)).then((end) => outcomes.push([i, end])));
        const late: (typeof wire.carried)[number][] = [];
        for (let step = 0; step < 60; step += 1) {
          if (step === closeAt) a2.close('was ended by SIGKILL');
          for (const item of wire.carried.splice(0)) {
            const to = item.to === 'a' ? a2 : b;
            const what = fates.next().value;
            if (what === 'is late') late.push(item);
            else if (what === 'fails') item.done(new Error('EPIPE'));
            else {
              item.done(null);
              if (what === 'is spoiled') to.receive({ ...item.message, body: { wrong: true } });
              if (what.startsWith('arrives')) to.receive(item.message);
              if (what === 'arrives twice') to.receive(item.message);
            }
          }
          await Promise.resolve();
        }
        clock.advance(1_000);
        for (const { to, message } of late) (to === 'a' ? a2 : b).receive(message);
        await Promise.resolve();
        a2.close('is over');
        await Promise.resolve();
        expect(outcomes).toHaveLength(asks.length);
        for (const [i, end] of outcomes as [number, unknown][])
          expect([i * 2, 'no_answer', 'not_sent', 'bad_reply', 'bad_request', 'channel_closed']).toContain(end);
        expect(a2.open).toEqual({ waiting: 0, served: 0, unsent: 0 });
        wire.carried.splice(0);
      },
    ),
    { numRuns: 300, endOnFailure: true },
  );
});
