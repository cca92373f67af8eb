import { seededRandom32 } from '@vigia/testkit';
import { test } from 'vitest';
import { encoded, packetsOf, Receiver, reference, smeared } from '../../../test/support/camera-stream.ts';
test('threads', async () => {
 for (const e of ['h264','h264Slices','h264BFrames','h264IntraRefresh','h264OpenGop','h265Slices','h265OpenGop','h265IntraRefresh'] as const) for (const onLoss of ['wait','conceal'] as const) for (const threads of [1,4]) {
  const clip = await encoded(e); const expected = reference(clip); let bad = 0, shown=0; const which: string[] = [];
  for (let seed = 0; seed < 40; seed += 1) {
        const random = seededRandom32(seed+1000);
        const from = seed % 30;
        const markers = (['slices','packets','last','none'] as const)[seed&3];
        const packets = packetsOf({ clip, from, sets: seed % 3 ? 'pictures':'description', packetization: { markers } }).filter(() => random() / 2 ** 32 >= 0.03);
        const r = new Receiver(clip, {threads, onLoss}, seed%5===0).receive(packets); r.end();
        const s = smeared(r.shown, expected).length; bad += s; shown+= r.shown.length; if (s) which.push(seed+':'+from+markers+':'+s);
  }
  console.log('THR', e, onLoss, threads, bad, 'of', shown, which.join(' ')); }
}, 100000);
