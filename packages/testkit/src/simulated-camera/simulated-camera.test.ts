import { FakeClock } from '@vigia/base';
import { describe, expect, it } from 'vitest';
import { FOOTAGE, fakeClip, madeClip } from '../../test/clips.ts';
import { type RtpPacket, RtspClient } from '../../test/rtsp-client.ts';
import { camera, client, lockStep } from '../../test/rig.ts';
import { loadClip, nalRole, nalType, readSendTime, toAnnexB } from './media/index.ts';
import type { SimulatedCameraOptions } from './options.ts';
import type { SentUnit } from './session/index.ts';
import { SimulatedCamera } from './simulated-camera.ts';

describe('media', () => {
  it('sends the footage itself: parameter sets before keyframes, stamps, times, sequence', async () => {
    const clip = await loadClip(FOOTAGE);
    const sent: SentUnit[] = [];
    const cam = await camera({
      clip,
      pacing: 'lock-step',
      lockStepTime: 'clip',
      onUnitSent: (unit) => sent.push(unit),
    });
    const rtsp = await client(cam);
    const { play } = await rtsp.play(cam.url);
    const info = /^url=(\S+);seq=(\d+);rtptime=(\d+)$/.exec(play.headers.get('rtp-info') ?? '');
    expect(info?.[1]).toBe(`${cam.url}/trackID=0`);
    let sequence = Number(info?.[2]);
    const firstTime = Number(info?.[3]);
    // One and a half keyframe intervals across the end of a round.
    for (let i = 0; i < clip.units.length + 30; i += 1) {
      const step = cam.step();
      const unit = await rtsp.units.next();
      const source = clip.units[i % clip.units.length];
      expect(unit.rtpTime).toBe((firstTime + i * 9000) % 2 ** 32);
      expect(step).toMatchObject({ index: i % 200, counter: i, rtpTime: unit.rtpTime, keyframe: i % 20 === 0 });
      for (const packet of unit.packets) {
        expect(packet.sequence).toBe(sequence);
        sequence = (sequence + 1) % 65_536;
      }
      const types = unit.nals.map((nal) => nalType(nal));
      expect(types.includes(7)).toBe(i % 20 === 0);
      expect(types.indexOf(6)).toBeLessThan(types.findIndex((type) => type <= 5));
      expect(readSendTime(toAnnexB(unit.nals))).toBe(step?.sentMonotonicNs);
      const media = unit.nals.filter((nal) => nalType(nal) !== 7 && nalType(nal) !== 8);
      const unstamped = media.filter((nal) => readSendTime(toAnnexB([nal])) === undefined);
      expect(toAnnexB(unstamped).equals(toAnnexB(source?.nals ?? []))).toBe(true);
    }
    expect(cam.stats()).toMatchObject({ unitsSent: 230, keyframesSent: 12, unitsDropped: 0, playing: 1 });
    expect(sent.map((unit) => unit.counter)).toEqual(Array.from({ length: 230 }, (_, i) => i));
  });

  it.each(['h265', 'h265Slices', 'h264Slices'] as const)('sends %s as it is in the file', async (recipe) => {
    const clip = await loadClip(madeClip(recipe));
    const { codec } = clip;
    const cam = await camera({ clip, pacing: 'lock-step', maxPayloadBytes: 300 });
    const rtsp = await client(cam);
    rtsp.codecs[96] = codec;
    const { body } = await rtsp.request('DESCRIBE', cam.url);
    expect(body).toContain(`a=rtpmap:96 ${codec.toUpperCase()}/90000`);
    for (const set of clip.parameterSets) expect(body).toContain(set.toString('base64'));
    await rtsp.play(cam.url);
    for (let i = 0; i < clip.units.length + 3; i += 1) {
      const step = cam.step();
      const { nals, packets } = await rtsp.units.next();
      const source = clip.units[i % clip.units.length];
      const stamp = nals.findIndex((nal) => readSendTime(toAnnexB([nal])) !== undefined);
      expect(readSendTime(toAnnexB(nals))).toBe(step?.sentMonotonicNs);
      const [before, after] = [nals.slice(0, stamp), nals.slice(stamp + 1)];
      expect([...before, ...after]).toEqual([...(source?.keyframe ? clip.parameterSets : []), ...(source?.nals ?? [])]);
      expect(before.map((nal) => nalRole(nal, codec))).not.toContain('slice');
      expect(nalRole(after[0] as Buffer, codec)).toBe('slice');
      expect(packets.map((packet) => packet.marker)).toEqual(packets.map((_, at) => at === packets.length - 1));
    }
  });

  it.each<[Partial<SimulatedCameraOptions>, boolean[], boolean[]]>([
    [{}, [true, false, true], [false, true]],
    [{ parameterSets: 'pictures' }, [true, true, true], [false, true]],
    [{ parameterSets: 'description' }, [false, false, false], [true]],
    [{ parameterSets: 'description', markers: 'packets' }, [false, false, false], [true]],
    [{ parameterSets: 'pictures', parameterSetPackets: 'marked', markers: 'none' }, [true, true, true], [true, false]],
  ])('%j: parameter sets and markers are there', async (options, sets, markers) => {
    const cam = await camera({ clip: fakeClip({ keyframeEvery: 2 }), stampSendTime: false, ...lockStep, ...options });
    const rtsp = await client(cam);
    rtsp.onlyPackets = true;
    await rtsp.play(cam.url);
    const seen: boolean[] = [];
    const marked = new Set<boolean>();
    for (let i = 0; i < 3; i += 1) {
      const sent = (cam.step()?.keyframe ?? false) || options.parameterSets === 'pictures';
      const count = sent && options.parameterSets !== 'description' ? 3 : 1;
      const packets: RtpPacket[] = [];
      for (let n = 0; n < count; n += 1) packets.push(await rtsp.packets.next());
      seen.push(packets.some(({ payload }) => nalType(payload) === 7));
      for (const { marker } of packets) marked.add(marker);
    }
    expect([seen, [...marked].sort((a, b) => Number(a) - Number(b))]).toEqual([
      sets,
      [...markers].sort((a, b) => Number(a) - Number(b)),
    ]);
  });

  it('paces itself with the real clock, each client on its own', async () => {
    const cam = await camera({ fps: 200 });
    const [one, two] = [await client(cam), await client(cam)];
    await one.play(cam.url);
    const first = [await one.units.next(), await one.units.next()];
    await two.play(cam.url);
    for (const unit of [first[0], await two.units.next()])
      expect(unit?.nals.map((nal) => nalType(nal))).toEqual([7, 8, 6, 5]);
    expect((first[1]?.rtpTime ?? 0) - (first[0]?.rtpTime ?? 0)).toBe(450);
  });

  it('can leave access units as they are', async () => {
    const cam = await camera({ stampSendTime: false });
    const rtsp = await client(cam);
    await rtsp.play(cam.url);
    expect((await rtsp.units.next()).nals.map((nal) => nalType(nal))).toEqual([7, 8, 5]);
  });

  it('joins its own round at the next keyframe when configured', async () => {
    const clock = new FakeClock();
    const cam = await camera({ clock, startAtKeyframe: 'next' });
    clock.advance(110); // units 0 and 1 of 6 are over; keyframes are 0 and 3
    const rtsp = await client(cam);
    await rtsp.play(cam.url);
    expect(cam.stats().unitsSent).toBe(0);
    clock.advance(189);
    expect(cam.stats().unitsSent).toBe(0);
    clock.advance(1);
    expect((await rtsp.units.next()).nals.at(-1)).toEqual(cam.clip.units[3]?.nals[0]);
  });

  it('continues time and sequence after PAUSE', async () => {
    const clock = new FakeClock();
    const cam = await camera({ clock });
    const rtsp = await client(cam);
    const { session } = await rtsp.play(cam.url);
    const before = await rtsp.units.next();
    expect((await rtsp.request('PAUSE', cam.url, { Session: session })).status).toBe(200);
    clock.advance(1000);
    await rtsp.request('PLAY', cam.url, { Session: session });
    const after = await rtsp.units.next();
    expect((after.rtpTime - before.rtpTime + 2 ** 32) % 2 ** 32).toBe(90_000);
    expect(after.packets[0]?.sequence).toBe(((before.packets.at(-1)?.sequence ?? 0) + 1) % 65_536);
  });
});

