import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Channel, type Clock, ipcPort, type Schema, SILENT, systemClock, VigiaError } from '@vigia/base';
import { afterAll, beforeAll, expect, test } from 'vitest';
// @ts-expect-error: plain JavaScript, because the child loads it too.
import { WORDS } from './agents/channel-words.mjs';

const AGENT = fileURLToPath(new URL('agents/channel-agent.mjs', import.meta.url));
const ROUNDS = 2;
/** Requests that are open when the child ends: some before the one that ends it, some after. */
const AROUND = 4;

interface Words {
  readonly requests: {
    readonly end: { readonly ask: Schema<{ at: string; value: number }>; readonly reply: Schema<number> };
  };
  readonly notices: { readonly heard: Schema<string> };
}

/** Every point of a request at which a child can end, and what its own request may end with. */
const POINTS: Readonly<Record<string, readonly string[]>> = {
  'before the request is sent': ['channel_closed', 'not_sent'],
  'as the request is sent': ['channel_closed', 'not_sent', 'reply'],
  'as the handler starts': ['channel_closed'],
  'while the handler waits': ['channel_closed'],
  'as the reply leaves': ['channel_closed', 'reply'],
  'after the reply has left': ['reply'],
  'after nonsense': ['channel_closed', 'reply'],
  'by a throw nobody catches': ['channel_closed', 'reply'],
  'with an exit code': ['channel_closed', 'reply'],
  'by disconnecting': ['channel_closed', 'reply'],
  'by standing still': ['no_answer'],
};

let timers = 0;
/** Counts the timers that are pending. */
const clock: Clock = {
  ...systemClock,
  after: (ms, fn) => {
    timers += 1;
    let pending = true;
    const done = (): void => {
      timers -= pending ? 1 : 0;
      pending = false;
    };
    const timer = systemClock.after(ms, () => {
      done();
      fn();
    });
    return {
      cancel: () => {
        done();
        timer.cancel();
      },
    };
  },
};

const descriptors = (): number => readdirSync('/proc/self/fd').length;
let before = 0;
beforeAll(async () => {
  // The first child brings what stays: the libuv loop's own descriptors.
  await die('as the handler starts');
  before = descriptors();
});
afterAll(() => {
  expect(timers).toBe(0);
  expect(descriptors()).toBeLessThanOrEqual(before);
});

/** How the request that ends the child ended, and those around it. */
async function die(at: string): Promise<{ readonly own: string; readonly others: readonly string[] }> {
  const child = fork(AGENT, { serialization: 'advanced', stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
  const problems: string[] = [];
  const channel = new Channel<Words, typeof SILENT>({
    peer: 'the child',
    port: ipcPort(child),
    clock,
    speaks: WORDS as Words,
    hears: SILENT,
    handlers: { requests: {}, notices: {} },
    onProblem: (problem) => problems.push(problem.code),
  });
  child.on('message', (message) => channel.receive(message));
  child.once('disconnect', () => channel.close('it disconnected'));
  const gone = once(child, 'exit').then(() => channel.close('it ended'));
  await once(child, 'message');
  const deadlineMs = at === 'by standing still' ? 300 : 20_000;
  const ask = (where: string, value: number): Promise<string> =>
    channel.request('end', { at: where, value }, { deadlineMs }).then(
      (reply) => (reply === value * 2 ? 'reply' : `wrong reply ${reply}`),
      (error: unknown) => (error instanceof VigiaError ? error.code : `untyped ${String(error)}`),
    );
  const others = Array.from({ length: AROUND }, (_, i) => ask('nowhere', i));
  channel.notify('heard', 'x');
  if (at === 'before the request is sent') {
    child.kill('SIGKILL');
    await gone;
  }
  const own = ask(at, 21);
  if (at === 'as the request is sent') child.kill('SIGKILL');
  others.push(...Array.from({ length: AROUND }, (_, i) => ask('nowhere', i)));
  const ended = { own: await own, others: await Promise.all(others) };
  child.kill('SIGKILL');
  await gone;
  expect(channel.open).toEqual({ waiting: 0, served: 0, unsent: 0 });
  expect(problems.every((code) => code === 'bad_message' || code === 'not_sent')).toBe(true);
  return ended;
}

test.concurrent.each(Object.entries(POINTS))(
  'a child that ends %s: each request has a reply or one typed error',
  async (at, may) => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const { own, others } = await die(at);
      expect(may).toContain(own);
      for (const end of others) expect(['reply', 'channel_closed', 'no_answer', 'not_sent']).toContain(end);
    }
  },
);
