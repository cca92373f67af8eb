// Faults of packets, time and clips, each observed by the client.
import { describe, expect, it } from 'vitest';
import { fakeClip } from '../../test/clips.ts';
import { lockStep, rig, ticksBetween } from '../../test/rig.ts';
import type { RtpPacket } from '../../test/rtsp-client.ts';
import { nalType } from './media/index.ts';
import type { SimulatedCameraOptions } from './options.ts';
import { SimulatedCamera } from './simulated-camera.ts';

describe('faults of packets', () => {
  async function packetsOf(
    fault: string,
    how: 'tcp' | 'udp',
    options: Partial<SimulatedCameraOptions> = {},
  ): Promise<{ packets: RtpPacket[]; cam: SimulatedCamera; total: number }> {
    const clip = fakeClip({ unitBytes: 1000 });
    const { cam, rtsp } = await rig({ clip, maxPayloadBytes: 100, ...lockStep, ...options });
    rtsp.onlyPackets = true;
    await (how === 'tcp' ? rtsp.play(cam.url) : rtsp.playUdp(cam.url));
    cam.step();
    const first = await rtsp.packets.next();
    await cam.setFaults([fault]);
    for (let i = 0; i < 12; i += 1) cam.step();
    await cam.setFaults([]);
    cam.step();
    // The last packet of the last unit, which is sent without faults.
    const packets = [first];
    const lastTime = (first.rtpTime + 13 * 9000) % 2 ** 32;
    for (let last = first; !(last.marker && last.rtpTime === lastTime); packets.push(last))
      last = await rtsp.packets.next();
    const total = ((packets.at(-1)?.sequence ?? 0) - first.sequence + 65_536) % 65_536;
    return { packets, cam, total: total + 1 };
  }

  it.each(['tcp', 'udp'] as const)('loss: packets are left out, by %s', async (how) => {
    const { packets, cam, total } = await packetsOf('loss:30', how);
    const { lost } = cam.stats().packets;
    expect(lost).toBeGreaterThan(10);
    expect(packets.length + lost).toBe(total);
    expect(new Set(packets.map(({ sequence }) => sequence)).size).toBe(packets.length);
  });

  it('loss: the same seed loses the same packets', async () => {
    const [one, two, three] = [
      await packetsOf('loss:30', 'tcp'),
      await packetsOf('loss:30', 'tcp'),
      await packetsOf('loss:30', 'tcp', { seed: 8 }),
    ];
    const offsets = ({ packets }: { packets: RtpPacket[] }): number[] =>
      packets.map(({ sequence }) => (sequence - (packets[0]?.sequence ?? 0) + 65_536) % 65_536);
    expect(offsets(one)).toEqual(offsets(two));
    expect(offsets(one)).not.toEqual(offsets(three));
  });

  it('reorder: neighbours change places by UDP, and never by TCP', async () => {
    const { packets, cam, total } = await packetsOf('reorder:30', 'udp');
    const order = packets.map(({ sequence }) => (sequence - (packets[0]?.sequence ?? 0) + 65_536) % 65_536);
    expect(packets.length).toBe(total);
    expect(cam.stats().packets.reordered).toBeGreaterThan(10);
    expect(order).not.toEqual([...order].sort((a, b) => a - b));
    expect(Math.max(...order.map((at, i) => Math.abs(at - i)))).toBe(1);
    expect((await packetsOf('reorder:100', 'tcp')).cam.stats().packets.reordered).toBe(0);
  });

  it('reorder: the packet that waits is not lost when the fault ends', async () => {
    const { cam, rtsp } = await rig({ clip: fakeClip({ keyframeEvery: 100 }), stampSendTime: false, ...lockStep });
    rtsp.onlyPackets = true;
    await rtsp.playUdp(cam.url);
    cam.step();
    const times = [await rtsp.packets.next(), await rtsp.packets.next(), await rtsp.packets.next()].map(
      (one) => one.rtpTime,
    );
    await cam.setFaults(['reorder:100']);
    cam.step();
    await cam.setFaults([]);
    cam.step();
    for (let i = 0; i < 2; i += 1) times.push((await rtsp.packets.next()).rtpTime);
    expect(times.map((time) => ticksBetween(times[0] ?? 0, time))).toEqual([0, 0, 0, 18_000, 9000]);
  });

  it('duplicate: packets come twice', async () => {
    const { packets, cam, total } = await packetsOf('duplicate:30', 'udp');
    const { duplicated } = cam.stats().packets;
    expect(duplicated).toBeGreaterThan(10);
    expect(packets.length).toBe(total + duplicated);
  });

  it('garbage: payloads are overwritten, headers are not', async () => {
    const { packets, cam, total } = await packetsOf('garbage:0.5', 'tcp');
    const clean = await packetsOf('jitter:0', 'tcp');
    expect(packets.length).toBe(total);
    const changed = packets.filter(({ payload }, i) => !payload.equals(clean.packets[i]?.payload ?? Buffer.alloc(0)));
    expect(changed.length).toBeGreaterThan(20);
    expect(changed.length).toBeLessThanOrEqual(cam.stats().packets.garbled + total / 10);
    expect(packets.map(({ sequence }) => sequence)).toEqual(clean.packets.map(({ sequence }) => sequence));
  });

  it('garbage-framing: bytes that belong to no packet stand between packets', async () => {
    const { cam, rtsp } = await rig({ ...lockStep });
    await rtsp.play(cam.url);
    const chunks: Buffer[] = [];
    rtsp.socket.removeAllListeners('data');
    rtsp.socket.on('data', (chunk) => chunks.push(chunk));
    await cam.setFaults(['garbage-framing:1']);
    const sent = Array.from({ length: 9 }, () => cam.step()?.bytes ?? 0).reduce((sum, bytes) => sum + bytes, 0);
    await cam.setFaults(['end', 'no-reports']);
    cam.step();
    await rtsp.closed;
    const all = Buffer.concat(chunks);
    expect(all.byteLength).toBeGreaterThanOrEqual(sent);
    let at = 0;
    while (all[at] === 0x24 && at + 4 <= all.byteLength) at += 4 + all.readUInt16BE(at + 2);
    expect(at).not.toBe(all.byteLength);
  });

  it('slow: what waits grows until whole pictures are dropped; order is kept', async () => {
    const { cam, clock, rtsp } = await rig({
      clip: fakeClip({ unitBytes: 1000 }),
      faults: ['slow:8k'], // one byte per millisecond, of ten
      maxBacklogBytes: 5000,
    });
    await rtsp.play(cam.url);
    clock.advance(10_000);
    const { unitsSent, unitsDropped } = cam.stats();
    expect(unitsDropped).toBeGreaterThan(50);
    expect(unitsSent + unitsDropped).toBe(101);
    const indexes: number[] = [];
    for (let i = 0; i < 8; i += 1) indexes.push((await rtsp.units.next()).rtpTime);
    expect(indexes.map((time, i) => ticksBetween(indexes[Math.max(0, i - 1)] ?? 0, time) >= 0)).not.toContain(false);
    await cam.setFaults([]);
    clock.advance(5000);
    const after = cam.stats().unitsDropped;
    clock.advance(5000);
    expect(cam.stats().unitsDropped).toBe(after);
  });

  it('jitter: pictures are late by up to so much', async () => {
    const { cam, clock, rtsp } = await rig({ faults: ['jitter:80ms'] });
    await rtsp.play(cam.url);
    expect(cam.stats().unitsSent).toBe(1);
    await rtsp.request('OPTIONS', '*');
    expect(rtsp.units.size).toBe(0);
    clock.advance(80);
    await rtsp.units.next();
    expect(clock.pendingTimers).toBe(3); // the next picture, the next report, the client's silence
  });
});

