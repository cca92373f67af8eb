/**
 * A worker of one frame a second on a camera of 30: every frame it receives was the newest one at that moment, nothing
 * waits for it anywhere, and every frame is accounted for. Over both transports and in a thread.
 */
import { fileURLToPath } from 'node:url';
import { sleep, systemClock } from '@vigia/base';
import { conservationErrors, type ResultMessage } from '@vigia/contracts';
import { CameraFork } from '../support/camera-fork.ts';
import { ms, quantile } from '../support/numbers.ts';
import { VigiaNode } from '../support/vigia-node.ts';
import { runSoak, type SoakResult } from './soak-run.ts';

const FPS = 30;
const INTERVAL_MS = 1000 / FPS;
/**
 * Time from the camera to the worker besides waiting for the worker: decoding, scaling, writing. The short form has other proofs
 * beside it; a frame that is kept for the worker is still a second old.
 */
const TRANSFER_MS = { long: 60, short: 600 } as const;
const WORK_MS = 1_000;
const SECONDS = { long: 60, short: 8 } as const;
const SLOW = fileURLToPath(new URL('../../soak/worker-pace/slow.py', import.meta.url));
const SLOW_MODULE = fileURLToPath(new URL('../../soak/worker-pace/slow.mjs', import.meta.url));
const SDK = fileURLToPath(new URL('../../../sdk/python', import.meta.url));

const CONSUMERS = ['shm', 'stdin', 'thread'] as const;
const WORKERS = `workers:
  shm: { command: [/usr/bin/python3, ${SLOW}], env: { PYTHONPATH: ${SDK} }, transport: shm, options: { work_ms: ${WORK_MS} } }
  stdin: { command: [/usr/bin/python3, ${SLOW}], env: { PYTHONPATH: ${SDK} }, transport: stdin, options: { work_ms: ${WORK_MS} } }
  thread: { module: ${SLOW_MODULE}, options: { work_ms: ${WORK_MS} } }
`;

await runSoak('worker-pace', async ({ signal, scope, progress, short }): Promise<SoakResult> => {
  const seconds = short ? SECONDS.short : SECONDS.long;
  const transferMs = short ? TRANSFER_MS.short : TRANSFER_MS.long;
  const bench = { signal, scope, seconds, progress };
  const camera = await CameraFork.start(bench, { fps: FPS });
  const consumers = CONSUMERS.map((id) => `${id}: { worker: ${id}, deadline_ms: 5000 }`).join(', ');
  const node = VigiaNode.start(bench, { hall: camera.url }, `{ ${consumers} }`, '', { models: '', top: WORKERS });
  await node.until('all workers', () => (CONSUMERS.every((id) => okOf(node, id).length > 0) ? true : undefined));
  progress(`${seconds} s with workers of 1 frame a second`);
  await sleep(systemClock, seconds * 1000, signal);
  const report = await node.finish();
  const failures = conservationErrors(report).map((text) => `frames are not conserved: ${text}`);
  const rows = CONSUMERS.map((id): string[] => {
    const results = okOf(node, id);
    // The worker's own observations: its age when it took the frame, and bytes that were unread afterwards.
    const handed = results.map((r) => (r.data as { handed_ms: number }).handed_ms);
    const waiting = results.map((r) => (r.data as { waiting_bytes: number }).waiting_bytes);
    const counts = report.cameras['hall']?.consumers[id];
    const worst = Math.max(...handed);
    if (results.length < seconds * 0.8) failures.push(`${id}: ${results.length} results in ${seconds} s`);
    if (worst > INTERVAL_MS + transferMs)
      failures.push(
        `${id}: a frame was ${ms(worst)} ms old when the worker got it, ${ms(INTERVAL_MS + transferMs)} are allowed`,
      );
    if (waiting.some((bytes) => bytes > 0)) failures.push(`${id}: ${Math.max(...waiting)} bytes lay before the worker`);
    if ((counts?.dropped.overwritten ?? 0) < (FPS - 2) * seconds * 0.8)
      failures.push(`${id}: only ${counts?.dropped.overwritten} frames were overwritten`);
    return [
      id,
      String(results.length),
      String(counts?.dropped.overwritten ?? '–'),
      ms(quantile(handed, 0.5)),
      ms(worst),
      String(Math.max(...waiting)),
    ];
  });
  return {
    tables: [
      {
        title: `Workers of one frame a second on a camera of ${FPS}, ${seconds} s`,
        columns: [
          'transport',
          'frames',
          'overwritten',
          'age when handed over p50, ms',
          'max, ms',
          'bytes waiting, max',
        ],
        rows,
        notes: [
          `age when handed over: stamped by the worker; at most one interval (${ms(INTERVAL_MS)} ms) and ${transferMs} ms for decoding, scaling and the way`,
          'bytes waiting: in the worker’s standard input when it has worked for a second and not answered yet (FIONREAD)',
          'RGB24 640×360: 675 KiB a frame. All three at once',
        ],
      },
    ],
    failures,
  };
});

function okOf(node: VigiaNode, consumer: string): ResultMessage[] {
  return node
    .results()
    .map(({ result }) => result)
    .filter((r) => r.consumer === consumer && r.status === 'ok');
}
