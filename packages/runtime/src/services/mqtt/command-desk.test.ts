import { createLog, FakeClock, UsageError } from '@vigia/base';
import { commandReplySchema } from '@vigia/contracts';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CommandDesk } from './command-desk.ts';
import type { CommandMessage } from './command-message.ts';

/** A command that the node began, and how the test ends it. */
interface Begun {
  readonly name: string;
  readonly end: (answer: unknown) => void;
  readonly fail: (error: Error) => void;
}

let clock: FakeClock;
let desk: CommandDesk;
let begun: Begun[];
let logged: string[];
let replies: { readonly id: string; readonly text: string }[];

/** Holds each command until the test ends it. `unknown` is no command. */
function workOf({ camera, command, id }: CommandMessage): () => Promise<unknown> {
  if (command === 'unknown') throw new UsageError('no such command');
  return () =>
    new Promise((end, fail) => {
      begun.push({ name: `${camera}/${command} ${id}`, end, fail });
    });
}

beforeEach(() => {
  clock = new FakeClock();
  begun = [];
  logged = [];
  replies = [];
  desk = new CommandDesk({
    node: 'ward-3',
    clock,
    log: createLog('test', ({ message }) => void logged.push(message)),
    door: {
      workOf,
      errorOf: (error) => ({ code: (error as { code?: string }).code ?? 'internal', message: String(error) }),
    },
    reply: (id, text) => replies.push({ id, text }),
  });
});
afterEach(() => expect(clock.pendingTimers).toBe(0));

function send(topic: string, payload: unknown, retained = false): void {
  const text = typeof payload === 'string' ? payload : JSON.stringify(payload);
  desk.take({ topic, payload: Buffer.from(text), retained });
}

/** Sends a `restart` to a camera of this node. */
const restart = (camera: string, id: string): void => send(`vigia/ward-3/cmd/${camera}/restart`, { id });
const names = (): string[] => begun.map(({ name }) => name);
/** Lets promises settle. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
/** Every reply, checked against its schema: id and result. */
const outcomes = (): string[] =>
  replies.map(({ id, text }) => {
    const reply = commandReplySchema.parse(JSON.parse(text));
    expect(reply.id).toBe(id);
    return `${id} ${reply.status === 'ok' ? 'ok' : reply.error.code}`;
  });

async function endAll(): Promise<void> {
  for (let n = 0; n < begun.length; n += 1) {
    begun[n]?.end({});
    await settled();
  }
}

describe('answers', () => {
  test('name command, camera and result', async () => {
    restart('hall', 'a-1');
    send('vigia/ward-3/cmd/_node/status', { id: 'b_2', more: 1 });
    await settled();
    expect(names()).toEqual(['hall/restart a-1', '_node/status b_2']);
    begun[0]?.end({ done: true });
    begun[1]?.fail(new UsageError('wrong'));
    await settled();
    expect(replies.map(({ text }) => JSON.parse(text) as unknown)).toEqual([
      { id: 'a-1', command: 'restart', camera: 'hall', status: 'ok', answer: { done: true } },
      {
        id: 'b_2',
        command: 'status',
        camera: '_node',
        status: 'error',
        error: { code: 'usage', message: expect.stringContaining('wrong') },
      },
    ]);
    expect(outcomes()).toEqual(['a-1 ok', 'b_2 usage']);
  });

  test('to a command that the node refuses comes at once, also behind others', async () => {
    restart('hall', 'a');
    send('vigia/ward-3/cmd/hall/unknown', { id: 'b' });
    expect(outcomes()).toEqual(['b usage']);
    await settled();
    await endAll();
  });

  test('that is too long becomes an error', async () => {
    restart('hall', 'a');
    await settled();
    begun[0]?.end('x'.repeat(1024 * 1024));
    await settled();
    expect(outcomes()).toEqual(['a too_large']);
  });
});

