// A worker for `hostile`: answers as it should, and while a file exists (its first argument) with anything else.
import { existsSync } from 'node:fs';
import { FrameDecoder } from '@vigia/base';
import { Random } from './container-fuzz/random.ts';
import { framed } from './hostile/msgpack.ts';
import { workerBytes, workerLines } from './hostile/worker-messages.ts';

const [order = '', seed] = process.argv.slice(2);
const random = new Random(Number(seed) + process.pid);
const LIMIT = 64 * 2 ** 20;
const KEY = Buffer.from([0xa3, ...Buffer.from('seq')]);

/** The number of a frame, from its MessagePack: a whole number behind its key. */
function seqOf(message: Buffer): number {
  const at = message.indexOf(KEY) + KEY.byteLength;
  const type = message[at] ?? 0;
  if (type < 0x80) return type;
  return message.readUIntBE(at + 1, { 0xcc: 1, 0xcd: 2, 0xce: 4 }[type] ?? 1);
}

function answerTo(seq: number): void {
  if (!existsSync(order)) {
    process.stdout.write(framed({ type: 'result', seq, detections: [] }));
    return;
  }
  if (random.once(3)) process.stderr.write(`${workerLines(random)}\n`);
  process.stdout.write(workerBytes(random, seq));
}

process.stdout.on('error', () => process.exit(0));
process.stderr.on('error', () => undefined);
const decoder = new FrameDecoder(LIMIT);
process.stdin.on('data', (chunk: Buffer) => {
  for (const message of decoder.push(chunk)) if (message.includes(KEY)) answerTo(seqOf(message));
});
process.stdin.on('end', () => process.exit(0));
process.stdout.write(framed({ type: 'ready', protocol: 1, name: 'hostile' }));
