import { messageOf, Scope, sleep, systemClock } from '@vigia/base';
import { nodeStatusMessageSchema, topics } from '@vigia/contracts';
import { ms } from '../../support/numbers.ts';
import { descendantsOf } from '../../support/processes.ts';
import type { VigiaNode } from '../../support/vigia-node.ts';
import { type Outcome, startCamera } from '../camera-faults/rows.ts';
import { signalAll } from '../camera-faults/stopped.ts';
import type { SoakRun } from '../soak-run.ts';
import { judged, Told } from './judge.ts';
import { command, sample } from './sample.ts';
import type { StateBroker } from './state-broker.ts';
import { CAMERA, CONSUMER, startNode } from './surface-row.ts';

/** Of the row. */
export const NAME = 'every process of the node stopped';
/** Longer than a broker waits for a client that is silent: one and a half times 15 s, and mosquitto's own 5 s or so. */
const HELD_MS = 33_000;
/** After this a command has long ended. */
const COMMAND_MS = 10_000;
const RETURN_MS = 20_000;

/**
 * Stops the supervisor and all that it started. Then no surface may say that all is well: commands say that the node does not
 * answer, and the broker calls it offline.
 */
export async function playStoppedNode(run: SoakRun, broker: StateBroker): Promise<Outcome> {
  const scope = new Scope();
  run.scope.defer(() => scope.close());
  run.progress(NAME);
  try {
    const { url } = await startCamera(scope, {});
    const node = startNode(run, scope, broker, url);
    await node.okResults([CAMERA], 3);
    const { node: id } = await node.status();
    const pids = [node.pid, ...descendantsOf(node.pid).map(({ pid }) => pid)];
    signalAll(pids, 'SIGSTOP');
    scope.defer(() => signalAll(pids, 'SIGCONT'));
    await sleep(systemClock, HELD_MS, run.signal);
    const outcome = await askStopped(node, broker, id);
    signalAll(pids, 'SIGCONT');
    const from = node.lines.length;
    await node.okResults([CAMERA], 3, from);
    const failures = [...outcome.failures, ...(await wrongAfterwards(node, broker))];
    await node.finish();
    return { cells: outcome.cells, failures: failures.map((text) => `${NAME}: ${text}`) };
  } catch (error) {
    return { cells: [NAME, ...Array.from({ length: 8 }, () => '–')], failures: [`${NAME}: ${messageOf(error)}`] };
  } finally {
    await scope.close();
  }
}

async function askStopped(node: VigiaNode, broker: StateBroker, id: string): Promise<Outcome> {
  const askedMs = systemClock.nowMs();
  const [retained, health, screen] = await Promise.all([
    broker.retained(topics.status(id)),
    command(node, 'health'),
    command(node, 'status'),
  ]);
  const tookMs = systemClock.nowMs() - askedMs;
  const mqtt = nodeStatusMessageSchema.safeParse(retained).data?.status ?? 'nothing';
  const [said, shown] = [health.stderr, screen.stderr].map((text) => text.trim().split('\n')[0] ?? '');
  const failures: string[] = [];
  if (mqtt !== 'offline') failures.push(`the broker says ${mqtt}`);
  if (health.code !== 1 || !/did not answer/.test(health.stderr)) failures.push(`health: ${health.code}, ${said}`);
  if (screen.code !== 1 || !/did not answer/.test(screen.stderr)) failures.push(`status: ${screen.code}, ${shown}`);
  if (tookMs > COMMAND_MS) failures.push(`the commands took ${ms(tookMs)} ms`);
  const silent = `${ms(new Told(node.lines, CAMERA).silentMs(askedMs))} ms`;
  const agree = failures.length === 0 ? 'yes' : 'NO';
  const no = 'no answer';
  return { cells: [NAME, 'nothing', silent, mqtt, no, no, no, `${health.code}: ${said}`, agree], failures };
}

/** Once it goes on, all surfaces agree within a while. */
async function wrongAfterwards(node: VigiaNode, broker: StateBroker): Promise<string[]> {
  const endMs = systemClock.nowMs() + RETURN_MS;
  for (;;) {
    const asked = await sample(node, broker, CAMERA);
    const wrong = judged(new Told(node.lines, CAMERA), asked, CAMERA, CONSUMER);
    if (asked.health.code !== 0) wrong.push(`health: ${asked.health.stderr.trim()}`);
    if (wrong.length === 0 || systemClock.nowMs() > endMs) return wrong.map((sentence) => `afterwards, ${sentence}`);
  }
}
