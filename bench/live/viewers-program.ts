// Viewers of a camera that receive and decode nothing: real ICE, DTLS and SRTP. Arguments: the address of its `whep`, and how many.
// Sends its packets per second each second, from the time on when all are connected.
import { WhepViewer } from '@vigia/testkit/whep-viewer';

const [url = '', count = '0'] = process.argv.slice(2);
const viewers: WhepViewer[] = [];
for (let i = 0; i < Number(count); i += 1) {
  const viewer = new WhepViewer();
  viewers.push(viewer);
  const { status, text } = await viewer.open(url);
  if (status !== 201) throw new Error(text);
}
setInterval(() => {
  const packets = viewers.map((viewer) => viewer.packets.splice(0).length);
  if (packets.every((each) => each > 0)) process.send?.({ packets: packets.reduce((sum, each) => sum + each, 0) });
}, 1_000);
process.once('disconnect', () => process.exit());