describe('faults of time', () => {
  it('pts-jump: once per session, not before its tenth picture, for good', async () => {
    for (const [fault, seconds] of [
      ['pts-jump:100s', 100],
      ['pts-jump:-20', -20],
    ] as const) {
      const { cam, rtsp } = await rig({ ...lockStep, faults: [fault] });
      await rtsp.play(cam.url);
      const steps: number[] = [];
      let last = cam.step()?.rtpTime ?? 0;
      for (let i = 0; i < 19; i += 1) {
        const time = cam.step()?.rtpTime ?? 0;
        steps.push(ticksBetween(last, time));
        last = time;
      }
      expect(steps).toEqual(steps.map((_, i) => (i === 9 ? 9000 + seconds * 90_000 : 9000)));
      await cam.setFaults([]);
      expect(ticksBetween(last, cam.step()?.rtpTime ?? 0)).toBe(9000);
    }
  });

  it('drift: the RTP clock runs fast, in reports too', async () => {
    const { cam, clock, rtsp } = await rig({ faults: ['drift:10000'] });
    await rtsp.play(cam.url);
    const first = await rtsp.reports.next();
    clock.advance(50_000);
    let report = first;
    for (let i = 0; i < 10; i += 1) report = await rtsp.reports.next();
    expect(ticksBetween(first.readUInt32BE(16), report.readUInt32BE(16))).toBe(50.5 * 90_000);
    expect(report.readUInt32BE(8) - first.readUInt32BE(8)).toBe(50);
    const units: number[] = [];
    for (let i = 0; i <= 500; i += 1) units.push((await rtsp.units.next()).rtpTime);
    expect(Math.abs(ticksBetween(units[0] ?? 0, units[500] ?? 0) - 50.5 * 90_000)).toBeLessThan(10);
  });

  it('clock-step: the wall clock of reports jumps, RTP time does not', async () => {
    const { cam, clock, rtsp } = await rig();
    await rtsp.play(cam.url);
    const first = await rtsp.reports.next();
    await cam.setFaults(['clock-step:-3600']);
    clock.advance(5000);
    const second = await rtsp.reports.next();
    expect(second.readUInt32BE(8) - first.readUInt32BE(8)).toBe(5 - 3600);
    expect(ticksBetween(first.readUInt32BE(16), second.readUInt32BE(16))).toBe(5 * 90_000);
  });

  it('no-reports: none comes', async () => {
    const { cam, clock, rtsp } = await rig({ faults: ['no-reports'] });
    await rtsp.play(cam.url);
    clock.advance(60_000);
    await rtsp.request('OPTIONS', '*');
    expect(rtsp.reports.size).toBe(0);
    await cam.setFaults([]);
    clock.advance(5000);
    await rtsp.reports.next();
  });
});

