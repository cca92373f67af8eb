import { fileURLToPath } from 'node:url';
import { messageOf, Scope, sleep, systemClock } from '@vigia/base';
import type { SimulatedCamera } from '@vigia/testkit';
import { ms } from '../../support/numbers.ts';
import { VigiaNode } from '../../support/vigia-node.ts';
import type { Fault } from '../camera-faults/fault-list.ts';
import { isOfBad, type Outcome, secondClipOf, startCamera, textOf } from '../camera-faults/rows.ts';
import type { SoakRun } from '../soak-run.ts';
import { judged, shownConsumer, shownStates, Told } from './judge.ts';
import { type Sample, sample } from './sample.ts';
import type { StateBroker } from './state-broker.ts';

const BRIGHT = fileURLToPath(new URL('../../../../examples/workers/brightness.mjs', import.meta.url));
const CONSUMERS = '{ light: { worker: bright, fps: 5, sla: critical } }';
const WORKERS = `workers:\n  bright: { module: ${BRIGHT}, input: { format: GRAY8, width: 64, height: 36 } }\n`;
const [CAMERA, CONSUMER] = ['bad', 'light'];
/** Later than a critical consumer may be blind unnoticed. */
const HELD_MS = 12_500;
const NOTICE_LIMIT_MS = 45_000;
/** A state may change while the surfaces are asked: they are asked again. */
const TRIES = 3;
const DROP_MS = 100;

/** Plays one fault on a node of its own, and asks all surfaces while it lasts. */
export class SurfaceRow {
  readonly #run: SoakRun;
  readonly #fault: Fault;
  readonly #broker: StateBroker;

  constructor(run: SoakRun, fault: Fault, broker: StateBroker) {
    this.#run = run;
    this.#fault = fault;
    this.#broker = broker;
  }

  async play(): Promise<Outcome> {
    const { name, camera, setting } = this.#fault;
    const scope = new Scope();
    this.#run.scope.defer(() => scope.close());
    this.#run.progress(name);
    try {
      const bad = await startCamera(scope, { ...camera, ...(await secondClipOf(this.#run, this.#fault)) });
      const run = { signal: this.#run.signal, scope, seconds: 0, progress: () => undefined };
      const more = { models: '', top: `${WORKERS}mqtt: { url: "${this.#broker.url}" }\n` };
      const node = VigiaNode.start(run, { [CAMERA]: bad.url }, CONSUMERS, setting, more);
      await node.okResults([CAMERA], 3);
      const outcome = await this.#ask(node, bad);
      await node.finish();
      return outcome;
    } catch (error) {
      return { cells: [name, ...Array.from({ length: 8 }, () => '–')], failures: [`${name}: ${messageOf(error)}`] };
    } finally {
      await scope.close();
    }
  }

  async #ask(node: VigiaNode, bad: SimulatedCamera): Promise<Outcome> {
    const { name, faults, heldFaults = faults, drop, told } = this.#fault;
    const from = node.lines.length;
    if (heldFaults.length > 0) await bad.setFaults(heldFaults);
    if (drop) bad.dropClients();
    if (told.length > 0 && faults.length > 0) {
      const last = told.at(-1) as string;
      const find = (): true | undefined =>
        node.lines.slice(from).some((timed) => isOfBad(timed) && textOf(timed) === last) || undefined;
      await node.until(last, find, NOTICE_LIMIT_MS);
    }
    await this.#hold(bad);
    for (let tries = 1; ; tries += 1) {
      const asked = await sample(node, this.#broker, CAMERA);
      const lines = new Told(node.lines, CAMERA);
      const wrong = judged(lines, asked, CAMERA, CONSUMER);
      if (wrong.length === 0 || tries === TRIES) return this.#outcome(lines, asked, wrong);
      this.#run.progress(`${name}: asked again (${wrong.join('; ')})`);
    }
  }

  /** Lets the fault last. A row without one that loses connections drops them all the time. */
  async #hold(bad: SimulatedCamera): Promise<void> {
    const endMs = systemClock.nowMs() + HELD_MS;
    const drops = this.#fault.faults.length === 0 && this.#fault.told.length > 0;
    while (systemClock.nowMs() < endMs) {
      if (drops) bad.dropClients();
      await sleep(systemClock, DROP_MS, this.#run.signal);
    }
  }

  #outcome(told: Told, asked: Sample, wrong: readonly string[]): Outcome {
    const { name } = this.#fault;
    const { MQTT = '', report = '', API = '', terminal = '' } = shownStates(asked, CAMERA);
    const age = asked.status.cameras[CAMERA]?.answers[CONSUMER]?.age_p50_ms ?? null;
    const said = asked.health.stderr.replace(/^vigia: bad\/light: critical, and /, '').split('\n')[0] ?? '';
    const silent = told.silentMs(asked.fromMs);
    return {
      cells: [
        name,
        [...told.statesBetween(asked.fromMs, asked.toMs)].join(', '),
        silent < Number.POSITIVE_INFINITY ? `${ms(silent)} ms` : 'none',
        MQTT,
        report,
        `${API}, ${age === null ? 'no age' : `${ms(age)} ms`}`,
        `${terminal}, ${shownConsumer(asked, CAMERA, CONSUMER)}`,
        `${asked.health.code}${said === '' || asked.health.code === 0 ? '' : `: ${said}`}`,
        wrong.length === 0 ? 'yes' : 'NO',
      ],
      failures: wrong.map((sentence) => `${name}: ${sentence}`),
    };
  }
}
