import type { TimedLine } from '../../support/vigia-node.ts';
import { type Sample, stateText } from './sample.ts';

/** How long a message may be on its way to a surface. Milliseconds. */
const ON_THE_WAY_MS = 700;
/** From here on nothing may be shown as current: a second, or three intervals of 200 ms, and the way. Milliseconds. */
const OVER_MS = 1_000 + ON_THE_WAY_MS;
/** From here on a critical consumer is blind, and one that was lost once is not any more. Milliseconds. */
const BLIND_MS = 10_000 + 1_000 + ON_THE_WAY_MS;

/** Until a camera is known to be lost, at most. Milliseconds. */
const NOTICED_MS = 5_000;

/** States of a consumer that looks at pictures. */
const WORKING = /^(?:running|breaching)$/;

/** What `--json` printed, before and while the surfaces were asked. */
export class Told {
  readonly #states: readonly { readonly atMs: number; readonly text: string }[];
  readonly #okMs: readonly number[];

  constructor(lines: readonly TimedLine[], camera: string) {
    this.#states = lines.flatMap(({ atMs, line }) =>
      line.type === 'camera_state' && line.camera === camera ? [{ atMs, text: stateText(line) }] : [],
    );
    this.#okMs = lines.flatMap(({ atMs, line }) =>
      line.type === 'result' && line.camera === camera && line.status === 'ok' ? [atMs] : [],
    );
  }

  /** The states that a surface may show. */
  statesBetween(fromMs: number, toMs: number): Set<string> {
    const before = this.#states.findLast(({ atMs }) => atMs <= fromMs - ON_THE_WAY_MS)?.text;
    const during = this.#states.filter(({ atMs }) => atMs > fromMs - ON_THE_WAY_MS && atMs <= toMs + ON_THE_WAY_MS);
    return new Set([...(before === undefined ? [] : [before]), ...during.map(({ text }) => text)]);
  }

  /** Milliseconds since the last ok result; infinite: there was none. */
  silentMs(nowMs: number): number {
    return nowMs - (this.#okMs.findLast((atMs) => atMs <= nowMs) ?? Number.NEGATIVE_INFINITY);
  }

  /** Whether ok results came all the time, and go on. */
  flows(fromMs: number, toMs: number): boolean {
    const inside = [fromMs - BLIND_MS, ...this.#okMs.filter((at) => at > fromMs - BLIND_MS && at < toMs), toMs];
    return inside.every((at, i) => i === 0 || at - (inside[i - 1] ?? at) < ON_THE_WAY_MS);
  }

  /** `dark`: never live for {@link BLIND_MS}; `steady`: live all the time; `mixed`: anything else. */
  sight(fromMs: number, toMs: number): 'dark' | 'steady' | 'mixed' {
    const states = [...this.statesBetween(fromMs - BLIND_MS, toMs)];
    if (states.every((text) => text === 'live')) return 'steady';
    return states.includes('live') ? 'mixed' : 'dark';
  }
}

/** What is wrong with a sample: sentences. Empty: the surfaces agree, and are right. */
export function judged(told: Told, s: Sample, camera: string, consumer: string): string[] {
  return [...statesWrong(told, s, camera), ...currentWrong(told, s, camera, consumer), ...healthWrong(told, s, camera)];
}

/** The states that a sample shows, by surface. */
export function shownStates({ status, report, mqtt, screen }: Sample, camera: string): Record<string, string> {
  const none = { state: 'missing', reason: null };
  return {
    MQTT: mqtt,
    report: stateText(report.cameras[camera] ?? none),
    API: stateText(status.cameras[camera]?.report ?? none),
    terminal: new RegExp(`^${camera} +(\\S+)`, 'm').exec(screen.stdout)?.[1] ?? 'missing',
  };
}

/** The state of a consumer in the terminal. */
export function shownConsumer({ screen }: Sample, camera: string, consumer: string): string {
  const block = screen.stdout.split(new RegExp(`^${camera} +\\S+`, 'm'))[1] ?? '';
  return new RegExp(`^  ${consumer} \\(\\S+\\) +(no picture|\\S+)`, 'm').exec(block)?.[1] ?? 'missing';
}

function statesWrong(told: Told, s: Sample, camera: string): string[] {
  const may = told.statesBetween(s.fromMs, s.toMs);
  const words = new Set([...may].map((text) => text.replace(/\(.*/, '')));
  return Object.entries(shownStates(s, camera)).flatMap(([surface, text]) =>
    (surface === 'terminal' ? words : may).has(text)
      ? []
      : [`${surface} says ${text}, --json says ${[...may].join(', ')}`],
  );
}

function currentWrong(told: Told, s: Sample, camera: string, consumer: string): string[] {
  const shown = s.status.cameras[camera]?.answers[consumer];
  const inTerminal = shownConsumer(s, camera, consumer);
  const silentMs = told.silentMs(s.fromMs);
  const wrong: string[] = [];
  if (silentMs > OVER_MS && shown && (shown.age_p50_ms !== null || shown.sees !== null))
    wrong.push(`the API shows an age of ${shown.age_p50_ms} ms, ${Math.round(silentMs)} ms after the last result`);
  if (told.sight(s.fromMs, s.toMs) === 'dark' && WORKING.test(inTerminal))
    wrong.push(`the terminal shows a consumer without a picture as ${inTerminal}`);
  if (told.flows(s.fromMs, s.toMs) && (shown?.age_p50_ms ?? null) === null)
    wrong.push('the API shows no age, though results come');
  return wrong;
}

function healthWrong(told: Told, s: Sample, camera: string): string[] {
  const named = s.health.stderr.includes(`${camera}/`);
  const listed = s.status.problems.some((problem) => problem.camera === camera);
  const onScreen = /^\d+ problems? · /m.test(s.screen.stdout) && s.screen.stdout.includes(`${camera}/`);
  const wrong: string[] = [];
  if (new Set([s.health.code === 1, named, listed, onScreen]).size > 1)
    wrong.push(
      `health ends with ${s.health.code} and ${named ? 'names' : 'does not name'} it, the API ${listed ? 'has' : 'has no'} problem, the terminal ${onScreen ? 'shows' : 'shows no'} problem`,
    );
  const sight = told.sight(s.fromMs, s.toMs);
  if (sight === 'dark' && s.health.code !== 1)
    wrong.push('health is ok, and its critical camera was not live for 11 s');
  if (told.silentMs(s.fromMs) > BLIND_MS + NOTICED_MS && s.health.code !== 1)
    wrong.push('health is ok, and its critical consumer had no result for 16 s');
  if (sight === 'steady' && told.flows(s.fromMs, s.toMs) && s.health.code !== 0)
    wrong.push('health has a problem, and its critical consumer sees');
  return wrong;
}
