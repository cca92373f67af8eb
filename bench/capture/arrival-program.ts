// Receives one camera for a number of seconds, with our client or with libav's demuxer, and sends its parent the
// delays. Arguments: ours|libav URL SECONDS.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { systemClock } from '@vigia/base';
import { readSendTime } from '@vigia/testkit';
import { newDecoder, RtspClient } from '../support/runtime-internals.ts';

const [way = '', url = '', seconds = '5'] = process.argv.slice(2);
/** Warm-up: compilation, first keyframe, buffers of the decoder. */
const WARM_UP_MS = 1_500;

const startedMs = systemClock.nowMs();
const endMs = startedMs + WARM_UP_MS + Number(seconds) * 1000;
const delaysMs: number[] = [];
let firstMs = Number.NaN;
let unitId = 0;
let pictureMs: number | undefined;

const decoder = newDecoder((frame, from) => {
  pictureMs = systemClock.nowMs();
  from.recycle(frame);
});

function take(data: Buffer): void {
  pictureMs = undefined;
  unitId += 1;
  decoder.decode(data, unitId);
  if (pictureMs === undefined) return;
  if (Number.isNaN(firstMs)) firstMs = pictureMs - startedMs;
  const sentNs = readSendTime(data);
  if (sentNs !== undefined && pictureMs - startedMs > WARM_UP_MS) delaysMs.push(pictureMs - Number(sentNs) / 1e6);
}

function tell(): void {
  process.send?.({ delaysMs, firstMs }, () => process.exit(0));
}

async function ours(): Promise<void> {
  const client = await RtspClient.open({
    url,
    clock: systemClock,
    onFormat: () => undefined,
    onUnit: (unit) => {
      take(unit.data);
      if (systemClock.nowMs() < endMs) return;
      client.close();
      tell();
    },
    onEnd: (reason) => {
      throw reason;
    },
  });
}

/** The parts of node-av that are used here. */
interface Libav {
  readonly FormatContext: new () => {
    openInput(address: string, format: null, options: unknown): Promise<number>;
    readFrame(packet: unknown): Promise<number>;
  };
  readonly Packet: new () => { alloc(): void; unref(): void; readonly data: Buffer | null };
  readonly Dictionary: { fromObject(values: Record<string, string>): unknown };
}

async function libav(): Promise<void> {
  const resolve = createRequire(import.meta.resolve('@vigia/runtime/dist/main.js')).resolve;
  const { FormatContext, Packet, Dictionary } = (await import(
    pathToFileURL(resolve('node-av/lib')).href
  )) as unknown as Libav;
  const format = new FormatContext();
  const options = { rtsp_transport: 'tcp', timeout: '5000000', max_delay: '0', reorder_queue_size: '0' };
  const opened = await format.openInput(url, null, Dictionary.fromObject(options));
  if (opened < 0) throw new Error(`libav cannot open ${url} (${opened})`);
  const packet = new Packet();
  packet.alloc();
  while (systemClock.nowMs() < endMs) {
    const read = await format.readFrame(packet);
    if (read < 0) throw new Error(`libav reads no more (${read})`);
    if (packet.data) take(packet.data);
    packet.unref();
  }
  tell();
}

await (way === 'ours' ? ours() : libav());
