import type { Clock } from '@vigia/base';
import {
  type CameraReport,
  type ConsumerReport,
  type HealthProblem,
  type ModelReport,
  type NodeProblem,
  SLA_CLASSES,
  type SlaClass,
  WHOLE_NODE,
} from '@vigia/contracts';

/** What a node knows of itself now. */
export interface NodeSight {
  readonly health: readonly HealthProblem[];
  /** `message`: why it is not live, for people. */
  readonly cameras: Iterable<{ readonly id: string; readonly report: CameraReport; readonly message: string | null }>;
  readonly models: Iterable<{ readonly id: string; readonly report: ModelReport }>;
}

/** A camera connects, a worker starts: that is a problem only after this time. */
const BEGINS_MS = 10_000;
/** The same of a model, which may be read from a slow disk. */
const MODEL_BEGINS_MS = 30_000;

/** By kind, the worst first; consumers that miss their SLA come last, the more urgent class first. */
const WORST = [
  'worker_failed',
  'blind',
  'model',
  'camera',
  'recording_paused',
  'footage',
  'store',
  'memory',
  'mqtt_refused',
  'mqtt_away',
  'changes',
  'api',
  'live',
];

/** What to do about a camera, by its reason. docs/reference/states-and-reasons.md says more. */
const CAMERA_REMEDIES: Readonly<Record<string, string>> = {
  dns: 'Check the name in its address, and the DNS server of this machine',
  refused: 'Check that the camera is on and the port is right; it may also have too many viewers',
  timeout: 'Check power, cable and switch of the camera, then firewalls between it and this machine',
  unauthorized: 'Set the right user and password in its source; the camera may lock out who tries too often',
  not_found: 'Check the path of the stream: the manual of the camera has it',
  no_video: 'Choose another path: this one has no video',
  unsupported_codec: 'Set the camera to H.264, or name a smaller stream',
  codec_changed: 'It reconnects by itself; if it happens again and again, update the camera',
  corrupt: 'Try another stream of the camera, or update it; the log has what came',
  stalled: 'Check power and cable of the camera, then the switch; restart the camera if it hangs',
  ended: 'The camera closed the connection: look whether it restarts, or has too many viewers',
  process_died: 'It starts again by itself; if it happens again, keep the log',
  process_failed: 'It starts again by itself; usually /dev/shm is full',
};

const REMEDIES: Readonly<Record<string, string>> = {
  recording_paused: 'Free space on the disk, or mend it: recording goes on by itself',
  footage: 'Check the disk of the recordings; the log has more',
  store: 'Free space on the disk of the state folder, or mend it: waiting events are written then',
  memory: 'Have fewer cameras or clients; if it stays, stop and start the node, and report it',
  mqtt_refused: 'Check user, password and rights at the broker',
  mqtt_away:
    'Check that the broker runs and is reached at its address: alarms wait for it, and are sent when it is back',
  changes:
    'Check the state folder and its disk, and the reason in the log; `vigia config save` writes what runs into the file',
  api: 'Check http in the configuration; the log has more',
  live: 'It starts again by itself; the log has the reason',
};

interface Found extends Omit<NodeProblem, 'since'> {
  /** What may begin for so long without being a problem. Milliseconds. */
  readonly afterMs: number;
  readonly sla: SlaClass | undefined;
}

/**
 * What is wrong in a node, since when, and what to do about it. A camera that is away is listed, and not each of its consumers
 * once more; a model that is not ready in the same way.
 */
