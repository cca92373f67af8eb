import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readCandidates, readOffer, trueAnswer } from './offer.ts';

/** The parts of an offer of Chromium that matter here. */
const VIDEO = `m=video 9 UDP/TLS/RTP/SAVPF 96 102 103 104 106
c=IN IP4 0.0.0.0
a=mid:1
a=recvonly
a=extmap:5 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay
a=rtpmap:96 VP8/90000
a=rtpmap:102 H264/90000
a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f
a=rtpmap:103 rtx/90000
a=fmtp:103 apt=102
a=rtpmap:104 H264/90000
a=fmtp:104 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=64001f
a=rtpmap:106 H264/90000
a=fmtp:106 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=64001f`;
const HEAD = `v=0
o=- 1 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
m=audio 9 UDP/TLS/RTP/SAVPF 111
a=mid:0
a=extmap:9 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay
a=setup:actpass
a=ice-ufrag:abcd
a=ice-pwd:0123456789012345678901
a=fingerprint:sha-256 00:11`;
const OFFER = `${HEAD}\n${VIDEO}\n`.replaceAll('\n', '\r\n');

test('the format of the stream’s profile, in pieces; of the video, not of the sound', () => {
  expect(readOffer(OFFER, 'h264', '64')).toEqual({
    sdp: OFFER.replace('a=setup:actpass', 'a=setup:active'),
    mid: '1',
    codec: 'h264',
    payloadType: 106,
    parameters: 'level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=64001f',
    playoutDelayId: 5,
    sound: undefined,
  });
  // A profile that is not offered: browsers decode more than they list.
  expect(readOffer(OFFER, 'h264', '4d').payloadType).toBe(102);
  expect(
    readOffer(OFFER.replace('a=extmap:5 http', 'a=extmap:5 urn'), 'h264', undefined).playoutDelayId,
  ).toBeUndefined();
});

/** Sound as Chromium offers it: G.711 at its static types, which others write without a name. */
const SOUND = `m=audio 9 UDP/TLS/RTP/SAVPF 111 63 0 8
a=mid:s
a=recvonly
a=rtpmap:111 opus/48000/2
a=rtpmap:63 red/48000/2
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000`;
const [SESSION = '', OPUS = ''] = HEAD.split(/(?=m=audio)/);
const offerOf = (...sections: string[]): string =>
  `${[SESSION.trimEnd(), ...sections, OPUS].join('\n')}\n`.replaceAll('\n', '\r\n');

test('sound: the camera’s G.711, before or behind the video', () => {
  const of = (sdp: string, codec: 'pcma' | 'pcmu' | undefined): unknown => readOffer(sdp, 'h264', '64', codec).sound;
  const [pcma, pcmu] = [
    { mid: 's', codec: 'pcma', payloadType: 8 },
    { mid: 's', codec: 'pcmu', payloadType: 0 },
  ];
  for (const sdp of [
    offerOf(SOUND, VIDEO),
    offerOf(VIDEO, SOUND),
    offerOf(VIDEO, SOUND.replaceAll('recvonly', 'sendrecv')),
  ]) {
    expect([of(sdp, 'pcma'), of(sdp, 'pcmu'), of(sdp, undefined)]).toEqual([pcma, pcmu, undefined]);
    expect(readOffer(sdp, 'h264', '64', 'pcma')).toMatchObject({ mid: '1', payloadType: 106 });
  }
  const changed = (from: string | RegExp, to: string): unknown => of(offerOf(VIDEO, SOUND.replace(from, to)), 'pcma');
  expect(changed('a=rtpmap:8 PCMA/8000', '')).toEqual(pcma);
  expect(changed('PCMA/8000', 'pcma/8000/1')).toEqual(pcma);
  expect(changed('a=recvonly\n', '')).toEqual(pcma);
  expect(changed('audio 9', 'audio 0')).toBeUndefined();
  expect(
    changed(
      'audio 9 UDP/TLS/RTP/SAVPF 111 63 0 8',
      'audio 0 UDP/TLS/RTP/SAVPF 97 8\na=bundle-only\na=rtpmap:97 PCMA/8000',
    ),
  ).toEqual({
    ...pcma,
    payloadType: 97,
  });
});

test.each([
  ['of an offer without sound', VIDEO],
  ['of a section that sends', `${VIDEO}\n${SOUND.replace('recvonly', 'sendonly')}`],
  ['of a section that is not used', `${VIDEO}\n${SOUND.replace('recvonly', 'inactive')}`],
  ['of a section without a=mid', `${VIDEO}\n${SOUND.replace('a=mid:s', 'a=x')}`],
  ['of one with the video’s a=mid', `${VIDEO}\n${SOUND.replace('a=mid:s', 'a=mid:1')}`],
  ['where type 8 is something else', `${VIDEO}\n${SOUND.replace('PCMA/8000', 'PCMA/16000')}`],
  ['of a format that is not among the types', `${VIDEO}\n${SOUND.replace(' 0 8', ' 0')}`],
  ['of Opus alone', `${VIDEO}\n${SOUND.replace(' 0 8', '').replaceAll(/a=rtpmap:[08] .*/g, 'a=x')}`],
])('no sound, but the video: %s', (_, sections) => {
  expect(readOffer(offerOf(sections), 'h264', '64', 'pcma')).toMatchObject({ payloadType: 106, sound: undefined });
});

