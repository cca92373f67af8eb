import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '@vigia/base';
import type { PixelFormat } from '@vigia/contracts';
import { ModelStore } from '@vigia/model-container';
import { InputFiller, inputArray, layoutOf } from '@vigia/model-container/dist/preprocess/index.js';
import { openPart } from '@vigia/model-container/dist/model/index.js';
import { packedLayout } from '@vigia/model-container/dist/frames/index.js';
import type { BenchRun } from '../support/bench-run.ts';
import { ms, quantile } from '../support/numbers.ts';
import type { Table } from '../support/table.ts';

const REPEATS = 200;

/** Milliseconds of the steps around the network: taking a frame, and decoding the outputs. */
export async function measureStages(run: BenchRun): Promise<Table> {
  run.progress('stages');
  const { dir, manifest } = await new ModelStore().resolve('ssdlite-mobilenet-v2', { pull: true });
  const rows: string[][] = [
    ['take 300×300 RGB24 (as consumers send it)', ...take(300, 300, 'RGB24', manifest.input)],
    ['take 640×480 RGB24', ...take(640, 480, 'RGB24', manifest.input)],
    ['take 1920×1080 NV12', ...take(1920, 1080, 'NV12', manifest.input)],
    [
      'take 640×640 RGB24 as float32, NCHW, ÷ 255',
      ...take(640, 640, 'RGB24', {
        ...manifest.input,
        width: 640,
        height: 640,
        type: 'float32',
        layout: 'NCHW',
        scale: [1 / 255, 1 / 255, 1 / 255],
      }),
    ],
  ];
  const part = await openPart(dir, manifest, { source: { kind: 'folder', dir }, threads: 1, provider: 'cpu' });
  try {
    part.network.input.set(readFileSync(join(dir, 'golden.rgb')));
    const [outputs = []] = await part.network.run(1);
    rows.push(['decode SSDLite, 7 objects', ...timed(() => part.decoder.decode(outputs))]);
  } finally {
    await part.network.close();
  }
  return {
    title: 'Around the network, ms',
    columns: ['', 'p50', 'p99'],
    rows,
    notes: [`${REPEATS} times each, in one thread, hot`],
  };
}

function take(width: number, height: number, format: PixelFormat, input: Parameters<typeof layoutOf>[0]): string[] {
  const { planes, byteLength } = packedLayout(format, width, height);
  const pixels = new Uint8Array(byteLength).map((_, i) => i % 251);
  const into = inputArray(input, 1);
  const filler = new InputFiller(layoutOf(input), 'stretch');
  const frame = { width, height, format, planes, pixels };
  return timed(() => filler.fillRow(frame, into, 0));
}

function timed(work: () => unknown): string[] {
  const samples: number[] = [];
  for (let i = 0; i < REPEATS + 20; i += 1) {
    const startMs = systemClock.nowMs();
    work();
    if (i >= 20) samples.push(systemClock.nowMs() - startMs);
  }
  return [ms(quantile(samples, 0.5)), ms(quantile(samples, 0.99))];
}
