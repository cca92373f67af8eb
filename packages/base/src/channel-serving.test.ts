import { beforeEach, describe, expect, test } from 'vitest';
import { Channel } from './channel.ts';
import { type Schema, SILENT } from './channel-protocol.ts';
import { FakeClock } from './clock.ts';
import { VigiaError } from './errors.ts';

/** Accepts numbers and rounds them. */
const whole: Schema<number> = {
  safeParse: (value) =>
    typeof value === 'number'
      ? { success: true, data: Math.round(value) }
      : { success: false, error: { message: 'not a number' } },
};
const WORDS = { requests: { double: { ask: whole, reply: whole } }, notices: { counted: whole } } as const;

/** A request that is being handled. */
interface Handling {
  readonly ask: number;
  readonly signal: AbortSignal;
  readonly answer: (reply: number) => void;
  readonly fail: (error: Error) => void;
}

let sent: { readonly message: object; readonly done: (error: Error | null) => void }[] = [];
let problems: VigiaError[] = [];
let handling: Handling[] = [];
let counted: number[] = [];
let channel: Channel<typeof SILENT, typeof WORDS>;

beforeEach(() => {
  sent = [];
  problems = [];
  handling = [];
  counted = [];
  channel = new Channel<typeof SILENT, typeof WORDS>({
    peer: 'the parent',
    port: { send: (message, done) => void sent.push({ message, done }) },
    clock: new FakeClock(),
    speaks: SILENT,
    hears: WORDS,
    handlers: {
      requests: {
        double: (ask, signal) =>
          new Promise((answer, fail) => {
            handling.push({ ask, signal, answer, fail });
          }),
      },
      notices: { counted: (notice) => void counted.push(notice) },
    },
    onProblem: (problem) => void problems.push(problem),
  });
});

const ask = (id: number, body: unknown = 1): void => channel.receive({ type: 'request', id, name: 'double', body });
const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
};
const messages = (): object[] => sent.map(({ message }) => message);

describe('the end that answers', () => {
  test('does nothing more for one that asks and does not read', async () => {
    for (let id = 0; id < 300; id += 1) {
      ask(id, 'no number');
      await settled();
    }
    expect(sent).toHaveLength(128);
    expect(problems.at(-1)?.message).toBe('the parent asks for `double` and does not read its replies');
    for (const { done } of sent) done(null);
    ask(300);
    await settled();
    expect(handling).toHaveLength(1);
  });

  test('handles what the schema makes of a request or a notice', () => {
    ask(1, 20.6);
    channel.receive({ type: 'notice', name: 'counted', body: 3.4 });
    expect([handling[0]?.ask, counted]).toEqual([21, [3]]);
  });

  test('does not handle a wrong notice, an unknown one or another value, and reports each as a problem', () => {
    channel.receive({ type: 'notice', name: 'counted', body: 'x' });
    channel.receive({ type: 'notice', name: 'toString', body: 3 });
    channel.receive('nonsense');
    expect(counted).toEqual([]);
    expect(problems.map(({ code, message }) => [code, message])).toEqual([
      ['bad_message', 'the parent sent a wrong `counted`: not a number'],
      ['bad_message', 'the parent sent a notice that this channel does not have'],
      ['bad_message', 'the parent sent something that is not a message of this channel'],
    ]);
  });

  test('does not answer a withdrawn request', async () => {
    ask(1);
    channel.receive({ type: 'withdrawn', id: 1 });
    handling[0]?.answer(2);
    await settled();
    expect([handling[0]?.signal.aborted, sent, channel.open.served]).toEqual([true, [], 0]);
  });

  test('keeps a request whose id belonged to a withdrawn one', async () => {
    ask(1);
    channel.receive({ type: 'withdrawn', id: 1 });
    ask(1);
    handling[0]?.answer(2);
    await settled();
    expect(channel.open.served).toBe(1);
  });

  test('refuses a second request of an id that is open, and goes on with the first', async () => {
    ask(1);
    ask(1);
    handling[0]?.answer(2);
    await settled();
    expect(messages()).toEqual([
      { type: 'refusal', id: 1, code: 'bad_request', message: 'request 1 is open already' },
      { type: 'reply', id: 1, body: 2 },
    ]);
  });

  test('handles 256 requests at once and refuses further ones', () => {
    for (let id = 1; id <= 256; id += 1) ask(id);
    expect([handling.length, sent]).toEqual([256, []]);
    ask(257);
    expect(messages()).toEqual([{ type: 'refusal', id: 257, code: 'channel_busy', message: '256 requests are open' }]);
  });

  test('cuts a long code and a long message, so that the refusal is one', async () => {
    ask(1);
    handling[0]?.fail(new VigiaError('c'.repeat(65), 'm'.repeat(4_097)));
    await settled();
    expect(messages()).toEqual([{ type: 'refusal', id: 1, code: 'c'.repeat(64), message: 'm'.repeat(4_096) }]);
  });

  test('gives up when neither the reply nor the refusal in its place can be sent', async () => {
    ask(1);
    handling[0]?.answer(2);
    await settled();
    for (const { done } of sent.splice(0)) done(new Error('could not be cloned'));
    for (const { done } of sent.splice(0)) done(new Error('EPIPE'));
    expect([sent, problems.length]).toEqual([[], 1]);
  });

  test('aborts its handlers when the channel closes, and neither answers nor hears anything then', async () => {
    ask(1);
    channel.close('the parent is gone');
    expect(channel.open.served).toBe(0);
    channel.receive({ type: 'notice', name: 'counted', body: 3 });
    ask(2);
    handling[0]?.answer(2);
    await settled();
    expect(handling.map(({ signal }) => (signal.reason as VigiaError).code)).toEqual(['channel_closed']);
    expect([sent, counted]).toEqual([[], []]);
  });
});