describe('resolution', () => {
  const second = fakeClip({ mark: 0x77, units: 4, keyframeEvery: 2 });

  it('changes at the next keyframe, within the session, and back', async () => {
    const { cam, rtsp } = await rig({ ...lockStep, secondClip: second });
    await rtsp.play(cam.url);
    const seen: { sps: string | undefined; time: number; sequence: number }[] = [];
    const step = async (): Promise<void> => {
      cam.step();
      const unit = await rtsp.units.next();
      const sps = unit.nals.find((nal) => nalType(nal) === 7)?.toString('hex');
      seen.push({ sps, time: unit.rtpTime, sequence: unit.packets[0]?.sequence ?? 0 });
    };
    await step();
    await cam.setFaults(['resolution']);
    for (let i = 0; i < 6; i += 1) await step();
    await cam.setFaults([]);
    for (let i = 0; i < 3; i += 1) await step();
    const [one, two] = ['674d401fd9', '674d401f77'];
    const none = undefined;
    expect(seen.map(({ sps }) => sps)).toEqual([one, none, none, two, none, two, none, one, none, none]);
    for (const [i, { time }] of seen.slice(1).entries()) expect(ticksBetween(seen[i]?.time ?? 0, time)).toBe(9000);
    expect(cam.stats().unitsSent).toBe(10);
  });

  it('is described at once, and new sessions begin with it', async () => {
    const { cam, rtsp } = await rig({ ...lockStep, secondClip: second, faults: ['resolution'] });
    const sprop = (second.parameterSets[0] as Buffer).toString('base64');
    expect((await rtsp.request('DESCRIBE', cam.url)).body).toContain(sprop);
    await rtsp.play(cam.url);
    cam.step();
    expect((await rtsp.units.next()).nals[0]).toEqual(second.parameterSets[0]);
  });

  it('goes on in real time with the clock', async () => {
    const { cam, clock, rtsp } = await rig({ secondClip: second });
    await rtsp.play(cam.url);
    const first = await rtsp.reports.next();
    await cam.setFaults(['resolution']);
    clock.advance(10_000);
    const third = [await rtsp.reports.next(), await rtsp.reports.next()][1] ?? first;
    expect(cam.stats().unitsSent).toBe(101);
    expect(Math.abs(ticksBetween(first.readUInt32BE(16), third.readUInt32BE(16)) - 900_000)).toBeLessThan(200);
  });

  it('needs a second clip that fits, and says so', async () => {
    const { cam } = await rig();
    await expect(cam.setFaults(['resolution'])).rejects.toMatchObject({ code: 'no_second_clip', path: 'secondClip' });
    await expect(cam.setFaults(['resolution:/nowhere.mp4'])).rejects.toMatchObject({ code: 'clip_not_found' });
    expect(cam.faults).toEqual([]);
    const same = SimulatedCamera.start({ clip: fakeClip(), secondClip: fakeClip(), faults: ['resolution'] });
    await expect(same).rejects.toMatchObject({ code: 'second_clip_unfit', message: expect.stringContaining('others') });
    const codec = SimulatedCamera.start({ clip: fakeClip(), secondClip: second, faults: ['codec-change'] });
    await expect(codec).rejects.toMatchObject({ code: 'second_clip_unfit' });
    await expect(rig({ faults: ['nothing'] })).rejects.toMatchObject({ code: 'bad_fault' });
  });
});

