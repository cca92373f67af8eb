import { rmSync } from 'node:fs';
import { expect, test } from 'vitest';
import { systemClock } from './clock.ts';
import { createSharedFile, mapSharedFile, SHM_DIR } from './shared-memory.ts';
import { futexSupported, futexWait, futexWake } from './wake.ts';

test.runIf(futexSupported)(
  'a futex on a read-only mapping: returns at once when the word changed, else when time is over',
  () => {
    const path = `${SHM_DIR}/vigia_test_wake_${process.pid}`;
    const writer = createSharedFile(path, 4096);
    const reader = mapSharedFile(path);
    rmSync(path);
    writer.bytes.writeInt32LE(-5, 64);
    const beginMs = systemClock.nowMs();
    futexWait(reader.address + 64n, 7, 60_000);
    const betweenMs = systemClock.nowMs();
    expect(betweenMs - beginMs).toBeLessThan(30_000);
    futexWait(reader.address + 64n, -5, 30);
    expect(systemClock.nowMs() - betweenMs).toBeGreaterThanOrEqual(29);
    // No waiter: nothing happens.
    futexWake(writer.address + 64n);
    writer.retire();
    reader.retire();
  },
);

test('the clock is CLOCK_MONOTONIC, to the microsecond', () => {
  const differences = Array.from({ length: 200 }, () => {
    const before = systemClock.nowMs();
    const monotonic = Number(process.hrtime.bigint()) / 1e6;
    return monotonic - (before + systemClock.nowMs()) / 2;
  }).sort((a, b) => a - b);
  expect(Math.abs(differences[100] ?? 1)).toBeLessThan(0.02);
});
