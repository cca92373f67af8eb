/**
 * A camera that connects and is disconnected again, a thousand times over each transport: descriptors, memory,
 * processes and segments do not grow. A control run with a deliberate leak shows that the checks would notice.
 */
import { fileURLToPath } from 'node:url';
import { once } from 'node:events';
import { SimulatedCamera } from '@vigia/testkit';
import { CLIP } from '../support/paths.ts';
import { descendantsOf } from '../support/processes.ts';
import type { Table } from '../support/table.ts';
import { LineChild } from './child.ts';
import { type MemorySample, memoryOf, mib } from './memory.ts';
import { shmNames } from './shm.ts';
import { runSoak, type SoakResult, type SoakRun } from './soak-run.ts';

const CHILD = fileURLToPath(new URL('connect-cycles-child.js', import.meta.url));
/** Compilation and pools: share of cycles at the beginning whose memory is not judged. */
const WARM_UP = 0.3;
/** Resident memory gained per cycle, bytes; the deliberate leak is four times as large. */
const SLOPE_LIMIT = 16 * 1024;
/** A connection being opened, and one being closed. */
const DESCRIPTORS_LIMIT = 8;
const SAMPLES = 100;

interface Kind {
  readonly name: string;
  readonly transport: 'tcp' | 'udp';
  readonly leak: boolean;
}

const KINDS: readonly Kind[] = [
  { name: 'over TCP', transport: 'tcp', leak: false },
  { name: 'over UDP', transport: 'udp', leak: false },
  { name: 'control: 1 descriptor and 64 KiB leaked per cycle', transport: 'tcp', leak: true },
];

interface Outcome {
  readonly cells: readonly string[];
  /** Resources that grew. */
  readonly grown: readonly string[];
}

async function cycle(run: SoakRun, kind: Kind, cycles: number): Promise<Outcome> {
  run.progress(`${kind.name}, ${cycles} connections`);
  const camera = await SimulatedCamera.start({ clip: CLIP });
  run.scope.defer(() => camera.close());
  const setup = { url: camera.url, transport: kind.transport, leak: kind.leak };
  const child = new LineChild(run, 'camera', process.execPath, [CHILD, JSON.stringify(setup)]);
  const samples: MemorySample[] = [];
  const every = Math.max(1, Math.floor(cycles / SAMPLES));
  for (let n = 0; n < cycles; n += 1) {
    await child.line();
    // While it plays: the same moment of each cycle.
    if (n % every === 0) samples.push(memoryOf(child.pid));
    camera.dropClients();
  }
  await child.line();
  samples.push(memoryOf(child.pid));
  const children = descendantsOf(child.pid).length;
  const sessions = camera.stats().sessionsTotal;
  child.process.stdin?.end();
  await once(child.process, 'exit');
  const left = shmNames(`vigia_soak-cycles-${child.pid}_`);
  await camera.close();
  const judged = samples.slice(Math.floor(samples.length * WARM_UP));
  const slope = slopeOf(judged.map((s) => s.rss)) / every;
  const [first, last] = [judged[0] as MemorySample, judged.at(-1) as MemorySample];
  const grown: string[] = [];
  if (last.descriptors - first.descriptors > DESCRIPTORS_LIMIT)
    grown.push(`descriptors grew from ${first.descriptors} to ${last.descriptors}`);
  if (slope > SLOPE_LIMIT) grown.push(`resident memory grew by ${(slope / 1024).toFixed(1)} KiB per cycle`);
  if (children > 0) grown.push(`${children} child processes are there`);
  if (left.length > 0) grown.push(`segments are left: ${left.join(', ')}`);
  if (sessions <= cycles) grown.push(`only ${sessions} sessions for ${cycles} cycles`);
  return {
    cells: [
      kind.name,
      String(sessions),
      `${first.descriptors} → ${last.descriptors}`,
      `${mib(first.rss)} → ${mib(last.rss)}`,
      `${(slope / 1024).toFixed(2)} KiB`,
      String(children),
      String(left.length),
      kind.leak ? (grown.length > 0 ? 'caught' : 'NOT CAUGHT') : grown.length > 0 ? 'grew' : 'flat',
    ],
    grown,
  };
}

/** Least squares, per sample. */
function slopeOf(values: readonly number[]): number {
  const middle = (values.length - 1) / 2;
  const average = values.reduce((sum, v) => sum + v, 0) / values.length;
  let above = 0;
  let below = 0;
  for (const [i, value] of values.entries()) {
    above += (i - middle) * (value - average);
    below += (i - middle) ** 2;
  }
  return below === 0 ? 0 : above / below;
}

await runSoak('connect-cycles', async (run): Promise<SoakResult> => {
  // Fewer samples prove nothing about memory: a young heap grows by itself.
  const cycles = run.short ? 150 : 1_000;
  const failures: string[] = [];
  const rows: string[][] = [];
  for (const kind of KINDS) {
    const { cells, grown } = await cycle(run, kind, cycles);
    rows.push([...cells]);
    const memoryOnly = grown.every((text) => text.startsWith('resident'));
    if (!kind.leak && grown.length > 0 && !(run.short && memoryOnly))
      failures.push(...grown.map((g) => `${kind.name}: ${g}`));
    if (kind.leak && grown.length === 0) failures.push(`${kind.name}: the leak was not noticed`);
  }
  const table: Table = {
    title: 'Connecting and being thrown out',
    columns: [
      'camera',
      'sessions',
      'descriptors',
      'RSS MiB',
      'slope per cycle',
      'children',
      'segments left',
      'verdict',
    ],
    rows,
    notes: [
      `judged after the first ${WARM_UP * 100} % of the cycles; limits: ${DESCRIPTORS_LIMIT} descriptors, ${SLOPE_LIMIT / 1024} KiB of resident memory per cycle`,
      'each cycle: OPTIONS to PLAY, decoder opened, a keyframe decoded, scaled and written to shared memory, connection reset by the camera; a tap that nobody reads is open all the while',
    ],
  };
  return { tables: [table], failures };
});