describe('codec-change', () => {
  const hevc = fakeClip({ codec: 'h265' });

  it('changes at the next keyframe: payload type, NAL units, description; and back', async () => {
    const { cam, rtsp } = await rig({ ...lockStep, secondClip: hevc });
    rtsp.codecs[98] = 'h265';
    await rtsp.play(cam.url);
    const seen: string[] = [];
    const step = async (): Promise<void> => {
      cam.step();
      const unit = await rtsp.units.next();
      const type = unit.packets[0]?.payloadType ?? 0;
      seen.push(`${type}:${unit.nals.map((nal) => nalType(nal, rtsp.codecs[type] ?? 'h264')).join()}`);
    };
    await step();
    expect((await rtsp.request('DESCRIBE', cam.url)).body).toContain('a=rtpmap:96 H264/90000');
    await cam.setFaults(['codec-change']);
    expect((await rtsp.request('DESCRIBE', cam.url)).body).toContain('m=video 0 RTP/AVP 98\r\na=rtpmap:98 H265/90000');
    for (let i = 0; i < 5; i += 1) await step();
    await cam.setFaults([]);
    await step();
    expect(seen).toEqual(['96:7,8,6,5', '96:6,1', '96:6,1', '98:32,33,34,39,19', '98:39,1', '98:39,1', '96:7,8,6,5']);
  });

  it('needs a clip of another codec, and resolution one of the same', async () => {
    const { cam } = await rig({ secondClip: hevc });
    await expect(cam.setFaults(['resolution'])).rejects.toMatchObject({ code: 'second_clip_unfit' });
    await cam.setFaults(['codec-change']);
  });
});
