import type { BenchRun } from '../support/bench-run.ts';
import { CameraFork } from '../support/camera-fork.ts';
import { ms, quantile } from '../support/numbers.ts';
import type { Table } from '../support/table.ts';
import { VigiaNode } from '../support/vigia-node.ts';

const REPETITIONS = 7;
/** Results after which a stream counts as running and is cut again. */
const SETTLED = 5;

/** Measures the time to the first result after a camera was away: the camera cuts the connection, vigia reconnects. */
export async function measureFirstResult(run: BenchRun): Promise<Table> {
  run.progress(`connect → first result, ${REPETITIONS} times`);
  const camera = await CameraFork.start(run, {});
  const node = VigiaNode.start(run, { cam1: camera.url });
  await node.okResults(['cam1'], SETTLED);
  const fromConnect: number[] = [];
  const fromPlay: number[] = [];
  for (let i = 0; i < REPETITIONS; i += 1) {
    const before = node.lines.length;
    camera.dropClients();
    const connecting = await node.line(
      'the next connection',
      before,
      (line) => line.type === 'camera_state' && line.state === 'connecting',
    );
    const from = node.lines.indexOf(connecting);
    const first = await node.line('a first result', from, (line) => line.type === 'result' && line.status === 'ok');
    fromConnect.push(first.atMs - connecting.atMs);
    fromPlay.push(first.atMs - camera.playedMs);
    await node.okResults(['cam1'], SETTLED, from);
  }
  await node.finish();
  await node.close();
  await camera.close();
  const row = (name: string, values: readonly number[], aim: string): string[] => [
    name,
    ...[0, 0.5, 1].map((q) => ms(quantile(values, q))),
    String(values.length),
    aim,
  ];
  return {
    title: 'First result of a camera, keyframe at hand, model ready, ms',
    columns: ['from', 'min', 'median', 'max', 'times', 'aim'],
    rows: [
      row('connecting (before TCP) to the first ok result', fromConnect, '< 1000'),
      row('PLAY heard of to the first ok result', fromPlay, ''),
    ],
  };
}
