import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { consumeJit, type JitCounters } from './consume-jit.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function balance({ received, handled, skipped, pending, inHandler }: JitCounters): void {
  expect(received).toBe(handled + skipped + pending + inHandler);
}

async function* buffered(items: readonly number[]): AsyncGenerator<number> {
  yield* items;
}

/** A source whose items are emitted by the test. */
class Tap<T> implements AsyncIterable<T>, AsyncIterator<T> {
  #queue: IteratorResult<T>[] = [];
  #waiting: ((result: IteratorResult<T>) => void) | undefined;
  returned = false;

  push(value: T): void {
    this.#give({ done: false, value });
  }

  end(): void {
    this.#give({ done: true, value: undefined });
  }

  next(): Promise<IteratorResult<T>> {
    const queued = this.#queue.shift();
    if (queued) return Promise.resolve(queued);
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  return(): Promise<IteratorResult<T>> {
    this.returned = true;
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): AsyncIterator<T> {
    return this;
  }

  #give(result: IteratorResult<T>): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting) waiting(result);
    else this.#queue.push(result);
  }
}

describe('consumeJit', () => {
  test('a source with a buffer cannot feed stale items: only the newest is handled', async () => {
    const seen: number[] = [];
    const items = Array.from({ length: 100 }, (_, i) => i);
    const counters = await consumeJit(buffered(items), (item) => void seen.push(item)).done;
    expect(seen).toEqual([99]);
    expect(counters).toEqual({ received: 100, handled: 1, skipped: 99, pending: 0, inHandler: 0 });
  });

  test('pumps on while the handler is busy, and gives it the newest afterwards', async () => {
    const tap = new Tap<number>();
    const seen: number[] = [];
    let finish: () => void = () => undefined;
    const consumption = consumeJit(tap, async (item) => {
      seen.push(item);
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
    });
    tap.push(1);
    await turn();
    await turn();
    for (const item of [2, 3, 4]) tap.push(item);
    await turn();
    expect(consumption.counters()).toEqual({ received: 4, handled: 0, skipped: 2, pending: 1, inHandler: 1 });
    finish();
    await turn();
    await turn();
    tap.end();
    await turn();
    finish();
    expect(await consumption.done).toEqual({ received: 4, handled: 2, skipped: 2, pending: 0, inHandler: 0 });
    expect(seen).toEqual([1, 4]);
  });

  test('skipped items are given back, handled ones are not', async () => {
    const discarded: number[] = [];
    await consumeJit(buffered([1, 2, 3]), () => undefined, { discard: (item) => discarded.push(item) }).done;
    expect(discarded).toEqual([1, 2]);
  });

  test('an abort ends it although the source hangs, and calls the source’s return', async () => {
    const tap = new Tap<number>();
    const abort = new AbortController();
    const consumption = consumeJit(tap, () => undefined, { signal: abort.signal });
    tap.push(1);
    await turn();
    await turn();
    abort.abort();
    expect(await consumption.done).toMatchObject({ received: 1, handled: 1 });
    expect(tap.returned).toBe(true);
  });

  test('what source or handler throw is thrown by `done`', async () => {
    async function* failing(): AsyncGenerator<number> {
      yield 1;
      throw new Error('the source failed');
    }
    await expect(consumeJit(failing(), () => undefined).done).rejects.toThrow('the source failed');
    const tap = new Tap<number>();
    const consumption = consumeJit(tap, () => {
      throw new Error('the handler failed');
    });
    tap.push(1);
    await expect(consumption.done).rejects.toThrow('the handler failed');
    expect(tap.returned).toBe(true);
  });

  test('an endless source that never waits leaves turns for others', async () => {
    let handled = 0;
    async function* endless(): AsyncGenerator<number> {
      for (let i = 0; ; i += 1) {
        if (handled >= 3) return;
        yield i;
      }
    }
    const consumption = consumeJit(endless(), () => {
      handled += 1;
    });
    await consumption.done;
    expect(handled).toBeGreaterThanOrEqual(3);
  });

  test('nothing is lost, and nothing goes backwards, over any interleaving', async () => {
    const step = fc.constantFrom('item' as const, 'turn' as const, 'finish' as const);
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const tap = new Tap<number>();
        const seen: number[] = [];
        const discarded: number[] = [];
        let finish: () => void = () => undefined;
        const consumption = consumeJit(
          tap,
          (item) => {
            seen.push(item);
            return new Promise<void>((resolve) => {
              finish = resolve;
            });
          },
          { discard: (item) => discarded.push(item) },
        );
        let pushed = 0;
        for (const s of steps) {
          if (s === 'item') tap.push((pushed += 1));
          else if (s === 'finish') finish();
          else await turn();
          balance(consumption.counters());
        }
        tap.end();
        const over = consumption.done.then(() => true);
        while (!(await Promise.race([over, turn()]))) finish();
        balance(consumption.counters());
        expect([...seen].sort((a, b) => a - b)).toEqual(seen);
        expect([...seen, ...discarded].sort((a, b) => a - b)).toEqual(Array.from({ length: pushed }, (_, i) => i + 1));
        if (pushed > 0) expect(seen.at(-1)).toBe(pushed);
      }),
      { numRuns: 300 },
    );
  });
});
