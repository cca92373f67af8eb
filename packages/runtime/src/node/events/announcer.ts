import { type Clock, quoted } from '@vigia/base';
import {
  type CameraStateMessage,
  type ConsumerStatistics,
  EVENT_VERSION,
  type EventKind,
  type EventMessage,
  KIND_OF_EVENT_TYPE,
  type ModelState,
  type NodeEventOf,
  type NodeItem,
  type ResultMessage,
  type Severity,
  type SlaClass,
  type WorkerStateMessage,
} from '@vigia/contracts';
import { type RuleNotice, ruleSubject } from '#core/camera-link';

/** Options of {@link Announcer}. */
export interface AnnouncerOptions {
  readonly node: string;
  readonly boot: string;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly publish: (item: NodeItem) => void;
}

/** The parts of an event that depend on its kind. */
type Body<K extends EventKind> = Pick<NodeEventOf<K>, 'kind' | 'severity' | 'data'> &
  Partial<Pick<NodeEventOf<K>, 'at' | 'camera' | 'consumer' | 'phase' | 'subject'>>;

const CAMERA_SEVERITY: Readonly<Record<CameraStateMessage['state'], Severity>> = {
  connecting: 'info',
  live: 'info',
  stalled: 'warning',
  waiting: 'warning',
  stopped: 'info',
};
const PHASE: Readonly<Record<EventMessage['type'], NodeEventOf<'sla'>['phase']>> = {
  worker_restarting: null,
  worker_failed: 'start',
  worker_recovered: 'end',
  sla_breached: 'start',
  sla_recovered: 'end',
  slowed: 'start',
  restored: 'end',
};
const EVENT_SEVERITY: Readonly<Record<EventMessage['type'], Severity>> = {
  worker_restarting: 'warning',
  worker_failed: 'warning',
  worker_recovered: 'notice',
  sla_breached: 'warning',
  sla_recovered: 'notice',
  slowed: 'notice',
  restored: 'notice',
};

/** Changes that an event lists. */
const CHANGES_LIMIT = 50;

/** Wraps results, states and events of the node into items and publishes them. No other code creates events. */
export class Announcer {
  readonly #o: AnnouncerOptions;
  /** Alarms that have not ended, by kind and subject. */
  readonly #alarms = new Set<string>();
  /** Consumers that are blind, by subject. */
  readonly #blind = new Set<string>();
  /** Since when a model has not worked, and why. */
  readonly #failing = new Map<string, { readonly sinceMs: number; readonly reason: string | null }>();

  constructor(options: AnnouncerOptions) {
    this.#o = options;
  }

  result(result: ResultMessage): void {
    this.#o.publish({ type: 'result', result });
  }

  stats(stats: ConsumerStatistics): void {
    this.#o.publish({ type: 'stats', stats });
  }

  cameraState({ camera, at, ...data }: CameraStateMessage): void {
    const severity = CAMERA_SEVERITY[data.state];
    this.#event({ kind: 'camera_state', at, camera, subject: camera, severity, data });
  }

  /** A camera left the configuration: ends its state. */
  cameraGone(camera: string): void {
    this.forgetAlarms(camera);
    const data = { state: 'stopped', reason: null, message: null, retry_in_ms: null } as const;
    this.#event({ kind: 'camera_state', phase: 'end', camera, subject: camera, severity: 'info', data });
  }

