import { sleep, systemClock } from '@vigia/base';
import { readSendTime } from '@vigia/testkit';
import type { BenchRun } from '../support/bench-run.ts';
import { CameraFork } from '../support/camera-fork.ts';
import { quantileCells } from '../support/numbers.ts';
import { newDecoder, RtspClient } from '../support/runtime-internals.ts';
import type { Table } from '../support/table.ts';

/** Milliseconds from the camera's send time, one entry per access unit. */
interface Samples {
  readonly arrived: number[];
  readonly decoded: number[];
  /** Those of `decoded` whose unit was a keyframe. */
  readonly keyframes: number[];
  reorderDelay: number;
  hiddenDelay: number;
  /** Units whose picture was not available when `decode` returned. */
  heldBack: number;
}

const RATES = [10, 30] as const;
/** Both rates alternate this many times, so that other load on the machine affects both. */
const ROUNDS = 4;
/** Warm-up of each connection: compilation, first keyframe, buffers of the decoder. */
const WARM_UP_MS = 1_000;

/** Measures camera → access unit → picture, without a node. */
export async function measureTransit(run: BenchRun): Promise<Table> {
  const { seconds, progress } = run;
  progress(`send → arrived → decoded at ${RATES.join(' and ')} fps, ${ROUNDS} rounds of ${seconds / ROUNDS} s each`);
  const cameras: CameraFork[] = [];
  for (const fps of RATES) cameras.push(await CameraFork.start(run, { fps }));
  const samples = RATES.map(newSamples);
  for (const camera of cameras) await play(run, camera.url, 0, newSamples());
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [i, camera] of cameras.entries())
      await play(run, camera.url, (seconds * 1000) / ROUNDS, samples[i] ?? newSamples());
  }
  for (const camera of cameras) await camera.close();
  return tableOf(samples);
}

/** One connection. Counts units that arrive in the `measuredMs` after the warm-up. */
async function play(run: BenchRun, url: string, measuredMs: number, samples: Samples): Promise<void> {
  let decodedMs: number | undefined;
  let unitId = 0;
  let failure: Error | undefined;
  const decoder = newDecoder((frame, from) => {
    decodedMs = systemClock.nowMs();
    from.recycle(frame);
  });
  const beginMs = systemClock.nowMs() + WARM_UP_MS;
  const client = await RtspClient.open(
    {
      url,
      clock: systemClock,
      onFormat: () => undefined,
      onUnit: (unit) => {
        decodedMs = undefined;
        unitId += 1;
        decoder.decode(unit.data, unitId);
        // Read last: finding the stamp is the benchmark's own work.
        const sentNs = readSendTime(unit.data);
        if (sentNs === undefined || unit.arrivedMs < beginMs) return;
        samples.arrived.push(unit.arrivedMs - Number(sentNs) / 1e6);
        if (decodedMs === undefined) samples.heldBack += 1;
        else {
          samples.decoded.push(decodedMs - Number(sentNs) / 1e6);
          if (unit.keyframe) samples.keyframes.push(decodedMs - Number(sentNs) / 1e6);
        }
      },
      onEnd: (reason) => (failure = reason),
    },
    run.signal,
  );
  try {
    await sleep(systemClock, WARM_UP_MS + measuredMs, run.signal);
  } finally {
    client.close();
    samples.reorderDelay = Math.max(samples.reorderDelay, decoder.reorderDelay);
    samples.hiddenDelay = Math.max(samples.hiddenDelay, decoder.hiddenDelay);
    decoder.close();
  }
  if (failure) throw failure;
}

function newSamples(): Samples {
  return { arrived: [], decoded: [], keyframes: [], reorderDelay: 0, hiddenDelay: 0, heldBack: 0 };
}

function tableOf(samples: readonly Samples[]): Table {
  const sum = (pick: (s: Samples) => number): number => samples.reduce((total, s) => total + pick(s), 0);
  const keyframes = samples.flatMap((s) => s.keyframes);
  return {
    title: 'Camera → access unit → picture, ms',
    columns: ['from sending to', 'p50', 'p95', 'p99', 'max', 'units', 'aim (p50)'],
    rows: [
      ...samples.flatMap(({ arrived, decoded }, i) => [
        [`arrived, ${RATES[i]} fps`, ...quantileCells(arrived), String(arrived.length), '< 5'],
        [`decoded, ${RATES[i]} fps`, ...quantileCells(decoded), String(decoded.length), ''],
      ]),
      ['decoded, keyframes of both', ...quantileCells(keyframes), String(keyframes.length), ''],
    ],
    notes: [
      `pictures held back: ${sum((s) => s.heldBack)} (decoder's hidden delay ${sum((s) => s.hiddenDelay)}, stream's reorder delay ${sum((s) => s.reorderDelay)}; all must be 0)`,
    ],
  };
}