describe('sender reports', () => {
  it('come soon after PLAY and every 5 s, and put RTP time beside wall time', async () => {
    const clock = new FakeClock();
    const cam = await camera({ clock, random32: () => 1000 });
    const rtsp = await client(cam);
    await rtsp.play(cam.url);
    const first = await rtsp.reports.next();
    clock.advance(5000);
    const second = await rtsp.reports.next();
    for (const [report, ms] of [
      [first, 0],
      [second, 5000],
    ] as const) {
      expect([report[0], report[1], report.readUInt32BE(4)]).toEqual([0x80, 200, 1000]);
      const wallMs = (report.readUInt32BE(8) - 2_208_988_800) * 1000 + (report.readUInt32BE(12) / 2 ** 32) * 1000;
      expect(wallMs).toBeCloseTo(clock.wallMs() - 5000 + ms, 3);
      expect(report.readUInt32BE(16)).toBe(1000 + ms * 90);
      expect(report.readUInt16BE(2)).toBe(6);
      expect(report[29]).toBe(202);
      expect(report.byteLength % 4).toBe(0);
    }
    expect(second.readUInt32BE(20)).toBeGreaterThan(first.readUInt32BE(20));
  });
});

describe('lock-step', () => {
  it('sends nothing by itself and carries real elapsed time', async () => {
    const clock = new FakeClock();
    const cam = await camera({ clock, pacing: 'lock-step', random32: () => 0 });
    expect(cam.step()).toBeUndefined();
    const rtsp = await client(cam);
    await Promise.all([cam.whenPlaying(), rtsp.play(cam.url)]);
    clock.advance(500);
    expect(cam.stats().unitsSent).toBe(0);
    expect(cam.step()).toMatchObject({ index: 0, keyframe: true, rtpTime: 45_000 });
    expect((await rtsp.units.next()).rtpTime).toBe(45_000);
    clock.advance(2000);
    expect(cam.step()).toMatchObject({ index: 1, keyframe: false, rtpTime: 225_000 });
    expect((await rtsp.units.next()).rtpTime).toBe(225_000);
    expect(rtsp.units.size).toBe(0);
  });

  it('keeps the order of B-frames by taking the times of the clip', async () => {
    const clip = fakeClip({ units: 7, keyframeEvery: 7, bFrames: true });
    const cam = await camera({ clip, pacing: 'lock-step', random32: () => 0 });
    await (await client(cam)).play(cam.url);
    expect([1, 2, 3, 4].map(() => (cam.step()?.rtpTime ?? 0) / 9000)).toEqual([1, 4, 2, 3]);
    await expect(SimulatedCamera.start({ clip, pacing: 'lock-step', lockStepTime: 'elapsed' })).rejects.toMatchObject({
      code: 'bad_option',
      path: 'lockStepTime',
    });
  });

  it('is an error on a camera that paces itself', async () => {
    const cam = await camera();
    expect(() => cam.step()).toThrow(expect.objectContaining({ code: 'not_lock_step' }));
  });
});

