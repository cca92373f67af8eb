import { sleep, systemClock } from '@vigia/base';
import type { BenchRun } from '../support/bench-run.ts';
import { CameraFork } from '../support/camera-fork.ts';
import { ms, quantile } from '../support/numbers.ts';
import { cpuSeconds, pssBytes } from '../support/processes.ts';
import type { Table } from '../support/table.ts';
import { VigiaNode } from '../support/vigia-node.ts';
import { clipOf } from './clips.ts';

/** Rate of the one consumer, frames per second; 0: no consumer. */
const GATES = [30, 5, 1, 0] as const;
const WARM_UP_MS = 4_000;

interface Cost {
  readonly gate: number;
  readonly cpuShare: number;
  readonly pssMiB: number;
  readonly agesMs: readonly number[];
}

/** CPU of one camera at 1080p30 in its process, at several gates: a real node with a real model. */
export async function measureCost(run: BenchRun, rounds: number): Promise<Table> {
  const clip = await clipOf(run, '1080p30');
  const camera = await CameraFork.start(run, { clip: clip.path });
  run.progress(`CPU and memory of a camera process, 1080p30, gates by turns, ${rounds} rounds of ${run.seconds} s`);
  const costs: Cost[] = [];
  for (let round = 0; round < rounds; round += 1)
    for (const gate of GATES) costs.push(await once(run, camera.url, gate));
  await camera.close();
  const rows = GATES.map((gate) => {
    const own = costs.filter((c) => c.gate === gate);
    const ages = own.flatMap((c) => c.agesMs);
    return [
      gate === 0 ? 'no consumer' : `${gate} fps`,
      `${(
        quantile(
          own.map((c) => c.cpuShare),
          0.5,
        ) * 100
      ).toFixed(1)} %`,
      `${quantile(
        own.map((c) => c.pssMiB),
        0.5,
      ).toFixed(0)} MiB`,
      ages.length === 0 ? '–' : ms(quantile(ages, 0.5)),
      ages.length === 0 ? '–' : ms(quantile(ages, 0.99)),
    ];
  });
  return {
    title: 'One camera process, 1080p30 over RTSP, by the gate of its only consumer; medians',
    columns: ['gate', 'CPU of one core', 'PSS', 'age p50 ms', 'age p99 ms'],
    rows,
    notes: [
      'the model (SSDLite 300×300) runs in its own process and is not counted; everything shares the machine with it and the camera',
    ],
  };
}

async function once(run: BenchRun, url: string, gate: number): Promise<Cost> {
  const node = VigiaNode.start(run, { one: url }, gate === 0 ? '{}' : `{ people: { model: ssdlite, fps: ${gate} } }`);
  if (gate === 0) await node.line('live', 0, (line) => line.type === 'camera_state' && line.state === 'live');
  else await node.okResults(['one'], 1);
  await sleep(systemClock, WARM_UP_MS, run.signal);
  const pid = node.child('camera-process');
  const from = node.lines.length;
  const beforeS = cpuSeconds(pid);
  const startedMs = systemClock.nowMs();
  await sleep(systemClock, run.seconds * 1000, run.signal);
  const cpuShare = (cpuSeconds(pid) - beforeS) / ((systemClock.nowMs() - startedMs) / 1000);
  const pssMiB = pssBytes(pid) / 2 ** 20;
  const agesMs = node.results(from).flatMap(({ result }) => (result.status === 'ok' ? [result.age_ms] : []));
  await node.close();
  return { gate, cpuShare, pssMiB, agesMs };
}
