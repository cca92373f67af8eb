import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '@vigia/base';
import { type AudioUnit, type SourceFormat, type SourceOptions } from '@vigia/runtime/dist/core/media/index.js';
import { VideoDecoder } from '@vigia/runtime/dist/core/media/libav/index.js';
import { RtspClient } from '@vigia/runtime/dist/core/media/rtsp/index.js';
import { type Quirk, QUIRKS, SimulatedCamera, type SimulatedCameraOptions } from '@vigia/testkit';
import { afterEach, describe, expect, test } from 'vitest';
import { certificate } from './support/certificate.ts';
import { clip } from './support/clips.ts';
import { CLIP, Sandbox } from './support/vigia.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function camera(options: Partial<SimulatedCameraOptions> = {}): Promise<SimulatedCamera> {
  const started = await SimulatedCamera.start({ clip: CLIP, fps: 50, ...options });
  closers.push(() => started.close());
  return started;
}

interface Played {
  readonly client: RtspClient;
  readonly format: SourceFormat;
  readonly pictures: number;
  readonly damaged: number;
  readonly audio: AudioUnit[];
}

/** Plays until so many pictures are decoded, and so many pieces of sound have come. */
async function play(url: string, more: Partial<SourceOptions> = {}, wanted = 12, sounds = 0): Promise<Played> {
  let format: SourceFormat | undefined;
  let decoder: VideoDecoder | undefined;
  let [pictures, damaged, units] = [0, 0, 0];
  const audio: AudioUnit[] = [];
  let done: () => void = () => undefined;
  let failed: (reason: Error) => void = () => undefined;
  const enough = new Promise<void>((resolve, reject) => ([done, failed] = [resolve, reject]));
  const look = (): void => {
    if (pictures >= wanted && audio.length >= sounds) done();
  };
  const client = await RtspClient.open({
    url,
    clock: systemClock,
    onFormat: (told) => {
      format = told;
      const opened: VideoDecoder = new VideoDecoder({
        format: told,
        threads: 1,
        skipLoopFilter: false,
        hardware: 'none',
        onFallback: () => undefined,
        onPicture: (frame) => {
          pictures += 1;
          opened.recycle(frame);
        },
      });
      decoder = opened;
    },
    onUnit: (unit) => {
      units += 1;
      if (unit.damaged) damaged += 1;
      decoder?.decode(unit.data, units);
      look();
    },
    onAudio: (unit) => {
      audio.push({ ...unit, data: Buffer.from(unit.data) });
      look();
    },
    onEnd: failed,
    ...more,
  });
  closers.push(() => client.close());
  await enough;
  client.close();
  decoder?.close();
  return { client, format: format as SourceFormat, pictures, damaged, audio };
}

/** The camera was left with a TEARDOWN that it understood, and had refused nothing before. */
async function expectPolite(subject: SimulatedCamera, refusals: number[] = []): Promise<void> {
  while (subject.stats().connections > 0) await new Promise((resolve) => setImmediate(resolve));
  const refused = Object.keys(subject.stats().replies)
    .map(Number)
    .filter((status) => status >= 400);
  expect(refused).toEqual(refusals);
}