describe('faults', () => {
  it('freezes: sockets stay open, requests wait, nothing is sent; time goes on', async () => {
    const clock = new FakeClock();
    const cam = await camera({ clock });
    const rtsp = await client(cam);
    await rtsp.play(cam.url);
    const before = await rtsp.units.next();
    await rtsp.reports.next();
    cam.pause();
    const late = await client(cam);
    const answer = late.request('OPTIONS', '*');
    clock.advance(600_000);
    expect(cam.stats()).toMatchObject({ unitsSent: 1, playing: 1 });
    expect(cam.stats().replies).toEqual({ 200: 2 });
    cam.resume();
    expect((await answer).status).toBe(200);
    clock.advance(100);
    const after = await rtsp.units.next();
    expect(after.nals.at(-1)).toEqual(cam.clip.units[1]?.nals[0]);
    expect((after.rtpTime - before.rtpTime + 2 ** 32) % 2 ** 32).toBe(600_100 * 90);
  });

  it('drops its clients and takes new ones', async () => {
    const cam = await camera();
    const rtsp = await client(cam);
    await rtsp.play(cam.url);
    cam.dropClients();
    await rtsp.closed;
    expect(cam.stats()).toMatchObject({ connections: 0, playing: 0 });
    expect((await (await client(cam)).request('OPTIONS', '*')).status).toBe(200);
  });

  it('drops whole units for a client that does not read, until a keyframe', async () => {
    const cam = await camera({
      clip: fakeClip({ units: 10, keyframeEvery: 5, unitBytes: 200_000 }),
      pacing: 'lock-step',
      maxBacklogBytes: 500_000,
    });
    const rtsp = await client(cam);
    await rtsp.play(cam.url);
    rtsp.socket.pause();
    const sent: number[] = [];
    while (cam.stats().unitsDropped < 20) sent.push(cam.step()?.counter ?? -1);
    const before = sent.filter((counter) => counter >= 0);
    expect(before).toEqual(before.map((_, i) => i));
    rtsp.socket.resume();
    for (const counter of before) expect((await rtsp.units.next()).nals.at(-1)?.[1]).toBe((counter % 10) + 1);
    // Everything was read, so the socket has room: the next unit sent is a keyframe.
    let next = cam.step();
    while (!next) next = cam.step();
    expect(next.keyframe).toBe(true);
    const unit = await rtsp.units.next();
    expect(unit.nals.map((nal) => nalType(nal))).toEqual([7, 8, 6, 5]);
    expect(cam.stats().unitsDropped + cam.stats().unitsSent).toBe(next.counter + 1);
  });

  it('cuts off clients that are silent longer than the timeout', async () => {
    const clock = new FakeClock();
    const cam = await camera({ clock });
    const rtsp = await client(cam);
    await rtsp.play(cam.url);
    clock.advance(60_000);
    expect(cam.stats().playing).toBe(1);
    expect((await rtsp.request('GET_PARAMETER', cam.url)).status).toBe(200);
    clock.advance(60_000);
    expect(cam.stats().playing).toBe(1);
    clock.advance(10_000);
    await rtsp.closed;
    expect(cam.stats().playing).toBe(0);
  });

  it('takes only so many connections', async () => {
    const cam = await camera({ maxConnections: 1 });
    const first = await client(cam);
    expect((await first.request('OPTIONS', '*')).status).toBe(200);
    await (await client(cam)).closed;
    expect(cam.stats()).toMatchObject({ connections: 1, connectionsRefused: 1 });
  });
});

