import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { SHM_DIR, systemClock } from '@vigia/base';
import { HEADER, SEGMENT_PAGE_BYTES, SLOT, segmentBytes } from '@vigia/contracts';
import { afterEach, describe, expect, test } from 'vitest';
import { FrameSegmentReader } from './frame-segment-reader.ts';
import { FrameSegmentWriter, type FrameStamp } from './frame-segment-writer.ts';
import { SlotRing } from './slot-ring.ts';

const path = `${SHM_DIR}/vigia_test_segment_${process.pid}`;
const SIZE = 64 * 48 * 3;
const open: { close(): void }[] = [];

afterEach(() => {
  for (const each of open.splice(0)) each.close();
  rmSync(path, { force: true });
});

function writer(slots = 4): FrameSegmentWriter {
  const created = FrameSegmentWriter.create({ path, slots, slotBytes: SIZE, clock: systemClock });
  open.push(created);
  return created;
}

function reader(): FrameSegmentReader {
  const opened = FrameSegmentReader.open(path);
  open.push(opened);
  return opened;
}

const SHAPE = {
  width: 64,
  height: 48,
  format: 'RGB24',
  planes: [{ offset: 0, stride: 192 }],
  byteLength: SIZE,
} as const;

function stamp(frameId: number): FrameStamp {
  return {
    frameId,
    capturedMs: 123.25,
    capturedWallMs: 1_767_225_600_000.5,
    ptsUs: -7,
    shape: SHAPE,
  };
}

describe('a frame segment', () => {
  test('hands a frame over, with its stamps where the byte table says', () => {
    const w = writer();
    const r = reader();
    expect(r.head()).toBeUndefined();
    w.begin(2);
    w.view(2).fill(9);
    const generation = w.commit(2, stamp(41));
    expect(r.head()).toBeUndefined();
    w.announce(2, 41);
    expect(r.head()).toEqual({ frameId: 41, slot: 2 });
    const into = new Uint8Array(SIZE);
    expect(r.read(2, generation, into)).toBe('ok');
    expect(into.every((v) => v === 9)).toBe(true);
    const bytes = readFileSync(path);
    const entry = SEGMENT_PAGE_BYTES + 2 * 128;
    expect(bytes.byteLength).toBe(segmentBytes(4, SIZE));
    expect(bytes.readBigUInt64LE(entry + SLOT.frameId)).toBe(41n);
    expect(bytes.readBigInt64LE(entry + SLOT.ptsUs)).toBe(-7n);
    expect(bytes.readBigUInt64LE(entry + SLOT.capturedMonotonicNs)).toBe(123_250_000n);
    expect(bytes.readBigInt64LE(entry + SLOT.capturedWallUs)).toBe(1_767_225_600_000_500n);
    expect(r.view(2, generation)).toMatchObject({
      frameId: 41,
      capturedMs: 123.25,
      capturedWallMs: 1_767_225_600_000.5,
      ptsUs: -7,
      shape: SHAPE,
    });
    expect(bytes.readUInt32LE(entry + SLOT.byteLength)).toBe(SIZE);
    expect(bytes.readUInt32LE(HEADER.writerPid)).toBe(process.pid);
  });

  test('a frame that is being rewritten, was rewritten, or never was: never accepted', () => {
    const w = writer();
    const r = reader();
    const into = new Uint8Array(SIZE);
    w.begin(0);
    const first = w.commit(0, stamp(1));
    expect(r.read(0, first, into)).toBe('ok');
    w.begin(0);
    expect(r.read(0, first, into)).toBe('expired');
    expect(r.generation(0) % 2).toBe(1);
    const second = w.commit(0, stamp(2));
    expect(r.read(0, first, into)).toBe('expired');
    expect(r.read(0, second, into)).toBe('ok');
    expect(r.read(1, 0, into)).toBe('invalid');
    expect(r.read(9, second, into)).toBe('invalid');
    expect(r.read(0, second + 1, into)).toBe('invalid');
    expect(r.read(0, second, new Uint8Array(SIZE + 1))).toBe('invalid');
  });

  test('generations go on past 32 bits, and are odd while a slot is written', () => {
    const w = writer();
    const r = reader();
    const generationWord = new Int32Array(w.view(0).buffer, SEGMENT_PAGE_BYTES, 2);
    generationWord[0] = -2;
    w.begin(0);
    expect(r.generation(0)).toBe(2 ** 32 - 1);
    expect(w.commit(0, stamp(1))).toBe(2 ** 32);
    expect(r.generation(0)).toBe(2 ** 32);
    expect(r.view(0, 2 ** 32)?.frameId).toBe(1);
    expect(r.view(0, 2 ** 33)).toBeUndefined();
    expect(() => w.commit(0, stamp(2))).toThrow(expect.objectContaining({ code: 'segment_not_begun' }));
  });

  test('an entry that cannot be is an error, not a frame', () => {
    const w = writer();
    const r = reader();
    w.begin(0);
    const generation = w.commit(0, stamp(1));
    const entry = new DataView(w.view(0).buffer, SEGMENT_PAGE_BYTES, 128);
    for (const [field, value] of [
      [SLOT.byteLength, 2 ** 31],
      [SLOT.planeCount, 9],
      [SLOT.planeCount, 0],
      [SLOT.format, 77],
    ] as const) {
      const good = entry.getUint32(field, true);
      entry.setUint32(field, value, true);
      expect(() => r.view(0, generation)).toThrow(expect.objectContaining({ code: 'frame_invalid' }));
      entry.setUint32(field, good, true);
    }
    expect(r.view(0, generation)?.frameId).toBe(1);
  });

  test('a frame larger than its slot and impossible sizes are typed errors; the slot stays unreadable', () => {
    const w = writer();
    w.begin(0);
    expect(() => w.commit(0, { ...stamp(1), shape: { ...SHAPE, byteLength: SIZE + 1 } })).toThrow(
      expect.objectContaining({ code: 'frame_too_large' }),
    );
    expect(reader().generation(0) % 2).toBe(1);
    for (const slots of [0, 1, 4096, 2.5]) {
      const create = (): unknown =>
        FrameSegmentWriter.create({ path: `${path}_x`, slots, slotBytes: 1, clock: systemClock });
      expect(create).toThrow(expect.objectContaining({ code: 'segment_geometry' }));
    }
  });

  test('closing unlinks, marks and retires; a reader that lives on sees the end and zeros', () => {
    const w = writer();
    const r = reader();
    expect(r.live).toBe(true);
    w.close();
    w.close();
    expect(existsSync(path)).toBe(false);
    expect(r.live).toBe(false);
    expect(() => w.begin(0)).toThrow(expect.objectContaining({ code: 'segment_closed' }));
    r.close();
    r.close();
    expect(r.read(0, 2, new Uint8Array(1))).toBe('invalid');
  });

  test('another version, a foreign file and a header that lies are refused', () => {
    writer();
    const good = readFileSync(path);
    const refused = (change: (bytes: Buffer) => void): void => {
      const bytes = Buffer.from(good);
      change(bytes);
      writeFileSync(path, bytes);
      expect(() => FrameSegmentReader.open(path)).toThrow(expect.objectContaining({ code: 'frame_invalid' }));
    };
    refused((b) => b.writeUInt32LE(2, HEADER.version));
    refused((b) => b.write('NOTVIGIA', 0, 'latin1'));
    refused((b) => b.writeUInt32LE(4095, HEADER.slotCount));
    refused((b) => b.writeUInt32LE(0, HEADER.slotCount));
    refused((b) => b.writeBigUInt64LE(2n ** 60n, HEADER.slotStride));
    refused((b) => b.writeBigUInt64LE(1n, HEADER.dataOffset));
  });
});

