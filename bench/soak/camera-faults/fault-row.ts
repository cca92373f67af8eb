import { messageOf, Scope, sleep, systemClock } from '@vigia/base';
import { conservationErrors, type Report } from '@vigia/contracts';
import type { SimulatedCamera } from '@vigia/testkit';
import { ms } from '../../support/numbers.ts';
import { type TimedLine, VigiaNode } from '../../support/vigia-node.ts';
import type { SoakRun } from '../soak-run.ts';
import type { Fault } from './fault-list.ts';
import {
  isOfBad,
  ON_THE_WAY,
  type Outcome,
  PEOPLE,
  RECOVERY_LIMIT_MS,
  secondClipOf,
  startCamera,
  textOf,
} from './rows.ts';

/** Default time between the beginning of a fault and its end. */
const FAULT_MS = 3_000;
const NOTICE_LIMIT_MS = 45_000;

/** Plays one row: a node, a camera that misbehaves, and one beside it. */
export class FaultRow {
  readonly #run: SoakRun;
  readonly #fault: Fault;
  readonly #failures: string[] = [];

  constructor(run: SoakRun, fault: Fault) {
    this.#run = run;
    this.#fault = fault;
  }

  async play(): Promise<Outcome> {
    const scope = new Scope();
    this.#run.scope.defer(() => scope.close());
    const { signal, progress } = this.#run;
    const run = { signal, scope, seconds: 0, progress: () => undefined };
    progress(this.#fault.name);
    try {
      const good = await startCamera(scope, {});
      const bad = await startCamera(scope, { ...this.#fault.camera, ...(await secondClipOf(this.#run, this.#fault)) });
      const node = VigiaNode.start(run, { bad: bad.url, good: good.url }, PEOPLE, this.#fault.setting);
      await node.okResults(['bad', 'good'], 3);
      return await this.#provoke(node, bad, good);
    } catch (error) {
      return {
        cells: [this.#fault.name, '–', '–', '–', '–', '–'],
        failures: [`${this.#fault.name}: ${messageOf(error)}`],
      };
    } finally {
      await scope.close();
    }
  }

  async #provoke(node: VigiaNode, bad: SimulatedCamera, good: SimulatedCamera): Promise<Outcome> {
    const { name, faults, shortFaults, drop, told, passes, lastsMs = FAULT_MS } = this.#fault;
    const { short, signal } = this.#run;
    const from = node.lines.length;
    const startedMs = systemClock.nowMs();
    if (faults.length > 0) await bad.setFaults(short ? (shortFaults ?? faults) : faults);
    if (drop) bad.dropClients();
    if (faults.length === 0) await this.#dropOften(bad);
    const noticed = told.length === 0 ? undefined : await this.#notice(node, from);
    let healedMs = startedMs;
    if (!passes) {
      await sleep(systemClock, lastsMs, signal);
      healedMs = systemClock.nowMs();
      await bad.setFaults([]);
    }
    const recoveredAt = await this.#recover(node, healedMs, told.length > 0);
    const goodSent = good.stats().unitsSent;
    const liveAt = node.lines.find((timed) => isOfBad(timed) && textOf(timed) === 'live')?.atMs ?? startedMs;
    const due = ((systemClock.nowMs() - liveAt) / 1000) * bad.clip.fps;
    const report = await node.finish();
    this.#judge(node, report, goodSent);
    const r = report.cameras['bad'] as Report['cameras'][string];
    return {
      cells: [
        name,
        told.length === 0 ? 'live' : told.join(', '),
        noticed ? ms(noticed.atMs - startedMs) : '–',
        ms(recoveredAt - healedMs),
        String(Math.max(0, Math.round(due - r.published))),
        this.#othersText(node, report, goodSent),
      ],
      failures: this.#failures.map((text) => `${name}: ${text}`),
    };
  }

  async #dropOften(bad: SimulatedCamera): Promise<void> {
    for (let n = 0; n < 200; n += 1) {
      bad.dropClients();
      await sleep(systemClock, 100, this.#run.signal);
    }
  }

  /** Waits for the expected states, and returns the first one reported. */
  async #notice(node: VigiaNode, from: number): Promise<TimedLine> {
    const last = this.#fault.told.at(-1) as string;
    const find = (fits: (timed: TimedLine) => boolean): TimedLine | undefined =>
      node.lines.slice(from).find((timed) => isOfBad(timed) && fits(timed));
    await node.until(last, () => find((timed) => textOf(timed) === last), NOTICE_LIMIT_MS);
    const said = new Set(node.lines.slice(from).filter(isOfBad).map(textOf));
    for (const state of this.#fault.told) if (!said.has(state)) this.#failures.push(`${state} was not reported`);
    return find((timed) => /stalled|waiting/.test(textOf(timed))) as TimedLine;
  }

  /** Time of an ok result whose frame was captured after the recovery. */
  async #recover(node: VigiaNode, healedMs: number, wasTold: boolean): Promise<number> {
    const wallMs = Date.parse(new Date(systemClock.wallMs() - systemClock.nowMs() + healedMs).toISOString());
    const found = await node.until(
      'an ok result after it was healed',
      () =>
        node
          .results()
          .find(
            ({ result, atMs }) =>
              result.camera === 'bad' &&
              result.status === 'ok' &&
              atMs > healedMs &&
              Date.parse(result.captured_at) > wallMs,
          ),
      RECOVERY_LIMIT_MS,
    );
    if (wasTold) {
      const states = node.lines.filter(isOfBad);
      if (states.length > 0 && textOf(states.at(-1) as TimedLine) !== 'live')
        this.#failures.push(`results come, but the camera is still ${textOf(states.at(-1) as TimedLine)}`);
    }
    return found.atMs;
  }

  #judge(node: VigiaNode, report: Report, goodSent: number): void {
    this.#failures.push(...conservationErrors(report));
    const { bad, good } = report.cameras;
    if (!bad || !good) {
      this.#failures.push('a camera is missing in the report');
      return;
    }
    const wrong = this.#fault.check?.(bad);
    if (wrong !== undefined) this.#failures.push(wrong);
    if (bad.restarts > 0) this.#failures.push('its process died');
    if (good.reconnects > 0 || good.restarts > 0) this.#failures.push('the other camera was reconnected or restarted');
    if (Math.abs(goodSent - good.captured) > ON_THE_WAY)
      this.#failures.push(`of the other camera ${goodSent} pictures were sent and ${good.captured} captured`);
    const states = node.lines.filter((t) => t.line.type === 'camera_state' && t.line.camera === 'good').map(textOf);
    if (states.some((state) => state !== 'connecting' && state !== 'live' && state !== 'stopped'))
      this.#failures.push(`the other camera was ${states.join(', ')}`);
    if (this.#fault.told.length === 0) {
      const odd = node.lines
        .filter(isOfBad)
        .map(textOf)
        .filter((state) => state.startsWith('waiting'));
      if (odd.length > 0) this.#failures.push(`it was to stay connected, and was ${odd.join(', ')}`);
    }
  }

  #othersText(node: VigiaNode, report: Report, goodSent: number): string {
    const good = report.cameras['good'];
    const at = node.results().filter(({ result }) => result.camera === 'good' && result.status === 'ok');
    const gaps = at.slice(1).map(({ atMs }, i) => atMs - (at[i]?.atMs ?? atMs));
    const lost = Math.max(0, goodSent - (good?.captured ?? 0));
    return `${lost <= ON_THE_WAY ? 'nothing' : `${lost} lost`}; gap ${ms(Math.max(...gaps))}`;
  }
}
