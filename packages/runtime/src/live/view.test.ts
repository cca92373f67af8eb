import { FakeClock } from '@vigia/base';
import { beforeEach, describe, expect, test } from 'vitest';
import { EncodedTaps } from '#core/encoded';
import type { AccessUnit, SourceFormat } from '#core/media';
import { PACKET_BYTES, type Peer, type PeerEvents } from './peer.ts';
import { View } from './view.ts';

const FORMAT: SourceFormat = {
  kind: 'rtsp',
  transport: 'tcp',
  codec: 'h264',
  extradata: undefined,
  raw: undefined,
  audio: undefined,
  live: true,
};
const OFFER = [
  'v=0',
  'a=ice-ufrag:abcd',
  'a=ice-pwd:0123456789012345678901',
  'a=fingerprint:sha-256 00:11',
  'm=video 9 UDP/TLS/RTP/SAVPF 102',
  'a=mid:0',
  'a=rtpmap:102 H264/90000',
  'a=fmtp:102 packetization-mode=1',
].join('\r\n');
/** Between two pictures, milliseconds; and how late each comes. */
const STEP_MS = 100;
const LATE_MS = 7;

/** Of the viewer, and of the camera when it comes. */
let offer: string;
let format: SourceFormat;
let clock: FakeClock;
let taps: EncodedTaps;
let events: PeerEvents;
let heard: { readonly first: number; readonly stamp: number }[];
let sent: { readonly first: number; readonly stamp: number }[];
let said: { readonly rtp: number; readonly captured_at: string; readonly age_certain: boolean }[];
let ended: string[];
let count: number;
let latenessMs: number;
let hiddenMs: number;

beforeEach(() => {
  clock = new FakeClock();
  taps = new EncodedTaps(1_000_000);
  taps.begin(FORMAT);
  [sent, heard, said, ended, count, latenessMs, hiddenMs] = [[], [], [], [], 0, LATE_MS, 0];
  offer = OFFER;
  format = FORMAT;
});

/** The camera's next picture comes: its number is its first byte. */
function picture(keyframe = false, bytes = 5): void {
  count += 1;
  clock.advance(STEP_MS);
  const data = Buffer.alloc(bytes);
  data.set([count, 0, 0, 1, keyframe ? 0x65 : 0x41]);
  const unit: AccessUnit = { data, ptsMs: count * STEP_MS, arrivedMs: clock.nowMs(), keyframe, damaged: false };
  taps.offerVideo(unit, latenessMs, hiddenMs);
}

/** Sound comes now: 20 ms of it, which the camera's clock says began at so many milliseconds. */
function sound(ptsMs: number, first: number): void {
  taps.offerAudio({ data: Buffer.alloc(160, first), ptsMs, arrivedMs: clock.nowMs() });
}

async function open(): Promise<{ readonly view: View; readonly origin: number }> {
  const newest = { index: count, ptsMs: count * STEP_MS, capturedMs: clock.nowMs() - LATE_MS };
  const peer = {
    answer: () => Promise.resolve('v=0 answer'),
    send: (unit: Buffer, stamp: number) => sent.push({ first: unit[0] as number, stamp }),
    sendSound: (data: Buffer, stamp: number) => heard.push({ first: data[0] as number, stamp }),
    say: (text: string) => said.push(JSON.parse(text) as (typeof said)[0]),
    close: () => undefined,
  };
  const { view, origin } = await View.open({
    units: {
      format,
      profile: '64',
      mayReorder: false,
      newest: () => Promise.resolve(newest),
      open: () => taps.open({ maxBytes: 10_000_000, fromRecent: true }),
    },
    peers: {
      open: (_, given) => {
        events = given;
        return peer as unknown as Peer;
      },
    },
    offer,
    clock,
    onEnd: (why) => ended.push(why),
  });
  return { view, origin: Number(origin.split('@')[0]) };
}
async function settled(): Promise<void> {
  for (let i = 0; i < 20; i += 1) await Promise.resolve();
}
const ago = (stamp: number, origin: number): number => ((stamp - origin) | 0) / 90;

test('a viewer gets the kept group at once, in stamps that end at the newest picture, then each picture as it comes', async () => {
  for (const keyframe of [true, false, false, true, false, false]) picture(keyframe);
  const { view, origin } = await open();
  // One comes before the viewer is connected.
  picture();
  events.onOpen();
  await settled();
  expect(sent.map(({ first, stamp }) => [first, ago(stamp, origin)])).toEqual([
    [4, -2],
    [5, -1],
    [6, 0],
    [7, STEP_MS],
  ]);
  picture();
  await settled();
  expect(ago(sent.at(-1)!.stamp, origin)).toBe(2 * STEP_MS);
  view.close();
  picture();
  await settled();
  expect([sent.length, ended, taps.size, clock.pendingTimers]).toEqual([5, [], 0, 0]);
});

