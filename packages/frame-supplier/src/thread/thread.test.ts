import { READER_PAGE } from '@vigia/contracts';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { CountedFrame } from '#contract';
import { FrameSupplier } from '#loop';
import { ThreadFrameServer, type ThreadSeatHandle } from './thread-frame-server.ts';
import { WAKE_FANOUT, WAKE_LIST_BYTES, WakeList } from './wake-list.ts';

describe('a wake list', () => {
  /** One publisher and three helpers on the same memory, and a record of who woke whom. */
  function setUp(): { lists: WakeList[]; woken: number[]; words: Int32Array } {
    const memory = new SharedArrayBuffer(WAKE_LIST_BYTES);
    const woken: number[] = [];
    const lists = Array.from({ length: 4 }, () => new WakeList(memory, (seat) => woken.push(seat)));
    return { lists, woken, words: new Int32Array(memory) };
  }

  test('wakes each ticket once, by any claimant, two at a time', () => {
    const { lists, woken } = setUp();
    for (let seat = 0; seat < 100; seat += 1) lists[0]?.push(seat);
    lists[1]?.wakeSome();
    expect(woken).toEqual([0, 1]);
    for (let i = 0; i < 60; i += 1) lists[i % 4]?.wakeSome();
    expect(woken).toEqual(Array.from({ length: 100 }, (_, seat) => seat));
  });

  test('goes on when its counts wrap, and serves the oldest when it is full', () => {
    const { lists, woken, words } = setUp();
    words.fill(2 ** 31 - 3, 0, 2);
    for (let seat = 0; seat < 700; seat += 1) lists[0]?.push(seat);
    expect(woken).toEqual(Array.from({ length: 700 - 512 }, (_, seat) => seat));
    for (let i = 0; i < 300; i += 1) lists[2]?.wakeSome();
    expect(woken).toEqual(Array.from({ length: 700 }, (_, seat) => seat));
  });
});

describe('a server for threads', () => {
  const closers: (() => void)[] = [];
  afterEach(() => {
    vi.restoreAllMocks();
    for (const close of closers.splice(0)) close();
  });

  test('wakes at most a constant number of sleepers in a turn, however many wait', async () => {
    const supplier = new FrameSupplier<CountedFrame<number>>();
    supplier.start();
    const shape = { width: 8, height: 8, format: 'GRAY8', planes: [{ offset: 0, stride: 8 }], byteLength: 64 } as const;
    const server = new ThreadFrameServer({
      supplier,
      readers: 64,
      rendition: { shape, render: (frame, pixels) => pixels.fill(frame.value, 0, 64) },
    });
    const handles: ThreadSeatHandle[] = [];
    closers.push(() => {
      server.close();
      for (const { port } of handles) port.close();
    });
    for (let i = 0; i < 64; i += 1) {
      const handle = server.admit(`t${i}`);
      handles.push(handle);
      // As its reader would request one.
      Atomics.add(new Int32Array(handle.page), READER_PAGE.ready / 4, 1);
    }
    const table = handles[0]?.table as SharedArrayBuffer;
    const notify = vi.spyOn(Atomics, 'notify');
    const perTurn: number[] = [];
    supplier.publish(new CountedFrame(1, supplier.clock.nowMs()));
    for (let turn = 0; turn < 12; turn += 1) {
      notify.mockClear();
      await new Promise((resolve) => setImmediate(resolve));
      perTurn.push(notify.mock.calls.filter(([words]) => words.buffer === table).length);
    }
    // Two at once, and two from the list at the end of the turn.
    expect(Math.max(...perTurn)).toBeLessThanOrEqual(2 * WAKE_FANOUT);
    for (let i = 0; i < 64; i += 1) expect(server.report(`t${i}`)?.inFlight).toBe(1);
  });
});