export class Problems {
  readonly #clock: Clock;
  /** Monotonic milliseconds, by kind and subject. */
  #sinceMs = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Remembers what is wrong. Call it about once a second. @returns the problems, the worst first. */
  look(sight: NodeSight): readonly NodeProblem[] {
    const [found, nowMs, wallMs] = [findProblems(sight), this.#clock.nowMs(), this.#clock.wallMs()];
    const before = this.#sinceMs;
    const dated = found.map((one) => ({ one, sinceMs: before.get(keyOf(one)) ?? nowMs }));
    this.#sinceMs = new Map(dated.map(({ one, sinceMs }) => [keyOf(one), sinceMs]));
    return dated
      .filter(({ one, sinceMs }) => nowMs - sinceMs >= one.afterMs)
      .sort((a, b) => rankOf(a.one) - rankOf(b.one) || a.sinceMs - b.sinceMs)
      .map(({ one, sinceMs }) => problemOf(one, wallMs - (nowMs - sinceMs)));
  }
}

function problemOf({ subject, kind, camera, consumer, model, message, remedy }: Found, wallMs: number): NodeProblem {
  return { subject, kind, camera, consumer, model, since: new Date(wallMs).toISOString(), message, remedy };
}

function findProblems({ health, cameras, models }: NodeSight): Found[] {
  const stopped = new Map([...models].filter(({ report }) => report.state !== 'ready').map((m) => [m.id, m.report]));
  const listed = new Set(health.map(({ camera, consumer }) => subjectOf(camera, consumer)));
  const reports = new Map<string, CameraReport>();
  const found: Found[] = [];
  for (const { id, report, message } of cameras) {
    reports.set(id, report);
    const away = cameraProblem(id, report, message);
    if (away) found.push(away);
    else
      for (const [consumer, counts] of Object.entries(report.consumers))
        if (!listed.has(`${id}/${consumer}`) && !stopped.has(counts.model ?? ''))
          found.push(...consumerProblem(id, consumer, counts));
  }
  // A critical consumer that is blind because its camera is away says why; the camera is the thing to look at.
  const blindThere = new Set(health.filter(({ code }) => code === 'blind').map(({ camera }) => camera));
  return [
    ...health.map((problem) => healthProblem(problem, reports.get(problem.camera))),
    ...found.filter(({ kind, camera }) => kind !== 'camera' || !blindThere.has(camera ?? '')),
    ...[...stopped].map(([id, report]) => modelProblem(id, report)),
  ];
}

const NOTHING = { camera: null, consumer: null, model: null, afterMs: 0, sla: undefined };

function healthProblem({ code, camera, consumer, message }: HealthProblem, report: CameraReport | undefined): Found {
  const isAway = report !== undefined && report.state !== 'live';
  const remedy =
    code === 'worker_failed' || (code === 'blind' && !isAway)
      ? workerRemedy(report?.consumers[consumer ?? ''])
      : (REMEDIES[code] ?? (isAway ? cameraRemedy(report) : 'The log has more'));
  const subject = subjectOf(camera, consumer);
  return {
    ...NOTHING,
    subject,
    kind: code,
    camera: camera === WHOLE_NODE ? null : camera,
    consumer: consumer ?? null,
    // Elsewhere its sentence stands alone, and begins with its subject.
    message: message.startsWith(`${subject}: `) ? message.slice(subject.length + 2) : message,
    remedy,
  };
}

function cameraProblem(id: string, report: CameraReport, message: string | null): Found | undefined {
  const { state, reason } = report;
  // One that was taken out has no report; one that stopped by itself is a file that is over.
  if (state === 'live' || (state === 'stopped' && reason === null)) return undefined;
  const why = [state, ...(reason === null || reason === state ? [] : [reason])].join(', ');
  return {
    ...NOTHING,
    subject: id,
    kind: 'camera',
    camera: id,
    message: message === null ? why : `${why}: ${message}`,
    remedy: cameraRemedy(report),
    afterMs: state === 'connecting' ? BEGINS_MS : 0,
  };
}

function cameraRemedy({ state, reason }: CameraReport): string {
  if (state === 'stopped') return 'The file is over: restart the camera to play it again, or add ?loop to its source';
  return CAMERA_REMEDIES[reason ?? state] ?? 'It connects again by itself; the log has more';
}

function consumerProblem(camera: string, consumer: string, report: ConsumerReport): Found[] {
  const { state, reason, sla, slowed } = report;
  const isBeginning = state === 'starting' || state === 'restarting';
  if (!isBeginning && state !== 'failed' && state !== 'unavailable' && state !== 'breaching') return [];
  return [
    {
      ...NOTHING,
      subject: subjectOf(camera, consumer),
      kind: 'consumer',
      camera,
      consumer,
      message: [`${sla}, ${state}`, ...(reason === null ? [] : [reason])].join(': '),
      remedy:
        state === 'breaching'
          ? `${slowed === null ? 'Give it a lower fps' : 'The CPU is short: give others a lower fps'}, a smaller model, or more CPU`
          : workerRemedy(report),
      afterMs: isBeginning ? BEGINS_MS : 0,
      sla,
    },
  ];
}

function workerRemedy(report: ConsumerReport | undefined): string {
  if (report?.kind === 'model') return `Look at the log of model ${report.model}: it starts again by itself`;
  return report?.state === 'failed'
    ? 'Its log says why: mend it, then restart it here'
    : 'It starts again by itself; its log says why. Look at the camera yourself until it answers';
}

function modelProblem(id: string, { state, reason }: ModelReport): Found {
  return {
    ...NOTHING,
    subject: `model:${id}`,
    kind: 'model',
    model: id,
    message: reason === null ? state : `${state}: ${reason}`,
    remedy: 'It starts again by itself; its log says why. Nothing that needs it looks until then',
    afterMs: state === 'starting' ? MODEL_BEGINS_MS : 0,
  };
}

function subjectOf(camera: string, consumer: string | undefined): string {
  return consumer === undefined ? camera : `${camera}/${consumer}`;
}

function keyOf({ kind, subject }: Found): string {
  return `${kind} ${subject}`;
}

function rankOf({ kind, sla }: Found): number {
  const rank = WORST.indexOf(kind);
  return rank >= 0 ? rank : WORST.length + (sla === undefined ? 0 : SLA_CLASSES.indexOf(sla));
}