describe('start and close', () => {
  it('says which port is in use', async () => {
    const cam = await camera();
    await expect(SimulatedCamera.start({ clip: fakeClip(), port: cam.port })).rejects.toMatchObject({
      code: 'port_in_use',
      message: `127.0.0.1:${cam.port} is already in use: a free port is needed, 0 takes any`,
    });
  });

  it.each([
    [{}, 'clip', 'is missing'],
    [{ clip: '' }, 'clip', 'the path of a video file'],
    [{ clip: 'x', port: 70_000 }, 'port', 'port is 70000: an integer in 0..65535 is needed'],
    [{ clip: 'x', fps: '30' }, 'fps', 'fps is "30": a number in 0.1..240 is needed'],
    [{ clip: 'x', pth: '/a' }, 'pth', 'is no option'],
    [{ clip: 'x', path: 'stream' }, 'path', 'begins with /'],
    [{ clip: 'x', auth: { scheme: 'ntlm', user: 'u', password: 'hush' } }, 'auth', 'basic or digest'],
  ])('refuses the options %j', async (options, path, words) => {
    const failure = SimulatedCamera.start(options as SimulatedCameraOptions);
    await expect(failure).rejects.toMatchObject({ code: 'bad_option', path, message: expect.stringContaining(words) });
    await expect(failure).rejects.not.toMatchObject({ message: expect.stringContaining('hush') });
  });

  it('leaves no socket, server or timer behind, with any clients connected', async () => {
    const clock = new FakeClock();
    const cam = await SimulatedCamera.start({ clip: fakeClip(), clock });
    const playing = await client(cam);
    await playing.play(cam.url);
    const idle = await client(cam);
    cam.pause();
    const waiting = cam.whenPlaying(5);
    await Promise.all([cam.close(), cam.close(), expect(waiting).rejects.toMatchObject({ code: 'closed' })]);
    await cam[Symbol.asyncDispose]();
    await Promise.all([playing.closed, idle.closed]);
    expect(clock.pendingTimers).toBe(0);
    expect(cam.stats()).toMatchObject({ connections: 0, playing: 0 });
    // The kernel's end of a socket goes a turn of the loop after its `close`.
    const wraps = (): string[] =>
      process.getActiveResourcesInfo().filter((name) => /^TCP(?:Socket|Server)Wrap$/.test(name));
    await expect.poll(wraps).toEqual([]);
    await expect(RtspClient.connect(cam.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await expect(cam.whenPlaying()).rejects.toMatchObject({ code: 'closed' });
  });

  it('gives up waiting for players on a signal', async () => {
    const cam = await camera();
    const abort = new AbortController();
    const waiting = cam.whenPlaying(1, abort.signal);
    abort.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await expect(cam.whenPlaying(1, abort.signal)).rejects.toThrow('enough');
  });
});