describe('the slots of a ring', () => {
  test('none is rewritten while a request refers to it; with all referenced there is none', () => {
    const ring = new SlotRing(writer(4));
    const leases = [1, 2, 3, 4].map((id) => ring.write((pixels) => pixels.fill(id), stamp(id)));
    expect(new Set(leases.map((l) => l?.slot)).size).toBe(4);
    expect(ring.write(() => undefined, stamp(5))).toBeUndefined();
    const r = reader();
    const into = new Uint8Array(SIZE);
    for (const [i, lease] of leases.entries()) {
      expect(r.read(lease?.slot as number, lease?.generation as number, into)).toBe('ok');
      expect(into[0]).toBe(i + 1);
    }
    const shared = leases[1]?.retain();
    leases[1]?.release();
    expect(ring.write(() => undefined, stamp(6))).toBeUndefined();
    shared?.release();
    expect(ring.write(() => undefined, stamp(7))?.slot).toBe(leases[1]?.slot);
    expect(() => leases[1]?.release()).toThrow(expect.objectContaining({ code: 'lease_released' }));
    expect(ring.heldSlots).toBe(4);
  });

  test('a filler that throws leaves an unreadable slot that can be reused', () => {
    const ring = new SlotRing(writer(2));
    const bad = (): unknown =>
      ring.write(() => {
        throw new Error('scaler');
      }, stamp(1));
    expect(bad).toThrow('scaler');
    expect(reader().generation(0) % 2).toBe(1);
    expect(ring.write(() => undefined, stamp(2))).toBeDefined();
    expect(ring.write(() => undefined, stamp(3))).toBeDefined();
    expect(ring.heldSlots).toBe(2);
  });
});
