import { messageOf, Scope, sleep, systemClock } from '@vigia/base';
import { conservationErrors, type ResultMessage } from '@vigia/contracts';
import type { SentUnit } from '@vigia/testkit';
import { ms } from '../../support/numbers.ts';
import { VigiaNode } from '../../support/vigia-node.ts';
import type { SoakRun } from '../soak-run.ts';
import { isOfBad, ON_THE_WAY, type Outcome, PEOPLE, RECOVERY_LIMIT_MS, startCamera, textOf } from './rows.ts';

/** The stopped process. */
export type Stopped = 'camera process' | 'every consumer';

/** Lateness is measured against the fastest transit: ages may be off by that, but not by a backlog. */
const CLAIM_MS = 100;

/**
 * Stops processes with SIGSTOP: for 5 s the camera's, or for 30 s everything that receives from it: the model's
 * container, and the supervisor (which would otherwise replace the container).
 */
export async function playStopped(run: SoakRun, who: Stopped): Promise<Outcome> {
  const seconds = who === 'camera process' ? 5 : run.short ? 8 : 30;
  const name = `${who} stopped for ${seconds} s`;
  run.progress(name);
  const scope = new Scope();
  run.scope.defer(() => scope.close());
  try {
    const sent = new Map<number, number>();
    const camera = await startCamera(scope, {
      onUnitSent: (unit: SentUnit) => sent.set(unit.rtpTime, Number(unit.sentMonotonicNs) / 1e6),
    });
    const { signal } = run;
    const node = VigiaNode.start({ signal, scope, seconds: 0, progress: () => undefined }, { bad: camera.url }, PEOPLE);
    await node.okResults(['bad'], 5);
    const pids = who === 'camera process' ? [node.child('camera-process')] : [node.pid, node.child('model-container')];
    // In every case nothing stays stopped: a stopped process cannot be ended.
    scope.defer(() => signalAll(pids, 'SIGCONT'));
    const before = camera.stats();
    signalAll(pids, 'SIGSTOP');
    await sleep(systemClock, seconds * 1000, signal);
    const during = camera.stats();
    const continuedMs = systemClock.nowMs();
    const told = node.lines.findLast(isOfBad);
    signalAll(pids, 'SIGCONT');
    const first = await node.until(
      'an ok result of a picture taken since',
      () => node.results().find(({ result }) => isOkSince(result, continuedMs)),
      RECOVERY_LIMIT_MS,
    );
    const results = node.results().map(({ result }) => result);
    const stale = results.filter((r) => r.status === 'ok' && isBetween(r, continuedMs, seconds));
    const unitsSent = camera.stats().unitsSent;
    const report = await node.finish();
    const bad = report.cameras['bad'];
    const failures = conservationErrors(report);
    const missing = unitsSent - (bad?.captured ?? 0);
    if (missing > ON_THE_WAY) failures.push(`${missing} pictures were not read`);
    if (during.unitsDropped > before.unitsDropped) failures.push('the camera had to drop: it was not read from');
    if (who === 'every consumer' && (bad?.published ?? 0) < unitsSent - ON_THE_WAY)
      failures.push(`${unitsSent} were sent and ${bad?.published} published`);
    const state = told ? textOf(told) : 'none';
    const due = who === 'camera process' ? 'stalled(stalled)' : 'live';
    if (state !== due) failures.push(`its camera was ${state}, not ${due}`);
    if (stale.length > 0) failures.push(`${stale.length} ok results of pictures from the time when all stood still`);
    const understated = results.filter((result) => isUnderstated(result, sent));
    if (understated.length > 0) failures.push(`${understated.length} results claim to be fresher than they are`);
    return {
      cells: [
        name,
        state,
        told && due !== 'live' ? ms(told.atMs - (continuedMs - seconds * 1000)) : '–',
        ms(first.atMs - continuedMs),
        String(Math.max(0, unitsSent - (bad?.published ?? 0))),
        '–',
      ],
      failures: failures.map((text) => `${name}: ${text}`),
    };
  } catch (error) {
    return { cells: [name, '–', '–', '–', '–', '–'], failures: [`${name}: ${messageOf(error)}`] };
  } finally {
    await scope.close();
  }
}

/** A process that has exited is left out. */
export function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // Exited already.
    }
  }
}

/** Capture time, on the monotonic clock. */
function capturedMs(result: ResultMessage): number {
  return Date.parse(result.captured_at) - systemClock.wallMs() + systemClock.nowMs();
}

function isOkSince(result: ResultMessage, sinceMs: number): boolean {
  return result.status === 'ok' && capturedMs(result) > sinceMs;
}

/** Captured while everything was stopped, but not just before the end of it. */
function isBetween(result: ResultMessage, continuedMs: number, seconds: number): boolean {
  const at = capturedMs(result);
  return at > continuedMs - seconds * 1000 + 1_000 && at < continuedMs - 1_000;
}

function isUnderstated(result: ResultMessage, sent: ReadonlyMap<number, number>): boolean {
  const sentMs = sent.get(Math.round((result.pts_us * 9) / 100) >>> 0);
  return sentMs !== undefined && capturedMs(result) - sentMs > CLAIM_MS;
}