describe('order and bounds', () => {
  test('commands to one camera run one after the other, those to others at once', async () => {
    for (const id of ['1', '2']) restart('hall', id);
    restart('yard', '3');
    await settled();
    expect(names()).toEqual(['hall/restart 1', 'yard/restart 3']);
    begun[1]?.end({});
    await settled();
    expect(outcomes()).toEqual(['3 ok']);
    begun[0]?.fail(new UsageError('no'));
    await settled();
    restart('hall', '4');
    await settled();
    expect(names()).toEqual(['hall/restart 1', 'yard/restart 3', 'hall/restart 2']);
    await endAll();
    expect(outcomes()).toEqual(['3 ok', '1 usage', '2 ok', '4 ok']);
  });

  test('one that hangs is answered after 45 s, and the next one of its camera begins', async () => {
    for (const id of ['1', '2']) restart('hall', id);
    await settled();
    clock.advance(44_999);
    await settled();
    expect(replies).toEqual([]);
    clock.advance(1);
    await settled();
    expect(outcomes()).toEqual(['1 no_answer']);
    expect(names()).toEqual(['hall/restart 1', 'hall/restart 2']);
    await endAll();
    expect(outcomes()).toEqual(['1 no_answer', '2 ok']);
  });

  test('the ninth command to a camera is refused, until one of the eight has ended', async () => {
    for (let n = 1; n <= 9; n += 1) restart('hall', String(n));
    expect(outcomes()).toEqual(['9 busy']);
    restart('yard', 'y');
    await settled();
    begun[0]?.end({});
    await settled();
    restart('hall', '10');
    await endAll();
    expect(outcomes().slice(1, 2)).toEqual(['1 ok']);
    expect(outcomes()).toContain('10 ok');
    expect(outcomes()).toContain('y ok');
  });

  test('the 65th command to the node is refused', async () => {
    for (let n = 0; n < 64; n += 1) restart(`c${n}`, String(n));
    restart('hall', 'late');
    expect(outcomes()).toEqual(['late busy']);
    await settled();
    await endAll();
    expect(outcomes()).toHaveLength(65);
    restart('hall', 'again');
    await settled();
    await endAll();
    expect(outcomes().at(-1)).toBe('again ok');
  });

  test('after the end nothing is begun or answered', async () => {
    for (const id of ['1', '2']) restart('hall', id);
    await settled();
    desk.close();
    restart('yard', '3');
    await endAll();
    expect(names()).toEqual(['hall/restart 1']);
    expect(replies).toEqual([]);
  });
});

describe('what cannot be answered is ignored, and logged', () => {
  const topic = 'vigia/ward-3/cmd/hall/restart';
  test.each([
    ['vigia/ward-30/cmd/hall/restart', { id: 'a' }, /names no camera and command of this node/],
    ['vigia/ward-4/cmd/hall/restart', { id: 'a' }, /names no camera/],
    ['vigia/ward/cmd/hall/restart', { id: 'a' }, /names no camera/],
    ['vigia/ward-3/cmd/Hall/restart', { id: 'a' }, /names no camera/],
    [`vigia/ward-3/cmd/${'a'.repeat(64)}/restart`, { id: 'a' }, /names no camera/],
    ['vigia/ward-3/cmd/hall/restart/now', { id: 'a' }, /names no camera/],
    ['vigia/ward-3/cmd/hall/\u001B[31m', { id: 'a' }, /names no camera/],
    ['vigia/ward-3/reply/a', { id: 'a' }, /names no camera/],
    [topic, '', /no JSON object/],
    [topic, '[{"id":"a"}]', /no JSON object/],
    [topic, 'null', /no JSON object/],
    [topic, {}, /"id" of 1 to 64/],
    [topic, { id: 7 }, /"id" of 1 to 64/],
    [topic, { id: '' }, /"id" of 1 to 64/],
    [topic, { id: 'a'.repeat(65) }, /"id" of 1 to 64/],
    [topic, { id: 'a/b' }, /"id" of 1 to 64/],
    [topic, { id: '#' }, /"id" of 1 to 64/],
    [topic, { id: 'a', more: 'x'.repeat(65_536) }, /more than 65536 bytes/],
  ])('%s', async (to, payload, why) => {
    send(to, payload);
    await settled();
    expect([names(), replies]).toEqual([[], []]);
    expect(logged).toEqual([expect.stringMatching(why)]);
    expect(logged[0]).not.toContain('\u001B');
  });

  test('a retained command', async () => {
    send(topic, { id: 'a' }, true);
    await settled();
    expect([names(), replies]).toEqual([[], []]);
    expect(logged).toEqual([expect.stringContaining('it is retained')]);
  });

  test('one line in 30 s counts them', () => {
    for (let n = 0; n < 5; n += 1) send(topic, 'x');
    clock.advance(29_999);
    send(topic, 'x');
    expect(logged).toHaveLength(1);
    clock.advance(1);
    send(topic, 'x');
    expect(logged[1]).toContain('so far: 7;');
  });

  test('the longest payload and the longest id are taken', async () => {
    const id = 'a'.repeat(64);
    send(topic, { id, x: 'x'.repeat(65_536 - JSON.stringify({ id, x: '' }).length) });
    await settled();
    expect(names()).toEqual([`hall/restart ${id}`]);
    await endAll();
  });
});
