import { Channel, type ChannelPort, createLog, FakeClock, type Handlers } from '@vigia/base';
import type { NodeEvent, NodeItem } from '@vigia/contracts';
import { beforeEach, describe, expect, test } from 'vitest';
import { API_NODE_WORDS, type ApiNodeWords, NODE_API_WORDS, type NodeApiWords } from '#core/api-link';
import { unlimited } from '#core/access';
import type { ApiCall } from '#services/control-plane';
import { RemoteNode } from './remote-node.ts';

const idOf = (n: number): string => String(n).padStart(26, '0');
const eventItem = (n: number): NodeItem => ({
  type: 'event',
  event: { id: idOf(n), kind: 'node', severity: 'notice', camera: null } as NodeEvent,
});

let clock: FakeClock;
let node: RemoteNode;
/** What the node was asked, and what it answers; undefined: nothing yet. */
let asked: string[];
let answers: (route: string) => unknown;
let toApi: Channel<NodeApiWords, ApiNodeWords>;

const turn = async (): Promise<void> => {
  for (let i = 0; i < 10; i += 1) await new Promise((resolve) => setImmediate(resolve));
};

/** Copies, as between processes. */
function portTo(end: () => { receive(message: unknown): void }): ChannelPort {
  return {
    send: (message, done) => {
      const copy: unknown = structuredClone(message);
      setImmediate(() => {
        done(null);
        end().receive(copy);
      });
    },
  };
}

beforeEach(() => {
  clock = new FakeClock();
  asked = [];
  answers = () => ({ answer: 'done' });
  const log = createLog('test', () => undefined);
  const onProblem = (problem: Error): void => {
    throw problem;
  };
  const handlers: Handlers<ApiNodeWords> = {
    requests: {
      call: async ({ route, identity }) => {
        asked.push(`${route} ${identity?.who}`);
        return (await answers(route)) as { answer: unknown };
      },
      follow: ({ on }) => {
        asked.push(on ? 'follow' : 'leave');
        return { position: idOf(5) };
      },
      resume: ({ after }) => ({ after }),
      events: () => ({ events: [] }),
      lastMinute: () => {
        asked.push('lastMinute');
        return { summaries: [] };
      },
      tile: () => ({ jpeg: new Uint8Array(1), stamps: {} as never }),
      live: () => ({ socketPath: '/nowhere' }),
    },
    notices: { audit: () => undefined, stop: () => undefined, alive: () => undefined },
  };
  const channel: Channel<ApiNodeWords, NodeApiWords> = new Channel({
    peer: 'the node',
    port: portTo(() => toApi),
    clock,
    speaks: API_NODE_WORDS,
    hears: NODE_API_WORDS,
    handlers: {
      requests: {
        setup: () => null,
        listen: () => null,
        refresh: () => null,
        items: ({ items, lost }) => {
          node.take(items, lost);
          return null;
        },
      },
      notices: { facts: () => undefined, overflow: () => node.overflow(), alive: () => undefined },
    },
    onProblem,
  });
  toApi = new Channel({
    peer: 'the api process',
    port: portTo(() => channel),
    clock,
    speaks: NODE_API_WORDS,
    hears: API_NODE_WORDS,
    handlers,
    onProblem,
  });
  node = new RemoteNode({ channel, facts: { cameras: ['hall'], playback: null, resumable: true }, clock, log });
});

const callOf = (route: ApiCall['route'], more: Partial<ApiCall> = {}): ApiCall => ({
  route,
  visitor: { identity: unlimited('http'), from: '127.0.0.1', trusted: false },
  params: {},
  query: {},
  body: undefined,
  expected: undefined,
  key: undefined,
  ...more,
});

