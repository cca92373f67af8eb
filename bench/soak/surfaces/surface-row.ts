import { fileURLToPath } from 'node:url';
import { messageOf, Scope, sleep, systemClock } from '@vigia/base';
import { ms } from '../../support/numbers.ts';
import { VigiaNode } from '../../support/vigia-node.ts';
import { isOfBad, type Outcome, textOf } from '../camera-faults/rows.ts';
import type { SoakRun } from '../soak-run.ts';
import { judged, shownConsumer, shownStates, Told } from './judge.ts';
import { type Sample, sample } from './sample.ts';
import type { Play, Scene } from './scene.ts';
import type { StateBroker } from './state-broker.ts';

const BRIGHT = fileURLToPath(new URL('../../../../examples/workers/brightness.mjs', import.meta.url));
const CONSUMERS = '{ light: { worker: bright, fps: 5, sla: critical } }';
const WORKERS = `workers:\n  bright: { module: ${BRIGHT}, input: { format: GRAY8, width: 64, height: 36 } }\n`;
/** The ids in every row. */
export const [CAMERA, CONSUMER] = ['bad', 'light'];
/** Later than a critical consumer may be blind unnoticed. */
const HELD_MS = 12_500;
const NOTICE_LIMIT_MS = 45_000;
/** A state may change while the surfaces are asked: they are asked again. */
const TRIES = 3;
const REPEAT_MS = 100;

/** A node with one camera, whose critical consumer looks 5 times a second. */
export function startNode(run: SoakRun, scope: Scope, broker: StateBroker, url: string, setting?: string): VigiaNode {
  const more = { models: '', top: `${WORKERS}mqtt: { url: "${broker.url}" }\n` };
  const { signal } = run;
  return VigiaNode.start(
    { signal, scope, seconds: 0, progress: () => undefined },
    { [CAMERA]: url },
    CONSUMERS,
    setting,
    more,
  );
}

/** Plays one scene on a node of its own, and asks all surfaces while it lasts. */
export class SurfaceRow {
  readonly #run: SoakRun;
  readonly #scene: Scene;
  readonly #broker: StateBroker;

  constructor(run: SoakRun, scene: Scene, broker: StateBroker) {
    this.#run = run;
    this.#scene = scene;
    this.#broker = broker;
  }

  async play(): Promise<Outcome> {
    const { name } = this.#scene;
    const scope = new Scope();
    this.#run.scope.defer(() => scope.close());
    this.#run.progress(name);
    try {
      const play = await this.#scene.start(this.#run, scope);
      const node = startNode(this.#run, scope, this.#broker, play.url, this.#scene.setting);
      await node.okResults([CAMERA], 3);
      const outcome = await this.#ask(node, play);
      await node.finish();
      return outcome;
    } catch (error) {
      return { cells: [name, ...Array.from({ length: 8 }, () => '–')], failures: [`${name}: ${messageOf(error)}`] };
    } finally {
      await scope.close();
    }
  }

  async #ask(node: VigiaNode, play: Play): Promise<Outcome> {
    const { name, told } = this.#scene;
    const from = node.lines.length;
    await play.begin(node);
    if (told !== undefined) {
      const find = (): true | undefined =>
        node.lines.slice(from).some((timed) => isOfBad(timed) && textOf(timed) === told) || undefined;
      await node.until(told, find, NOTICE_LIMIT_MS);
    }
    await this.#hold(play);
    for (let tries = 1; ; tries += 1) {
      const asked = await sample(node, this.#broker, CAMERA);
      const lines = new Told(node.lines, CAMERA);
      const wrong = judged(lines, asked, CAMERA, CONSUMER);
      if (wrong.length === 0 || tries === TRIES) return this.#outcome(lines, asked, wrong);
      this.#run.progress(`${name}: asked again (${wrong.join('; ')})`);
    }
  }

  /** Lets it last. */
  async #hold(play: Play): Promise<void> {
    const endMs = systemClock.nowMs() + HELD_MS;
    while (systemClock.nowMs() < endMs) {
      play.repeat?.();
      await sleep(systemClock, REPEAT_MS, this.#run.signal);
    }
  }

  #outcome(told: Told, asked: Sample, wrong: readonly string[]): Outcome {
    const { name } = this.#scene;
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
