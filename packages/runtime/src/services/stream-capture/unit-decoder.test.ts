import { fileURLToPath } from 'node:url';
import { FakeClock } from '@vigia/base';
import { h264Sps, loadClip } from '@vigia/testkit';
import { beforeAll, describe, expect, test } from 'vitest';
import type { SourceFormat } from '#core/media';
import type { Picture } from '#core/media/libav';
import { encodeSnapshot } from '#services/snapshot';
import { DECODE_ALL, type DecodeOptions, UnitDecoder } from './unit-decoder.ts';

const FORMAT: SourceFormat = {
  kind: 'rtsp',
  transport: 'tcp',
  codec: 'mjpeg',
  extradata: undefined,
  raw: undefined,
  audio: undefined,
  live: true,
};
const START_CODE = Buffer.from([0, 0, 0, 1]);
const CLIP = fileURLToPath(new URL('../../../assets/pedestrians.mp4', import.meta.url));
const GARBAGE = Buffer.alloc(200, 7);
/** A JPEG of 16×8. */
let jpeg: Buffer;

beforeAll(async () => {
  jpeg = await encodeSnapshot({ data: Buffer.alloc(16 * 8 * 3, 128), width: 16, height: 8 }, undefined);
});

interface Sent {
  readonly data?: Buffer;
  readonly damaged?: boolean;
  readonly keyframe?: boolean;
  readonly wanted?: boolean;
  readonly latenessMs?: number;
  readonly doubt?: 'unproved' | 'repeated';
  readonly afterLoss?: boolean;
  /** Default: 100 ms after the one before. */
  readonly ptsMs?: number;
  /** Whether the read ends with this unit. */
  readonly ends?: boolean;
}

/** A decoder on a clock that stands still, and what comes out of it. */
class Stage {
  readonly clock = new FakeClock();
  readonly published: { readonly width: number; readonly ptsUs: number; readonly capturedMs: number }[] = [];
  readonly tooLarge: string[] = [];
  readonly decoder: UnitDecoder;
  #sent = 0;

  constructor(decode: Partial<DecodeOptions> = {}, format: SourceFormat = FORMAT) {
    this.decoder = new UnitDecoder({
      clock: this.clock,
      decode: { ...DECODE_ALL, ...decode },
      publish: (picture: Picture) => {
        const { width, stamps } = picture;
        this.published.push({ width, ptsUs: stamps.ptsUs, capturedMs: stamps.capturedMs });
        picture.release();
      },
      onRemark: () => undefined,
      onTooLarge: ({ width, height }) => this.tooLarge.push(`${width}×${height}`),
    });
    this.decoder.begin(format);
  }

