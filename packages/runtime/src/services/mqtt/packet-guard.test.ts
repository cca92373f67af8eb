import { FakeClock } from '@vigia/base';
import { describe, expect, test } from 'vitest';
import { PacketGuard } from './packet-guard.ts';

const LIMIT = 1_000;
/** A PUBLISH with a body of so many bytes. */
function publish(bytes: number, qos = 0): Buffer {
  const length = bytes < 128 ? [bytes] : [(bytes % 128) | 0x80, Math.floor(bytes / 128)];
  return Buffer.concat([Buffer.from([0x30 | (qos << 1), ...length]), Buffer.alloc(bytes, 0xff)]);
}

/** Looks at bytes in chunks of a size; the first fault. */
function faultOf(bytes: Buffer, size: number, guard = new PacketGuard(LIMIT, new FakeClock())): string | undefined {
  for (let at = 0; at < bytes.byteLength; at += size) {
    const fault = guard.look(bytes.subarray(at, at + size));
    if (fault !== undefined) return fault;
  }
  return undefined;
}

describe.each([1, 2, 7, 100_000])('in chunks of %d', (size) => {
  test('packets up to the limit pass, however they follow each other', () => {
    const bytes = Buffer.concat([
      publish(0),
      publish(127),
      publish(128),
      publish(LIMIT),
      publish(3, 1),
      Buffer.from([0xd0, 0]),
    ]);
    expect(faultOf(Buffer.concat([bytes, bytes]), size)).toBeUndefined();
  });

  test('a larger one is found by its head', () => {
    const head = publish(LIMIT + 1).subarray(0, 3);
    expect(faultOf(Buffer.concat([publish(5), head]), size)).toBe('sends a packet of more than 1000 bytes');
    // 256 MB, of which nothing has come.
    expect(faultOf(Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f]), size)).toMatch(/^sends a packet of more/);
  });

  test('so are a length without end and messages that are kept', () => {
    expect(faultOf(Buffer.from([0x30, 0x80, 0x80, 0x80, 0x80]), size)).toBe('sends what is not MQTT');
    expect(faultOf(Buffer.concat([publish(9, 1), publish(9, 2)]), size)).toMatch(/QoS 2/);
  });
});

test('a flood of small packets is found; as many over a longer time pass', () => {
  const clock = new FakeClock();
  const thousand = Buffer.concat(Array.from({ length: 1_000 }, () => publish(3, 1)));
  const flooded = new PacketGuard(LIMIT, clock);
  const faults = Array.from({ length: 9 }, () => flooded.look(thousand));
  expect(faults).toEqual([...Array.from({ length: 8 }), 'sends more than 1000 packets per second']);
  const busy = new PacketGuard(LIMIT, clock);
  const acknowledgements = Buffer.concat(Array.from({ length: 100_000 }, () => Buffer.from([0x40, 2, 0, 1])));
  expect(busy.look(acknowledgements)).toBeUndefined();
  const patient = new PacketGuard(LIMIT, clock);
  for (let second = 0; second < 100; second += 1) {
    expect(patient.look(thousand)).toBeUndefined();
    clock.advance(1_000);
  }
});