describe('what real cameras say', () => {
  test.each<[string, 'h264' | 'h265', number[]]>([
    ['anjvision', 'h265', []],
    ['anpviz', 'h264', []],
    ['bad_rtptime', 'h264', []],
    ['bunny', 'h264', []],
    ['dahua', 'h264', []],
    ['dahua', 'h265', []],
    ['gw_main', 'h264', []],
    ['hikvision', 'h264', []],
    ['longse', 'h264', [401]],
    ['luckfox', 'h264', []],
    ['missing_content_type', 'h264', []],
    ['reolink', 'h264', []],
    ['reolink_describe_control_first.txt', 'h264', []],
    ['hikvision_setup_ssrc_space.txt', 'h264', []],
  ])('%s, %s', async (vendor, codec, refusals) => {
    for (const transport of ['tcp', 'udp'] as const) {
      const subject = await camera({
        clip: codec === 'h265' ? clip('h265') : CLIP,
        mannersFiles: [vendor],
        auth: { scheme: 'digest', user: 'viewer', password: 'pa/ss', realm: 'Surveillance Server' },
      });
      const url = subject.url.replace('rtsp://', 'rtsp://viewer:pa%2Fss@');
      const { format, damaged } = await play(url, { transport });
      expect([format.codec, format.transport, damaged]).toEqual([codec === 'h265' ? 'hevc' : 'h264', transport, 0]);
      await expectPolite(subject, [...new Set([401, ...refusals])]);
    }
  });

  test.each(Object.keys(QUIRKS) as Quirk[])('%s', async (quirk) => {
    const subject = await camera({ quirks: [quirk] });
    expect((await play(subject.url)).damaged).toBe(0);
    await expectPolite(subject);
  });
});

describe('ways to send', () => {
  test('a camera that sends only one way: the other is refused with a sentence that says so', async () => {
    const subject = await camera({ transports: ['udp'] });
    expect((await play(subject.url, { transport: 'udp' })).format.transport).toBe('udp');
    await expect(play(subject.url)).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringMatching(/does not send this way/),
    });
  });

  test('rtsps: a certificate that nobody vouches for is refused, unless it is named or not looked at', async () => {
    const box = new Sandbox();
    closers.push(() => box.remove());
    const pair = certificate();
    const subject = await camera({ tls: pair });
    await expect(play(subject.url, { tls: { verify: true } })).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringMatching(/certificate is not to be trusted .*tls\.ca/),
    });
    expect((await play(subject.url, { tls: { verify: false } })).format.kind).toBe('rtsps');
    const ca = join(box.dir, 'ca.pem');
    writeFileSync(ca, pair.cert);
    expect((await play(subject.url, { tls: { verify: true, ca } })).damaged).toBe(0);
    await expect(play(subject.url, { tls: { verify: true, ca: join(box.dir, 'no.pem') } })).rejects.toMatchObject({
      code: 'refused',
    });
  });

  test.each(['basic', 'digest', 'digest-sha256'] as const)(
    '%s; nonces that go stale are answered anew',
    async (scheme) => {
      const auth = { scheme, user: 'viewer', password: 'secret' };
      const subject = await camera({ auth, ...(scheme === 'basic' ? {} : { faults: ['stale-nonce:1'] }) });
      await play(subject.url.replace('rtsp://', 'rtsp://viewer:secret@'));
      await expect(play(subject.url.replace('rtsp://', 'rtsp://viewer:wrong@'))).rejects.toMatchObject({
        code: 'unauthorized',
        message: expect.not.stringMatching(/wrong|secret/),
      });
    },
  );
});

describe('sound', () => {
  test.each(['pcma', 'pcmu', 'aac'] as const)('%s is carried along, over either transport', async (codec) => {
    const subject = await camera({ clip: clip('h264Aac'), fps: 10, audio: codec });
    for (const transport of ['tcp', 'udp'] as const) {
      const { format, audio } = await play(subject.url, { transport, audio: true }, 5, 10);
      expect(format.audio).toMatchObject({ codec, sampleRate: codec === 'aac' ? 16_000 : 8_000, channels: 1 });
      const steps = audio.slice(1).map(({ ptsMs }, i) => Math.round(ptsMs - (audio[i]?.ptsMs ?? 0)));
      // 1024 samples of AAC at 16 kHz, 20 ms of G.711.
      expect(new Set(steps)).toEqual(new Set([codec === 'aac' ? 64 : 20]));
    }
  });

  test('is left alone when nobody wants it', async () => {
    const subject = await camera({ fps: 10, audio: 'pcma' });
    const { format, audio } = await play(subject.url, {}, 5);
    expect([format.audio, audio]).toEqual([undefined, []]);
  });
});