  send(sent: Sent = {}): this {
    const { ptsMs = this.#sent * 100, wanted = true, latenessMs = 0, ends = true, ...rest } = sent;
    this.#sent += 1;
    const unit = { data: jpeg, ptsMs, arrivedMs: 1_000 + ptsMs, keyframe: true, damaged: false, ...rest };
    this.decoder.push(unit, latenessMs, wanted, 0);
    if (ends) this.decoder.readEnd();
    const c = this.decoder.counters();
    expect(c.captured).toBe(c.published + c.noDemand + c.undecodable + c.late + c.inDecoder);
    return this;
  }

  /** How many of the pictures so far were concealed. */
  get concealed(): number {
    return this.decoder.counters().concealed;
  }
}

const LOST = { damaged: true, keyframe: false };
const NEXT = { keyframe: false };

describe('after a loss', () => {
  test('wait: nothing is decoded until a clean keyframe', () => {
    const stage = new Stage().send().send(LOST).send(NEXT).send({ damaged: true }).send(NEXT);
    expect(stage.decoder.counters()).toMatchObject({ captured: 5, published: 1, undecodable: 4, concealed: 0 });
    stage.send().send(NEXT);
    expect(stage.decoder.counters()).toMatchObject({ published: 3, undecodable: 4, concealed: 0 });
    stage.decoder.forget();
  });

  test('conceal: everything is decoded, and counted as concealed until a clean keyframe', () => {
    const stage = new Stage({ onLoss: 'conceal' }).send().send(LOST).send(NEXT);
    expect(stage.concealed).toBe(2);
    // A keyframe of which something is missing repairs nothing.
    expect(stage.send({ damaged: true }).send(NEXT).concealed).toBe(4);
    expect(stage.send().send(NEXT).concealed).toBe(4);
    expect(stage.decoder.counters()).toMatchObject({ captured: 7, published: 7, undecodable: 0 });
    stage.decoder.forget();
  });

  test.each([
    ['wait', { published: 2, undecodable: 2, concealed: 0 }],
    ['conceal', { published: 3, undecodable: 1, concealed: 1 }],
  ] as const)('a unit that the decoder refuses is a loss (%s)', (onLoss, counters) => {
    const stage = new Stage({ onLoss }).send().send({ data: GARBAGE, keyframe: false }).send(NEXT).send();
    expect(stage.decoder.counters()).toMatchObject(counters);
    stage.decoder.forget();
  });

  test('a new connection begins with a clean keyframe, regardless of earlier losses', () => {
    const stage = new Stage({ onLoss: 'conceal' }).send().send(LOST);
    stage.decoder.forget();
    stage.decoder.begin(FORMAT);
    expect(stage.send(NEXT).decoder.counters()).toMatchObject({ published: 2, undecodable: 1, concealed: 1 });
    expect(stage.send().send(NEXT).decoder.counters()).toMatchObject({ published: 4, concealed: 1 });
    stage.decoder.forget();
  });

  test('unwanted units are not losses, and the next picture needs a keyframe', () => {
    const stage = new Stage({ onLoss: 'conceal' })
      .send()
      .send({ ...LOST, wanted: false })
      .send(NEXT)
      .send();
    expect(stage.decoder.counters()).toMatchObject({ published: 2, noDemand: 1, undecodable: 1, concealed: 0 });
    stage.decoder.forget();
  });
});

test('keyframes only: other units are not wanted, damaged or not', () => {
  const stage = new Stage({ mode: 'keyframes', onLoss: 'conceal' }).send().send(LOST).send(NEXT).send();
  expect(stage.decoder.counters()).toMatchObject({ published: 2, noDemand: 2, concealed: 0 });
  expect([stage.decoder.keyframes, stage.decoder.gopMs, stage.decoder.intervalMs]).toEqual([2, 300, 300]);
  stage.decoder.forget();
});

describe('of the units of one read', () => {
  test('all are decoded and the newest picture is published', () => {
    const stage = new Stage().send({ ends: false }).send({ ends: false }).send();
    expect(stage.published.map(({ ptsUs }) => ptsUs)).toEqual([200_000]);
    expect(stage.decoder.counters()).toMatchObject({ published: 1, late: 2 });
    stage.decoder.forget();
  });

  test('a late picture is held to the end of the turn, so that a newer one can replace it', async () => {
    const stage = new Stage().send({ latenessMs: 51 });
    expect(stage.decoder.counters()).toMatchObject({ published: 0, inDecoder: 1 });
    stage.send({ latenessMs: 50 });
    expect(stage.published).toEqual([{ width: 16, ptsUs: 100_000, capturedMs: 1_050 }]);
    stage.send({ latenessMs: 80 });
    await new Promise((resolve) => void setImmediate(resolve));
    expect(stage.decoder.counters()).toMatchObject({ published: 2, late: 1, inDecoder: 0 });
    stage.decoder.forget();
  });

  test('a picture that is held when the connection ends is late', async () => {
    const stage = new Stage().send({ latenessMs: 500 });
    stage.decoder.forget();
    expect(stage.decoder.counters()).toMatchObject({ published: 0, late: 1, inDecoder: 0 });
    await new Promise((resolve) => void setImmediate(resolve));
    expect(stage.published).toEqual([]);
  });
});

describe('with slice threads, a first unit whose marker has not proved right', () => {
  const UNPROVED = { doubt: 'unproved' } as const;

  test.each<[string, Sent, number]>([
    ['is published when the next one comes', {}, 2],
    ['is not published when it is repeated', { doubt: 'repeated', ptsMs: 0 }, 1],
    ['is not published when something is lost behind it', { afterLoss: true }, 1],
  ])('%s', (_, next, published) => {
    const stage = new Stage({ threads: 2 }).send(UNPROVED);
    expect(stage.decoder.counters()).toMatchObject({ published: 0, inDecoder: 1 });
    stage.send(next);
    expect(stage.decoder.counters()).toMatchObject({ published, late: 2 - published, inDecoder: 0 });
    stage.decoder.forget();
  });

  test('without them it is published at once: the decoder reports missing slices', () => {
    const stage = new Stage().send(UNPROVED);
    expect(stage.decoder.counters()).toMatchObject({ published: 1 });
    stage.decoder.forget();
  });
});

test('a unit that is still in the decoder when the connection ends is undecodable, once', () => {
  const stage = new Stage({}, { ...FORMAT, codec: 'h264' });
  // The end of a sequence: the decoder takes it and gives no picture.
  stage.send({ data: Buffer.from([...START_CODE, 0x0a]) });
  expect(stage.decoder.counters()).toMatchObject({ inDecoder: 1, undecodable: 0 });
  for (let i = 0; i < 2; i += 1) {
    stage.decoder.forget();
    expect(stage.decoder.counters()).toMatchObject({ inDecoder: 0, undecodable: 1 });
  }
});

describe('the largest picture', () => {
  test.each([
    ['its size', 16, 8, true],
    ['its size when turned', 8, 16, true],
    ['a smaller height', 16, 7, false],
    ['a smaller width', 15, 8, false],
    ['a smaller height when turned', 8, 15, false],
    ['a smaller width when turned', 7, 16, false],
    ['its width, but not its height, either way', 16, 4, false],
  ])('%s', (_, width, height, fits) => {
    const stage = new Stage({ maxPicture: { width, height } }).send();
    expect(stage.tooLarge).toEqual(fits ? [] : ['16×8']);
    expect(stage.decoder.counters()).toMatchObject({ published: fits ? 1 : 0, undecodable: fits ? 0 : 1 });
    expect(stage.decoder.size).toEqual(fits ? { width: 16, height: 8 } : { width: 0, height: 0 });
    stage.decoder.forget();
  });
});

describe('a stream that announces more than fits into the planned memory', () => {
  const H264: SourceFormat = { ...FORMAT, codec: 'h264' };
  const HUGE = { profile: 100, width: 6_400, height: 6_400, references: 1, frames: true };
  let first: Buffer;
  let withoutSps: Buffer;

  beforeAll(async () => {
    const { parameterSets, units } = await loadClip(CLIP);
    const others = parameterSets.filter((set) => ((set[0] ?? 0) & 0x1f) !== 7);
    withoutSps = Buffer.concat([...others, ...(units[0]?.nals ?? [])].flatMap((nal) => [START_CODE, nal]));
    first = Buffer.concat([...parameterSets, ...(units[0]?.nals ?? [])].flatMap((nal) => [START_CODE, nal]));
  });

  const before = (sps: Buffer): Buffer => Buffer.concat([START_CODE, sps, first]);

  test.each([
    ['its size', HUGE, '6400×6400'],
    ['its references', { ...HUGE, width: 1_280, height: 704, references: 60 }, '1280×704'],
  ])('%s: is refused before the decoder sees it, in the stream and in its description', (_, sps, size) => {
    const maxPicture = { width: 1_280, height: 720 };
    const stage = new Stage({ maxPicture }, H264).send({ data: before(h264Sps(sps)) });
    expect(stage.tooLarge).toEqual([size]);
    expect(stage.decoder.counters()).toMatchObject({ undecodable: 1, inDecoder: 0, published: 0 });
    const extradata = Buffer.concat([START_CODE, h264Sps(sps)]);
    const described = new Stage({ maxPicture }, { ...H264, extradata }).send({ data: first });
    expect(described.tooLarge).toEqual([size]);
    for (const each of [stage, described]) each.decoder.forget();
  });

  test('pictures that wait for others, beside its references', () => {
    const sps = { ...HUGE, width: 3_840, height: 2_176, references: 6 };
    const refusedWith = (reordered: number): string[] => {
      const stage = new Stage({ maxPicture: { width: 3_840, height: 2_160 } }, H264);
      // The clip's own SPS would take its place.
      stage.send({ data: Buffer.concat([START_CODE, h264Sps({ ...sps, reordered }), withoutSps]) });
      stage.decoder.forget();
      return stage.tooLarge;
    };
    expect([refusedWith(2), refusedWith(16)]).toEqual([[], ['3840×2176']]);
  });

  test('between two pictures that fit, too', () => {
    const stage = new Stage({ maxPicture: { width: 768, height: 576 } }, H264).send({ data: first });
    expect(stage.decoder.counters().published).toBe(1);
    stage.send({ data: before(h264Sps(HUGE)), keyframe: false });
    expect(stage.tooLarge).toEqual(['6400×6400']);
    stage.decoder.forget();
  });
});

describe('a picture for which the decoder had to guess, although nothing was missing on the way', () => {
  const spoiledAt = 5;
  let units: readonly { readonly data: Buffer; readonly keyframe: boolean }[];

  beforeAll(async () => {
    const clip = await loadClip(CLIP);
    units = clip.units.slice(0, 25).map(({ nals, keyframe }, n) => {
      const data = Buffer.concat(
        (keyframe ? [...clip.parameterSets, ...nals] : nals).flatMap((nal) => [START_CODE, nal]),
      );
      if (n === spoiledAt) data.fill(0xa5, data.byteLength / 2, data.byteLength / 2 + 60);
      return { data, keyframe };
    });
  });

  // A keyframe every twenty: the spoiled one and all that follow until then are lost.
  test.each([
    ['wait', { published: 10, undecodable: 15, concealed: 0 }],
    ['conceal', { published: 25, undecodable: 0, concealed: 15 }],
  ] as const)('is a loss (%s)', (onLoss, counters) => {
    const stage = new Stage({ onLoss }, { ...FORMAT, codec: 'h264' });
    for (const unit of units) stage.send(unit);
    expect(stage.decoder.counters()).toMatchObject(counters);
    stage.decoder.forget();
  });
});