test('the answer: sections that send nothing say so, and nothing asks for lip synchronisation', () => {
  const answer = (direction: string): string =>
    `v=0
a=group:BUNDLE a 0 b d
${direction === 'sendonly' ? 'a=group:LS a 0 b\n' : ''}a=fingerprint:x
m=audio 9 UDP/TLS/RTP/SAVPF 111
a=mid:a
a=${direction}
m=video 9 UDP/TLS/RTP/SAVPF 102
a=mid:0
a=sendonly
m=audio 9 UDP/TLS/RTP/SAVPF 8
a=mid:b
a=sendonly
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
a=mid:d
a=sendrecv
`.replaceAll('\n', '\r\n');
  const sound = { mid: 'b', codec: 'pcma', payloadType: 8 } as const;
  expect(trueAnswer(answer('sendonly'), { mid: '0', sound })).toBe(answer('inactive'));
  const silent = trueAnswer(answer('sendonly'), { mid: '0', sound: undefined });
  expect(silent.match(/a=(?:sendonly|sendrecv|inactive)/g)).toEqual([
    'a=inactive',
    'a=sendonly',
    'a=inactive',
    'a=sendrecv',
  ]);
});

test.each([
  ['no SDP', 'hello', /line 1 is no line of SDP/],
  ['a line that is no SDP', OFFER.replace('s=-', 's\t-'), /line 3 is no line of SDP/],
  ['a line that is too long', OFFER.replace('s=-', `s=${'a'.repeat(2_000)}`), /line 3 /],
  ['too many lines', `${OFFER}${'a=x\r\n'.repeat(2_000)}`, /at most 2000 lines/],
  ['another beginning', OFFER.replace('v=0', 'v=1'), /begins with "v=0"/],
  ['no ICE', OFFER.replace('a=ice-pwd', 'a=pwd'), /a=ice-pwd is missing/],
  ['no fingerprint', OFFER.replace('a=fingerprint', 'a=finger'), /a=fingerprint is missing/],
  ['no video', OFFER.replace('m=video', 'm=text'), /no video/],
  ['no mid', OFFER.replace('a=mid:1', 'a=mid:'), /no a=mid/],
  ['video that is sent', OFFER.replace('a=recvonly', 'a=sendonly'), /to be received/],
])('refused: %s', (_, sdp, sentence) => {
  expect(() => readOffer(sdp, 'h264', undefined)).toThrow(sentence);
});

test('an offer without H.264 in pieces has a code of its own', () => {
  const without = OFFER.replaceAll('packetization-mode=1', 'packetization-mode=0');
  expect(() => readOffer(without, 'h264', undefined)).toThrow(expect.objectContaining({ code: 'codec' }) as Error);
});

test('H.265 where the browser offers it, with parameters or without', () => {
  expect(() => readOffer(OFFER, 'hevc', undefined)).toThrow('this camera sends H.265, which the offer does not have');
  const offered = OFFER.replace('a=rtpmap:96 VP8/90000', 'a=rtpmap:96 H265/90000');
  expect(readOffer(offered, 'hevc', undefined)).toMatchObject({ codec: 'hevc', payloadType: 96, parameters: '' });
});

test('whatever comes: an offer, or an error with a code', () => {
  const known = offerOf(VIDEO, SOUND).split('\r\n');
  const texts = fc.array(fc.oneof(fc.string(), fc.constantFrom(...known)), { maxLength: 40 });
  const codecs = fc.constantFrom('h264' as const, 'hevc' as const);
  fc.assert(
    fc.property(texts, codecs, fc.option(fc.string(), { nil: undefined }), (lines, codec, profile) => {
      try {
        expect(readOffer(lines.join('\r\n'), codec, profile, 'pcma').payloadType).toBeLessThan(128);
      } catch (error) {
        expect(error).toMatchObject({ code: expect.stringMatching(/^(usage|codec)$/) as string });
      }
    }),
  );
});

test('candidates of a part of SDP; other lines are left out', () => {
  const lines = [
    'a=ice-ufrag:x',
    'm=video 9 RTP/AVP 0',
    'a=candidate:1 1 UDP 1 10.0.0.1 5 typ host',
    'a=end-of-candidates',
  ];
  expect(readCandidates(lines.join('\r\n'))).toEqual(['candidate:1 1 UDP 1 10.0.0.1 5 typ host']);
  expect(() => readCandidates('a=candidate:x\n'.repeat(65))).toThrow(/at most 64/);
});