describe('requests', () => {
  test('are answered by the node, and refused with its words', async () => {
    expect(await node.call(callOf('status'))).toBe('done');
    const refusal = { status: 412, body: { error: { code: 'conflict', message: 'no', revision: 3 } } };
    answers = () => ({ refusal });
    await expect(node.call(callOf('putConfig'))).rejects.toMatchObject({ refusal });
    expect(asked).toEqual(['status http', 'putConfig http']);
  });

  test('of those who lost their rights while they waited do not reach it', async () => {
    const ends: (() => void)[] = [];
    answers = () => new Promise((resolve) => ends.push(() => resolve({ answer: 1 })));
    const first = [node.call(callOf('status')), node.call(callOf('status'))];
    let may = true;
    const visitor = { ...callOf('status').visitor, isStill: () => may };
    const third = node.call(callOf('cameras', { visitor })).catch((error: unknown) => error);
    await turn();
    expect(asked).toEqual(['status http', 'status http']);
    may = false;
    for (const end of ends) end();
    await Promise.all(first);
    expect(await third).toMatchObject({ code: 'not_logged_in' });
    expect(asked).toHaveLength(2);
  });

  test('that wait for cameras hold up neither questions nor acknowledgements', async () => {
    answers = (route) => (route === 'putCamera' ? new Promise(() => undefined) : { answer: route });
    for (let n = 0; n < 40; n += 1) void node.call(callOf('putCamera')).catch(() => undefined);
    expect(await node.call(callOf('status'))).toBe('status');
    expect(await node.call(callOf('acknowledge'))).toBe('acknowledge');
    expect(asked.filter((one) => one.startsWith('putCamera'))).toHaveLength(16);
  });

  test('that wait for pictures hold up nothing else', async () => {
    answers = (route) => (route === 'snapshot' ? new Promise(() => undefined) : { answer: route });
    for (let n = 0; n < 60; n += 1) void node.call(callOf('snapshot')).catch(() => undefined);
    for (const route of ['alarms', 'problems', 'budget', 'metrics'] as const)
      expect(await node.call(callOf(route))).toBe(route);
    expect(asked.filter((one) => one.startsWith('snapshot'))).toHaveLength(32);
  });

  test('about alarms, problems and the plan wait for nothing that is slow', async () => {
    answers = (route) => (route === 'metrics' ? new Promise(() => undefined) : { answer: route });
    for (let n = 0; n < 60; n += 1) void node.call(callOf('metrics')).catch(() => undefined);
    for (const route of ['alarms', 'problems', 'budget'] as const) expect(await node.call(callOf(route))).toBe(route);
  });

  test('with a body that is nested too deeply are not sent', async () => {
    let body: unknown = [];
    for (let depth = 0; depth < 10_000; depth += 1) body = [body];
    await expect(node.call(callOf('putConfig', { body }))).rejects.toMatchObject({ code: 'usage' });
    expect(asked).toEqual([]);
  });
});

describe('streams', () => {
  /** A reader; what it got. */
  const follow = (
    isSlow = false,
  ): { got: string[]; ended: boolean; subscription: ReturnType<RemoteNode['follow']> } => {
    const reader = { got: [] as string[], ended: false } as ReturnType<typeof follow>;
    reader.subscription = node.follow(
      {
        name: 'r',
        wants: () => true,
        onOverflow: () => {
          reader.ended = true;
        },
      },
      (item) => {
        reader.got.push(item.type === 'event' ? item.event.id : item.type);
        return isSlow ? new Promise(() => undefined) : undefined;
      },
    );
    return reader;
  };
  const give = (items: readonly NodeItem[], lost = { samples: 0, kept: 0 }): Promise<null> =>
    toApi.request('items', { items, lost }, { deadlineMs: 1_000 });

  test('the node is asked once for all readers, and left when nobody has read for a while', async () => {
    await Promise.all([node.attend(), node.attend()]);
    expect(node.position).toBe(idOf(5));
    const readers = [follow(), follow()];
    await give([eventItem(6), eventItem(7)]);
    expect(readers.map(({ got }) => got)).toEqual([[6, 7].map(idOf), [6, 7].map(idOf)]);
    expect(node.position).toBe(idOf(7));
    for (const { subscription } of readers) subscription.close();
    clock.advance(4_000);
    await node.attend();
    const third = follow();
    clock.advance(10_000);
    await turn();
    expect(asked).toEqual(['follow']);
    third.subscription.close();
    clock.advance(5_000);
    await turn();
    expect(asked).toEqual(['follow', 'leave']);
    await node.attend();
    expect(asked).toEqual(['follow', 'leave', 'follow']);
  });

  test('what was lost on the way counts for each reader from its beginning on', async () => {
    await node.attend();
    const early = follow();
    await give([], { samples: 3, kept: 1 });
    const late = follow(true);
    const result = { type: 'result', result: { camera: 'hall' } } as NodeItem;
    await give(
      Array.from({ length: 300 }, () => result),
      { samples: 5, kept: 1 },
    );
    expect(early.subscription.dropped()).toEqual({ samples: 5, kept: 1 });
    // One is with its handler, 256 wait.
    expect(late.subscription.dropped()).toEqual({ samples: 2 + 43, kept: 0 });
  });

  test('losses before another subscription do not hide those of it', async () => {
    await node.attend();
    follow();
    await give([], { samples: 5, kept: 2 });
    toApi.notify('overflow', null);
    await turn();
    await node.attend();
    const reader = follow();
    await give([], { samples: 1, kept: 0 });
    expect(reader.subscription.dropped()).toEqual({ samples: 1, kept: 0 });
  });

  test('too many unread alarms end every reader, and the next one asks again', async () => {
    await node.attend();
    const readers = [follow(), follow()];
    toApi.notify('overflow', null);
    await turn();
    expect(readers.map(({ ended }) => ended)).toEqual([true, true]);
    await node.attend();
    expect(asked).toEqual(['follow', 'follow']);
  });

  test('a node that does not answer is asked again by the next reader', async () => {
    toApi.close('it is gone');
    for (let times = 0; times < 2; times += 1) {
      const attending = node.attend().catch((error: unknown) => error);
      await turn();
      clock.advance(10_000);
      expect(await attending).toMatchObject({ code: 'no_answer' });
    }
  });
});
