import { describe, expect, it } from 'vitest';
import { madeClip } from '../../test/clips.ts';
import { rig } from '../../test/rig.ts';
import { parseRtp, type RtpPacket, type RtspClient } from '../../test/rtsp-client.ts';

async function setup(rtsp: RtspClient, url: string, track: number, session?: string): Promise<string> {
  const headers = { Transport: `RTP/AVP/TCP;unicast;interleaved=${2 * track}-${2 * track + 1}` };
  const reply = await rtsp.request(
    'SETUP',
    `${url}/trackID=${track}`,
    session ? { ...headers, Session: session } : headers,
  );
  expect(reply.status).toBe(200);
  return (reply.headers.get('session') ?? '').split(';')[0] ?? '';
}

async function sound(rtsp: RtspClient): Promise<RtpPacket> {
  const { channel, payload } = await rtsp.others.next();
  // Reports of the second track arrive in between.
  return channel === 2 ? parseRtp(payload) : sound(rtsp);
}

describe('audio', () => {
  it.each([
    ['pcma', 'm=audio 0 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na=control:trackID=1', 8],
    ['pcmu', 'm=audio 0 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=control:trackID=1', 0],
  ] as const)('%s: a second track with its own SSRC, clock and reports', async (audio, description, payloadType) => {
    const { cam, clock, rtsp } = await rig({ audio });
    expect((await rtsp.request('DESCRIBE', cam.url)).body).toContain(description);
    const session = await setup(rtsp, cam.url, 0);
    expect(await setup(rtsp, cam.url, 1, session)).toBe(session);
    const play = await rtsp.request('PLAY', cam.url, { Session: session });
    const infos = (play.headers.get('rtp-info') ?? '').split(',');
    expect(infos.map((info) => /url=(\S+?);/.exec(info)?.[1])).toEqual([
      `${cam.url}/trackID=0`,
      `${cam.url}/trackID=1`,
    ]);
    clock.advance(1000);
    const packets: RtpPacket[] = [];
    for (let i = 0; i <= 50; i += 1) packets.push(await sound(rtsp));
    const first = packets[0] as RtpPacket;
    expect(infos[1]).toContain(`seq=${first.sequence};rtptime=${first.rtpTime}`);
    for (const [i, packet] of packets.entries()) {
      expect((packet.rtpTime - first.rtpTime + 2 ** 32) % 2 ** 32).toBe(160 * i);
      expect((packet.sequence - first.sequence + 65_536) % 65_536).toBe(i);
      expect([packet.payloadType, packet.payload.byteLength, packet.marker]).toEqual([payloadType, 160, i === 0]);
    }
    expect(first.ssrc).not.toBe((await rtsp.units.next()).packets[0]?.ssrc);
    expect(cam.stats()).toMatchObject({ audioPacketsSent: 51, unitsSent: 11 });
  });

  it('aac: the units of the clip, in real time, and again', async () => {
    const { cam, clock, rtsp } = await rig({ clip: madeClip('h264Aac'), audio: 'aac' });
    const { body } = await rtsp.request('DESCRIBE', cam.url);
    expect(body).toContain('a=rtpmap:97 MPEG4-GENERIC/16000/1');
    const session = await setup(rtsp, cam.url, 1);
    await rtsp.request('PLAY', cam.url, { Session: session });
    const units = cam.clip.audio?.units ?? [];
    clock.advance(64 * (units.length + 2));
    for (let i = 0; i < units.length + 2; i += 1) {
      const { payload, marker } = await sound(rtsp);
      expect([payload.readUInt16BE(0), payload.readUInt16BE(2) >> 3, marker]).toEqual([
        16,
        payload.byteLength - 4,
        true,
      ]);
      expect(payload.subarray(4).equals(units[i % units.length] ?? Buffer.alloc(0))).toBe(true);
    }
    // Only tracks that were set up are sent.
    expect(cam.stats().unitsSent).toBe(0);
  });

  it('stops with a freeze and leaves out what was missed; PAUSE and closing leave no timer', async () => {
    const { cam, clock, rtsp } = await rig({ audio: 'pcma' });
    const session = await setup(rtsp, cam.url, 1);
    await rtsp.request('PLAY', cam.url, { Session: session });
    clock.advance(100);
    cam.pause();
    clock.advance(1000);
    expect(cam.stats().audioPacketsSent).toBe(6);
    cam.resume();
    expect(cam.stats().audioPacketsSent).toBe(7);
    const times: number[] = [];
    for (let i = 0; i < 7; i += 1) times.push((await sound(rtsp)).rtpTime);
    expect(((times[6] ?? 0) - (times[5] ?? 0) + 2 ** 32) % 2 ** 32).toBe(50 * 160);
    await rtsp.request('PAUSE', cam.url, { Session: session });
    expect(clock.pendingTimers).toBe(1);
    await rtsp.request('PLAY', cam.url, { Session: session });
    expect(((await sound(rtsp)).rtpTime - (times[6] ?? 0) + 2 ** 32) % 2 ** 32).toBe(160);
    await cam.close();
    expect(clock.pendingTimers).toBe(0);
  });

  it('is not there unless asked for, and refused where it cannot be', async () => {
    const { cam, rtsp } = await rig({});
    expect((await rtsp.request('DESCRIBE', cam.url)).body).not.toContain('audio');
    await expect(rig({ audio: 'aac' })).rejects.toMatchObject({ code: 'bad_option', path: 'audio' });
    await expect(rig({ audio: 'pcma', pacing: 'lock-step' })).rejects.toMatchObject({ code: 'bad_option' });
  });
});
