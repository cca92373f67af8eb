import { FakeClock } from '@vigia/base';
import { afterEach, describe, expect, it } from 'vitest';
import { fakeClip } from '../../test/clips.ts';
import { RtspClient } from '../../test/rtsp-client.ts';
import { nalType } from './media/index.ts';
import type { SimulatedCameraOptions } from './options.ts';
import { SimulatedCamera } from './simulated-camera.ts';
import { parseTransportOffer } from './transport/index.ts';

const open: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

async function rig(options: Partial<SimulatedCameraOptions> = {}): Promise<{ cam: SimulatedCamera; rtsp: RtspClient }> {
  const cam = await SimulatedCamera.start({ clip: fakeClip(), ...options });
  open.push(cam);
  const rtsp = await RtspClient.connect(cam.port);
  open.push(rtsp);
  return { cam, rtsp };
}

const RECEIVER_REPORT = Buffer.from('80c9000100000001', 'hex');

describe('parseTransportOffer', () => {
  const both = ['tcp', 'udp'] as const;

  it.each([
    ['RTP/AVP/TCP;unicast;interleaved=4-5', { protocol: 'tcp', channels: { rtp: 4, rtcp: 5 } }],
    ['rtp/avp/tcp; unicast', { protocol: 'tcp', channels: undefined }],
    ['RTP/AVP;unicast;client_port=5000-5001', { protocol: 'udp', client: { rtp: 5000, rtcp: 5001 } }],
    ['RTP/AVP/UDP ; unicast ; client_port=5000', { protocol: 'udp', client: { rtp: 5000, rtcp: 5001 } }],
    ['RTP/AVP;multicast,RTP/AVP/TCP;interleaved=0-1', { protocol: 'tcp', channels: { rtp: 0, rtcp: 1 } }],
    ['RTP/AVP;unicast', undefined],
    ['RTP/AVP;unicast;client_port=65535', undefined],
    ['RTP/AVP/TCP;interleaved=300-301', undefined],
    ['RTP/AVP/TCP;interleaved=3-3', undefined],
    ['', undefined],
  ])('reads "%s"', (header, offer) => {
    expect(parseTransportOffer(header, both)).toEqual(offer);
  });

  it('takes the first that is allowed', () => {
    const header = 'RTP/AVP;unicast;client_port=5000-5001,RTP/AVP/TCP;interleaved=0-1';
    expect(parseTransportOffer(header, ['tcp'])?.protocol).toBe('tcp');
    expect(parseTransportOffer(header, ['udp'])?.protocol).toBe('udp');
    expect(parseTransportOffer(header, both)?.protocol).toBe('udp');
  });
});

describe('UDP', () => {
  it.each(['RTP/AVP', 'RTP/AVP/UDP'])('carries pictures and reports from a pair of ports, for %s', async (protocol) => {
    const { cam, rtsp } = await rig({ pacing: 'lock-step', random32: () => 0xabc, maxPayloadBytes: 100 });
    const { setup } = await rtsp.playUdp(cam.url, protocol);
    const header =
      /^RTP\/AVP;unicast;client_port=\d+-\d+;server_port=(\d+)-(\d+);source=127\.0\.0\.1;ssrc=00000ABC$/.exec(
        setup.headers.get('transport') ?? '',
      );
    const [rtp, rtcp] = [Number(header?.[1]), Number(header?.[2])];
    expect([rtp % 2, rtcp]).toEqual([0, rtp + 1]);
    for (let i = 0; i < 4; i += 1) {
      const sent = cam.step();
      const unit = await rtsp.units.next();
      expect(unit.rtpTime).toBe(sent?.rtpTime);
      expect(unit.nals.map((nal) => nalType(nal))).toEqual(i % 3 === 0 ? [7, 8, 6, 5] : [6, 1]);
    }
    const report = await rtsp.reports.next();
    expect([report[1], report.readUInt32BE(4)]).toEqual([200, 0xabc]);
  });

  it('counts receiver reports, by datagram and interleaved, as signs of life', async () => {
    const clock = new FakeClock();
    const { cam, rtsp } = await rig({ clock });
    const { setup } = await rtsp.playUdp(cam.url);
    clock.advance(60_000);
    const port = Number(/server_port=\d+-(\d+)/.exec(setup.headers.get('transport') ?? '')?.[1]);
    const heard = (): Promise<void> =>
      new Promise((resolve) => {
        const look = (): void => (cam.stats().receiverReports > 0 ? resolve() : void setImmediate(look));
        look();
      });
    rtsp.sendUdpReport(RECEIVER_REPORT, port);
    await heard();
    clock.advance(60_000);
    expect(cam.stats()).toMatchObject({ playing: 1, receiverReports: 1 });
    rtsp.socket.write(Buffer.concat([Buffer.from([0x24, 1, 0, 8]), RECEIVER_REPORT]));
    await rtsp.request('OPTIONS', '*');
    expect(cam.stats().receiverReports).toBe(2);
  });

  it('answers requests in order, although SETUP looks for ports', async () => {
    const { cam, rtsp } = await rig();
    const { rtp, rtcp } = await rtsp.bindUdp();
    const offer = `Transport: RTP/AVP;unicast;client_port=${rtp}-${rtcp}`;
    rtsp.socket.write(
      `SETUP ${cam.url}/trackID=0 RTSP/1.0\r\nCSeq: 7\r\n${offer}\r\n\r\nOPTIONS * RTSP/1.0\r\nCSeq: 8\r\n\r\n`,
    );
    expect((await rtsp.replies.next()).headers.get('cseq')).toBe('7');
    expect((await rtsp.replies.next()).headers.get('cseq')).toBe('8');
  });

  it('closes its ports with the session, also when the client left during SETUP', async () => {
    const { cam, rtsp } = await rig();
    await rtsp.playUdp(cam.url);
    await rtsp.units.next();
    const hasty = await RtspClient.connect(cam.port);
    hasty.socket.write(
      `SETUP ${cam.url}/trackID=0 RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/AVP;unicast;client_port=4000-4001\r\n\r\n`,
    );
    await hasty.close();
    await rtsp.close();
    await cam.close();
    const udp = (): number => process.getActiveResourcesInfo().filter((name) => name === 'UDPWrap').length;
    await new Promise<void>((resolve) => {
      const look = (): void => (udp() === 0 ? resolve() : void setImmediate(look));
      look();
    });
  });

  it('is refused where the camera does not offer it, as is TCP', async () => {
    const { cam, rtsp } = await rig({ transports: ['tcp'] });
    const track = `${cam.url}/trackID=0`;
    expect((await rtsp.request('SETUP', track, { Transport: 'RTP/AVP;unicast;client_port=4000-4001' })).status).toBe(
      461,
    );
    const other = await rig({ transports: ['udp'] });
    const reply = await other.rtsp.request('SETUP', `${other.cam.url}/trackID=0`, { Transport: 'RTP/AVP/TCP;unicast' });
    expect(reply.status).toBe(461);
    await expect(SimulatedCamera.start({ clip: fakeClip(), transports: [] })).rejects.toMatchObject({
      code: 'bad_option',
      path: 'transports',
    });
  });
});
