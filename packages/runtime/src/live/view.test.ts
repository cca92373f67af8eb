import { FakeClock } from '@vigia/base';
import { beforeEach, expect, test } from 'vitest';
import { EncodedTaps } from '#core/encoded';
import type { AccessUnit, SourceFormat } from '#core/media';
import type { Peer, PeerEvents } from './peer.ts';
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

let clock: FakeClock;
let taps: EncodedTaps;
let events: PeerEvents;
let sent: { readonly first: number; readonly stamp: number }[];
let said: { readonly rtp: number; readonly captured_at: string }[];
let ended: string[];
let count: number;
let latenessMs: number;

beforeEach(() => {
  clock = new FakeClock();
  taps = new EncodedTaps(1_000_000);
  taps.begin(FORMAT);
  [sent, said, ended, count, latenessMs] = [[], [], [], 0, LATE_MS];
});

/** The camera's next picture comes: its number is its first byte. */
function picture(keyframe = false): void {
  count += 1;
  clock.advance(STEP_MS);
  const data = Buffer.from([count, 0, 0, 1, keyframe ? 0x65 : 0x41]);
  const unit: AccessUnit = { data, ptsMs: count * STEP_MS, arrivedMs: clock.nowMs(), keyframe, damaged: false };
  taps.offerVideo(unit, latenessMs, 0);
}

async function open(): Promise<{ readonly view: View; readonly origin: number }> {
  const newest = { index: count, ptsMs: count * STEP_MS, capturedMs: clock.nowMs() - LATE_MS };
  const peer = {
    answer: () => Promise.resolve('v=0 answer'),
    send: (unit: Buffer, stamp: number) => sent.push({ first: unit[0] as number, stamp }),
    say: (text: string) => said.push(JSON.parse(text) as (typeof said)[0]),
    close: () => undefined,
  };
  const { view, origin } = await View.open({
    units: {
      format: FORMAT,
      profile: '64',
      mayReorder: false,
      newest: () => Promise.resolve(newest),
      open: () => taps.open({ maxBytes: 1_000_000, fromRecent: true }),
    },
    peers: {
      open: (_, given) => {
        events = given;
        return peer as unknown as Peer;
      },
    },
    offer: OFFER,
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

test('times: at once, each second also without pictures, and when another one is due', async () => {
  picture(true);
  const { view, origin } = await open();
  events.onOpen();
  await settled();
  const first = new Date(clock.wallMs() - LATE_MS).toISOString();
  said.length = 0;
  events.onTimes();
  expect(said).toEqual([{ rtp: origin, captured_at: first }]);
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

test('a viewer whose decoder waits for a keyframe is sent away after a second, if it comes again by itself', async () => {
  picture(true);
  const { view } = await open();
  events.onOpen();
  await settled();
  // One that listens to no times is left alone.
  events.onPictureLost();
  clock.advance(5_000);
  events.onPictureLost();
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