test('a group that is over when the viewer is connected is not sent: the newer one is enough', async () => {
  picture(true);
  picture();
  const { view } = await open();
  picture(true);
  events.onOpen();
  await settled();
  expect(sent.map(({ first }) => first)).toEqual([3]);
  view.close();
});

describe('sound', () => {
  const PCMA: SourceFormat = {
    ...FORMAT,
    audio: { codec: 'pcma', sampleRate: 8_000, channels: 1, config: undefined },
  };
  const WITH_SOUND = `${OFFER}\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0 8\r\na=mid:1\r\na=recvonly`;
  const steps = (): number[] => heard.map(({ stamp }) => (stamp - heard[0]!.stamp) | 0);

  beforeEach(() => {
    [offer, format] = [WITH_SOUND, PCMA];
    taps.begin(PCMA);
  });

  test('only what comes when the viewer is connected, with stamps of the camera’s clock of the sound', async () => {
    picture(true);
    sound(1_000, 1);
    picture();
    const { view } = await open();
    sound(1_020, 2);
    clock.advance(1);
    events.onOpen();
    await settled();
    expect([sent.length, heard]).toEqual([2, []]);
    for (const [i, ptsMs] of [1_040, 1_060, 1_120].entries()) sound(ptsMs, 3 + i);
    await settled();
    expect(heard.map(({ first }) => first)).toEqual([3, 4, 5]);
    expect(steps()).toEqual([0, 160, 640]);
    for (const { stamp } of heard) expect(stamp).toBeLessThan(2 ** 32);
    view.close();
    sound(1_140, 6);
    await settled();
    expect(heard).toHaveLength(3);
  });

  test('another connection of the camera: stamps go on with the time that has passed; without its sound there is none', async () => {
    picture(true);
    const { view } = await open();
    events.onOpen();
    await settled();
    sound(1_040, 1);
    taps.end();
    clock.advance(5_000);
    taps.begin(PCMA);
    picture(true);
    sound(7, 2);
    sound(27, 3);
    await settled();
    expect(steps()).toEqual([0, 8 * (5_000 + STEP_MS), 8 * (5_000 + STEP_MS) + 160]);
    for (const audio of [
      undefined,
      { ...PCMA.audio!, codec: 'pcmu' as const },
      { ...PCMA.audio!, sampleRate: 16_000 },
    ]) {
      taps.end();
      taps.begin({ ...PCMA, audio });
      picture(true);
      sound(1, 4);
    }
    await settled();
    expect([heard.length, ended]).toEqual([3, []]);
    view.close();
  });

  test.each([
    ['a viewer who offers none', OFFER, PCMA],
    ['a viewer who wants none', WITH_SOUND.replace('a=recvonly', 'a=inactive'), PCMA],
    ['a camera without sound', WITH_SOUND, FORMAT],
    ['a camera with AAC', WITH_SOUND, { ...PCMA, audio: { ...PCMA.audio!, codec: 'aac' as const } }],
  ])('none for %s', async (_, offered, sends) => {
    [offer, format] = [offered, sends];
    taps.begin(sends);
    picture(true);
    const { view } = await open();
    events.onOpen();
    await settled();
    sound(1_000, 1);
    picture();
    await settled();
    expect([sent.length, heard]).toEqual([2, []]);
    view.close();
  });
});

test('times: at once, each second also without pictures, and when another one is due', async () => {
  picture(true);
  const { view, origin } = await open();
  events.onOpen();
  await settled();
  const first = new Date(clock.wallMs() - LATE_MS).toISOString();
  said.length = 0;
  events.onTimes();
  expect(said).toEqual([{ rtp: origin, captured_at: first, age_certain: true }]);
  clock.advance(1_000);
  expect(said).toHaveLength(2);
  // As computed: nothing is said.
  clock.advance(-0);
  said.length = 0;
  picture();
  await settled();
  const known = said.length;
  picture();
  await settled();
  expect(said).toHaveLength(known);
  latenessMs += 3;
  picture();
  await settled();
  expect(said).toHaveLength(known + 1);
  expect(Date.parse(said.at(-1)!.captured_at)).toBe(Math.trunc(clock.wallMs() - latenessMs));
  view.close();
});

