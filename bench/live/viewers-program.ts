// Viewers of a camera that receive and decode nothing: real ICE, DTLS and SRTP. Argument: the address of its `whep`, and how many.
// Sends its packets per second each second, from the time on when all are connected.
import { initLogger, PeerConnection, Video } from 'node-datachannel';

const [url = '', count = '0'] = process.argv.slice(2);
/** A library forgets what nobody holds. */
const held: object[] = [];
let packets = 0;
let open = 0;

async function view(): Promise<void> {
  const peer = new PeerConnection('bench', { iceServers: [], bindAddress: '127.0.0.1' });
  const video = new Video('0', 'RecvOnly');
  video.addH264Codec(102, 'level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f');
  const track = peer.addTrack(video);
  // The library makes the offer by itself, in a thread of its own.
  held.push(peer, track, peer.createDataChannel('vigia.times', { unordered: true, maxRetransmits: 0 }));
  track.onMessage(() => (packets += 1));
  track.onOpen(() => (open += 1));
  for (;;) {
    const sdp = peer.localDescription()?.sdp;
    if (sdp?.includes('a=candidate') && peer.gatheringState() === 'complete') break;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  // Without addresses: a connection that is there before the answer is ends.
  const body = peer.localDescription()?.sdp.replaceAll(/a=candidate.*\r\n/g, '') ?? '';
  const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/sdp' }, body });
  if (answer.status !== 201) throw new Error(await answer.text());
  peer.setRemoteDescription(await answer.text(), 'answer');
}

initLogger('Fatal', () => undefined);
for (let i = 0; i < Number(count); i += 1) await view();
setInterval(() => {
  if (open === Number(count)) process.send?.({ packets });
  packets = 0;
}, 1_000);
process.once('disconnect', () => process.exit());
