import { Scope, systemClock } from '@vigia/base';
import type { PixelFormat } from '@vigia/contracts';
import { afterEach, describe, expect, test } from 'vitest';
import type { RenderedPicture } from '#core/consumer';
import { type RenditionSpec, WHOLE } from '#core/media';
import { Picture } from '#core/media/libav';
import { paintedFrame } from '../../../test/support/painted-picture.ts';
import { Renditions } from './renditions.ts';

const scopes: Scope[] = [];
const pictures: Picture[] = [];
afterEach(async () => {
  for (const scope of scopes.splice(0)) await scope.close();
  for (const picture of pictures.splice(0)) picture.release();
});

let nodes = 0;

function newRenditions(): Renditions {
  const scope = new Scope();
  scopes.push(scope);
  nodes += 1;
  const node = `test-renditions-${process.pid}-${nodes}`;
  return new Renditions({ node, camera: 'c', roi: WHOLE, privacy: [], clock: systemClock }, scope);
}

function newPicture(seq: number): Picture {
  const stamps = { capturedMs: seq, capturedWallMs: 0, hiddenMs: 0, arrivedMs: 0, decodedMs: 0, ptsUs: 0 };
  const made = new Picture(paintedFrame(), stamps, (frame) => frame.free());
  made.seq = seq;
  pictures.push(made);
  return made;
}

const spec = (width: number, height: number, format: PixelFormat = 'RGB24'): RenditionSpec => ({
  width,
  height,
  format,
  fit: 'stretch',
});

function rendered(frame: RenderedPicture | undefined): RenderedPicture {
  if (!frame) throw new Error('no free slot');
  return frame;
}

describe('a rendition within the memory of another one', () => {
  test('several consumers of the same rendition, each in its own memory, always have a slot', () => {
    const renditions = newRenditions();
    const homes = [64, 80, 96, 112, 128].map((side) => spec(side, side));
    const small = spec(32, 32, 'GRAY8');
    for (const home of homes) {
      renditions.admit(home, 1);
      expect(renditions.admitWithin(small, home)).toBe(true);
    }
    // Each has one in flight, and continues with the next picture while the others still hold theirs.
    const held = homes.map((home) => rendered(renditions.render(newPicture(1), small, home)));
    for (let seq = 2; seq < 12; seq += 1)
      for (const [i, home] of homes.entries()) {
        held[i]?.lease.release();
        held[i] = rendered(renditions.render(newPicture(seq), small, home));
      }
    expect(new Set(held.map((frame) => frame.reference)).size).toBe(homes.length);
  });

  test('a slot that the other rendition reused is written again', () => {
    const renditions = newRenditions();
    const home = spec(64, 64);
    const small = spec(32, 32);
    renditions.admit(home, 1);
    renditions.admitWithin(small, home);
    const first = newPicture(1);
    const large = rendered(renditions.render(first, home));
    const before = Buffer.from(renditions.pixelsOf(home, home, large.lease));
    large.lease.release();
    for (let seq = 2; seq < 8; seq += 1) rendered(renditions.render(newPicture(seq), small, home)).lease.release();
    const again = rendered(renditions.render(first, home));
    expect(renditions.pixelsOf(home, home, again.lease).equals(before)).toBe(true);
    expect(again.metadata).toMatchObject({ width: 64, height: 64, frame_id: 1 });
  });

  test('many consumers of one picture in one size share one slot, scaled once', () => {
    const renditions = newRenditions();
    renditions.admit(spec(64, 64), 3);
    const shared = newPicture(1);
    const leases = [1, 2, 3].map(() => rendered(renditions.render(shared, spec(64, 64))).lease);
    expect(new Set(leases.map((lease) => lease.slot)).size).toBe(1);
    for (const lease of leases) lease.release();
  });

  test('a rendition that needs more memory is refused', () => {
    const renditions = newRenditions();
    renditions.admit(spec(64, 64, 'GRAY8'), 1);
    expect(renditions.admitWithin(spec(64, 64, 'RGB24'), spec(64, 64, 'GRAY8'))).toBe(false);
    expect(renditions.admitWithin(spec(32, 32), spec(99, 99))).toBe(false);
  });
});