test('times are as certain as the ages in results; a change is said at once', async () => {
  hiddenMs = Number.POSITIVE_INFINITY;
  picture(true);
  const { view } = await open();
  events.onOpen();
  await settled();
  for (const [hidden, times] of [
    [Number.POSITIVE_INFINITY, 1],
    [40, 1],
    [0, 2],
    [0, 2],
    [1, 3],
  ] as const) {
    hiddenMs = hidden;
    picture();
    await settled();
    expect([said.length, said.at(-1)?.age_certain]).toEqual([times, hidden === 0]);
  }
  view.close();
});

test('a viewer whose decoder waits for a keyframe is sent away after a second, if it comes again by itself', async () => {
  picture(true);
  const { view } = await open();
  events.onOpen();
  await settled();
  // One that listens to no times is left alone.
  for (let n = 0; n < 10; n += 1) {
    events.onPictureLost();
    clock.advance(500);
  }
  expect(ended).toEqual([]);
  events.onTimes();
  picture(true);
  await settled();
  events.onPictureLost();
  clock.advance(999);
  events.onPictureLost();
  expect(ended).toEqual([]);
  clock.advance(1);
  events.onPictureLost();
  expect(ended).toEqual(['it lost pictures, and no keyframe came']);
  view.close();
});

test('a viewer who said once that it waits, and had what it needs, is not sent away for saying so much later', async () => {
  picture(true);
  const { view } = await open();
  events.onOpen();
  events.onTimes();
  await settled();
  for (let n = 0; n < 5; n += 1) {
    events.onPictureLost();
    clock.advance(1_000);
  }
  expect(ended).toEqual([]);
  view.close();
});

describe('kept pictures are sent no faster than lost packets of them can be sent again', () => {
  /** Of a picture that is 200 packets long. */
  const LARGE = 200 * PACKET_BYTES;
  const PAUSE_MS = 2;

  /** Lets time pass millisecond by millisecond. */
  async function pass(ms: number): Promise<void> {
    for (let n = 0; n < ms; n += 1) {
      clock.advance(1);
      await settled();
    }
  }

  /** A viewer to whom six such pictures are sent. Three of them are more than half of what can be sent again. */
  async function viewer(): Promise<View> {
    taps = new EncodedTaps(10_000_000);
    taps.begin(FORMAT);
    for (let n = 0; n < 6; n += 1) picture(n === 0, LARGE);
    const { view } = await open();
    events.onOpen();
    await settled();
    return view;
  }

  test('a viewer who loses nothing waits for nothing but the pause between two slices', async () => {
    const view = await viewer();
    expect(sent).toHaveLength(1);
    await pass(5 * PAUSE_MS);
    expect(sent).toHaveLength(6);
    view.close();
  });

  test('one who asks for packets gets no others before it has been silent for 150 ms', async () => {
    const view = await viewer();
    events.onPacketsLost();
    // The pauses are longer, too.
    await pass(PAUSE_MS + 7);
    expect(sent).toHaveLength(2);
    await pass(91);
    expect(sent).toHaveLength(3);
    events.onPacketsLost();
    await pass(149);
    expect(sent).toHaveLength(3);
    await pass(1 + PAUSE_MS);
    expect(sent).toHaveLength(4);
    view.close();
  });

  test('one who never has them all is waited for a second', async () => {
    const view = await viewer();
    for (let n = 0; n < 20; n += 1) {
      events.onPacketsLost();
      await pass(50);
    }
    expect(sent).toHaveLength(3);
    events.onPacketsLost();
    await pass(30);
    expect(sent.length).toBeGreaterThan(3);
    view.close();
    await pass(2_000);
    expect(clock.pendingTimers).toBe(0);
  });
});

test('who is not connected in time, and whose camera is gone or sends something else, is at the end', async () => {
  picture(true);
  await open();
  clock.advance(15_000);
  expect(ended).toEqual(['it was not connected in time']);
  const { view } = await open();
  events.onOpen();
  await settled();
  taps.end();
  taps.begin({ ...FORMAT, codec: 'hevc' });
  picture(true);
  await settled();
  expect(ended.at(-1)).toBe('the camera sends hevc now');
  view.close();
  await open();
  events.onOpen();
  taps.close();
  await settled();
  expect(ended).toHaveLength(3);
  expect(clock.pendingTimers).toBe(0);
});

test('a connection that throws ends this viewer, and nothing else', async () => {
  picture(true);
  const { view } = await open();
  sent.push = () => {
    throw new Error('Track is closed');
  };
  events.onOpen();
  await settled();
  expect(ended).toEqual(['Track is closed']);
  view.close();
});
