import { expect, test } from 'vitest';
import { type Generation, Succession } from './generation.ts';

/** A generation whose end the test decides. */
class Fake implements Generation {
  readonly name: string;
  readonly #log: string[];
  pid: number | undefined;
  #gone: () => void = () => undefined;
  #stuck: (error: Error) => void = () => undefined;
  #ending: Promise<void> | undefined;

  constructor(name: string, log: string[]) {
    this.name = name;
    this.#log = log;
  }

  start(): void {
    this.#log.push(`${this.name} starts`);
    this.pid = this.name.charCodeAt(0);
  }

  end(succeeded: boolean): Promise<void> {
    this.#ending ??= new Promise((resolve, reject) => {
      this.#log.push(`${this.name} ends${succeeded ? ', succeeded' : ''}`);
      this.#gone = resolve;
      this.#stuck = reject;
    });
    return this.#ending;
  }

  gone(): void {
    this.pid = undefined;
    this.#gone();
  }

  stuck(error: Error): void {
    this.#stuck(error);
  }
}

function stage(): { log: string[]; a: Fake; b: Fake; c: Fake; all: Succession<Fake> } {
  const log: string[] = [];
  const [a, b, c] = ['a', 'b', 'c'].map((name) => new Fake(name, log)) as [Fake, Fake, Fake];
  const all = new Succession(a);
  a.start();
  return { log, a, b, c, all };
}

const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
};

test('replace: the successor starts when its predecessor is gone, and not before', async () => {
  const { log, a, b, all } = stage();
  const done = all.replace(() => b);
  await settled();
  expect(log).toEqual(['a starts', 'a ends, succeeded']);
  expect([all.current, all.isCurrent(a), all.pids]).toEqual([a, false, [97]]);
  a.gone();
  await done;
  expect(log.at(-1)).toBe('b starts');
  expect([all.current, all.isCurrent(b), all.pids]).toEqual([b, true, [98]]);
});

test('two replacements are done one after the other', async () => {
  const { log, a, b, c, all } = stage();
  const first = all.replace(() => b);
  const second = all.replace((before) => {
    expect(before).toBe(b);
    return c;
  });
  await settled();
  a.gone();
  await first;
  await settled();
  b.gone();
  await second;
  expect(log).toEqual(['a starts', 'a ends, succeeded', 'b starts', 'b ends, succeeded', 'c starts']);
});

test('a replacement that failed is the problem of its caller, and the next one is tried', async () => {
  const { a, b, all } = stage();
  const failed = all.replace(() => {
    throw new Error('no room');
  });
  const next = all.replace(() => b);
  await settled();
  a.gone();
  await expect(failed).rejects.toThrow('no room');
  await next;
  expect(all.isCurrent(b)).toBe(true);
});

test('a generation that could not be ended stays the current one', async () => {
  const { a, b, all } = stage();
  const failed = all.replace(() => b);
  await settled();
  a.stuck(new Error('still there'));
  await expect(failed).rejects.toThrow('still there');
  expect([all.current, all.isCurrent(a)]).toEqual([a, true]);
});

test('overlap: both run until the predecessors are ended', async () => {
  const { log, a, b, all } = stage();
  all.overlap(() => b);
  expect([all.isCurrent(b), all.isCurrent(a), all.pids]).toEqual([true, false, [98, 97]]);
  const ended = all.endPredecessors();
  expect(all.pids).toEqual([98, 97]);
  a.gone();
  await ended;
  expect([log.at(-1), all.pids]).toEqual(['a ends, succeeded', [98]]);
});

test('closing in the middle of a replacement starts no successor', async () => {
  const { log, a, b, all } = stage();
  const replaced = all.replace(() => b);
  await settled();
  const closed = all.close();
  a.gone();
  await Promise.all([replaced, closed]);
  expect(log).toEqual(['a starts', 'a ends, succeeded']);
  await all.replace(() => b);
  all.overlap(() => b);
  expect(all.current).toBe(a);
});

test('a replacement that is requested while closing leaves the last generation to report its end', async () => {
  const { a, b, all } = stage();
  const closed = all.close();
  const replaced = all.replace(() => b);
  await settled();
  expect(all.isCurrent(a)).toBe(true);
  a.gone();
  await Promise.all([closed, replaced]);
});

test('closing ends the current generation and those that are ending', async () => {
  const { log, a, b, all } = stage();
  all.overlap(() => b);
  const closed = all.close();
  expect(log.slice(2)).toEqual(['b ends', 'a ends, succeeded']);
  a.gone();
  b.gone();
  await closed;
  expect(all.close()).toBe(all.close());
});