  modelState(model: string, state: ModelState, reason: string | null): void {
    const severity = state === 'failing' ? 'warning' : 'info';
    const back = this.#modelBack(model, state, reason);
    this.#event({
      kind: 'model_state',
      subject: `model-${model}`,
      severity: back === null ? severity : 'notice',
      data: { model, state, reason: back ?? (reason && quoted(reason)) },
    });
  }

  /** The sentence of a model that works again; null for any other state. */
  #modelBack(model: string, state: ModelState, reason: string | null): string | null {
    const nowMs = this.#o.clock.nowMs();
    const failure = this.#failing.get(model);
    if (state === 'failing' && !failure) this.#failing.set(model, { sinceMs: nowMs, reason });
    if (state !== 'ready' || !failure) return null;
    this.#failing.delete(model);
    const afterS = ((nowMs - failure.sinceMs) / 1000).toFixed(1);
    return `works again after ${afterS} s${failure.reason === null ? '' : `; it ${quoted(failure.reason)}`}`;
  }

  /** A model left the configuration: ends its state. */
  modelGone(model: string): void {
    this.#failing.delete(model);
    const data = { model, state: 'stopped', reason: null } as const;
    this.#event({ kind: 'model_state', phase: 'end', subject: `model-${model}`, severity: 'info', data });
  }

  workerState({ camera, consumer, at, ...data }: WorkerStateMessage): void {
    const severity = data.state === 'failed' || data.state === 'restarting' ? 'warning' : 'info';
    this.#event({ kind: 'worker_state', at, camera, consumer, subject: `${camera}/${consumer}`, severity, data });
  }

  /** A worker left the configuration: ends its state. */
  workerGone({ camera, consumer, worker, sla }: WorkerStateMessage): void {
    const data = { worker, sla, state: 'stopped', reason: null, message: null, alarm: false } as const;
    const subject = `${camera}/${consumer}`;
    this.#event({ kind: 'worker_state', phase: 'end', camera, consumer, subject, severity: 'info', data });
  }

  /** A camera's process ended, and with it the alarms of its consumers: its successor starts without any. */
  forgetAlarms(camera: string): void {
    for (const key of this.#alarms) if (key.includes(` ${camera}/`)) this.#alarms.delete(key);
  }

  /** What became of stored events. */
  storage(data: NodeEventOf<'storage'>['data']): void {
    const { state, discarded } = data;
    const severity = state === 'ok' && discarded === 0 ? 'notice' : 'warning';
    const phase = { failing: 'start', ok: 'end', discarded: null } as const;
    this.#event({ kind: 'storage', phase: phase[state], subject: 'store', severity, data });
  }

  /** Whether recordings can be written. */
  footage(state: 'failing' | 'ok', message: string): void {
    const [phase, severity] = state === 'failing' ? (['start', 'warning'] as const) : (['end', 'notice'] as const);
    this.#event({ kind: 'storage', phase, subject: 'footage', severity, data: { state, message, discarded: 0 } });
  }

  /** What a camera's recorder does; undefined: it is not recorded any more. */
  recording(camera: string, state: NodeEventOf<'recording'>['data'] | undefined): void {
    const data = state ?? ({ state: 'stopped', reason: null, message: null } as const);
    const severity = data.state === 'paused' ? 'warning' : 'info';
    this.#event({ kind: 'recording', phase: state ? null : 'end', camera, subject: camera, severity, data });
  }

  /** Reports an event of a consumer: about its worker, its SLA, or its rate. */
  consumerEvent({ camera, consumer, at, ...data }: EventMessage): void {
    const kind = KIND_OF_EVENT_TYPE[data.type];
    const phase = PHASE[data.type];
    const subject = `${camera}/${consumer}`;
    // Somebody knows of one that is blind: its failure is the reason, and no other alarm.
    const isAlarm = data.alarm && !this.#blind.has(subject);
    const severity = this.#severityOf(`${kind} ${subject}`, phase, isAlarm ? 'alarm' : EVENT_SEVERITY[data.type]);
    this.#event({ kind, at, camera, consumer, phase, subject, severity, data });
  }

  /** The end of an alarm is an alarm: a subscriber that got the start must not lose the end. */
  #severityOf(key: string, phase: NodeEventOf<'sla'>['phase'], severity: Severity): Severity {
    if (severity === 'alarm') this.#alarms.add(key);
    return phase === 'end' && this.#alarms.delete(key) ? 'alarm' : severity;
  }

  /** A critical consumer has become blind, or sees again. Both are alarms, so that no subscriber misses the end. */
  blind(camera: string, consumer: string, phase: 'start' | 'end', data: { sla: SlaClass; message: string }): void {
    const subject = `${camera}/${consumer}`;
    if (phase === 'start') this.#blind.add(subject);
    else this.#blind.delete(subject);
    this.#event({ kind: 'consumer_blind', phase, camera, consumer, subject, severity: 'alarm', data });
  }

  /** About people: an alarm, that it lasts, that it has ended, which is none; or a bed's state. @returns the id of the event. */
  rule(camera: string, notice: RuleNotice): string {
    const { phase, from: consumer } = notice;
    const subject = ruleSubject(camera, notice);
    const common = { phase, camera, consumer, subject };
    const isAlarm = phase === 'start' || phase === 'update';
    if (notice.kind === 'fall')
      return this.#event({ ...common, kind: 'fall', severity: isAlarm ? 'alarm' : 'notice', data: notice.data });
    if (notice.kind === 'visit')
      return this.#event({ ...common, kind: 'visit', severity: isAlarm ? 'alarm' : 'notice', data: notice.data });
    const quiet = notice.data.state === 'blind' ? 'warning' : 'notice';
    return this.#event({ ...common, kind: 'bed', severity: isAlarm ? 'alarm' : quiet, data: notice.data });
  }

  node(state: 'started' | 'stopping', version: string): void {
    this.#event({ kind: 'node', severity: 'notice', data: { state, version } });
  }

  /** The desired state has another revision. A long list of changes is cut: the revision itself has all of them. */
  config({ revision, by, changes }: NodeEventOf<'config'>['data']): void {
    const more = changes.length - CHANGES_LIMIT;
    const shown = more > 0 ? [...changes.slice(0, CHANGES_LIMIT), `and ${more} more`] : changes;
    this.#event({ kind: 'config', severity: 'notice', data: { revision, by, changes: shown } });
  }

  /** Somebody changed something, or was refused. @param camera That it concerns; null: the node. */
  audit(data: NodeEventOf<'audit'>['data'], camera: string | null): void {
    this.#event({ kind: 'audit', camera, severity: data.outcome === 'done' ? 'notice' : 'warning', data });
  }

  #event<K extends EventKind>(body: Body<K>): string {
    const { node, boot, clock, newId, publish } = this.#o;
    const data: Body<K>['data'] = readable(body.data);
    const { kind, severity, camera = null, consumer = null, phase = null, subject = null } = body;
    const at = body.at ?? new Date(clock.wallMs()).toISOString();
    const event = {
      v: EVENT_VERSION,
      id: newId(),
      node,
      boot,
      at,
      camera,
      consumer,
      kind,
      phase,
      severity,
      subject,
      data,
    } as NodeEventOf<K>;
    publish({ type: 'event', event });
    return event.id;
  }
}

/** Longest sentence of an event, in characters. */
const SENTENCE_LIMIT = 2_000;
/** Sentences for people. The other texts of an event are ids and words of ours. */
const SENTENCES: ReadonlySet<string> = new Set(['message', 'stderr', 'changes']);

/** The data of an event with printable sentences: they quote cameras, models, workers, clients and files. */
function readable<T extends object>(data: T): T {
  const shown = Object.entries(data).map(([key, value]) => [key, SENTENCES.has(key) ? sentences(value) : value]);
  return Object.fromEntries(shown) as T;
}

function sentences(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sentences);
  return typeof value === 'string' ? quoted(value, SENTENCE_LIMIT) : value;
}
