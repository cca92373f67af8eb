import type {
  CameraStatus,
  ConsumerStatistics,
  HealthProblem,
  NodeStatus,
  OpenAlarm,
  RecordingStatus,
  Report,
} from '@vigia/contracts';
import { readProcessUsage } from '#core/process-stats';
import type { CameraHandle, Children, NamedProcess } from '#node/children';
import type { Plan, RunningWorker } from '#node/plan';
import type { Recordings } from '#node/recordings';
import type { BrokerLink } from './broker-link.ts';
import { NOT_CURRENT } from './recent-results.ts';
import type { ResultAges } from './result-ages.ts';

/** The parts of a node that a report reads. */
export interface NodeParts {
  readonly plan: () => Plan;
  /** The version of vigia. */
  readonly version: string;
  /** Whether `vigia demo` started it. */
  readonly isDemo: boolean;
  readonly upMs: () => number;
  readonly wallMs: () => number;
  readonly health: () => readonly HealthProblem[];
  readonly alarms: () => readonly OpenAlarm[];
  readonly ages: Pick<ResultAges, 'recent' | 'lastMinute'>;
  readonly children: Children;
  readonly recordings: Pick<Recordings, 'processes' | 'statusOf'>;
  /** The process of the HTTP API, if there is one. */
  readonly api: () => readonly NamedProcess[];
  readonly broker: Pick<BrokerLink, 'report' | 'text'>;
}

/** A report of the whole node. For cameras and models that do not answer it contains the latest known values. */
export async function reportOf({ plan, upMs, children, recordings, broker, api }: NodeParts): Promise<Report> {
  const durationMs = upMs();
  const [cameras, models] = await Promise.all([reportsOf(children.cameras), reportsOf(children.models)]);
  return {
    version: 1,
    node: plan().node,
    duration_ms: Math.round(durationMs),
    cameras,
    models,
    mqtt: broker.report,
    system: { shm_bytes: plan().shmBytes, processes: processesOf(children, [...api(), ...recordings.processes]) },
  };
}

/** The latest known values, for a view. Asks no process. */
export function statusOf({
  plan,
  version,
  isDemo,
  upMs,
  health,
  alarms,
  ages,
  children,
  recordings,
  broker,
}: NodeParts): NodeStatus {
  const { node, shmBytes, labels } = plan();
  return {
    version: 1,
    node,
    vigia: version,
    pid: process.pid,
    up_ms: Math.round(upMs()),
    ...(isDemo ? { demo: true as const } : {}),
    shm_bytes: shmBytes,
    mqtt: broker.text,
    problems: [...health()],
    alarms: [...alarms()],
    cameras: Object.fromEntries(
      [...children.cameras].map(([id, camera]) => [
        id,
        { ...labels.get(id), ...cameraStatusOf(camera, ages, recordings.statusOf(id)) },
      ]),
    ),
    models: Object.fromEntries([...children.models].map(([id, m]) => [id, m.recentReport()])),
  };
}

function cameraStatusOf(
  camera: CameraHandle,
  ages: NodeParts['ages'],
  recording: RecordingStatus | undefined,
): CameraStatus {
  const report = camera.recentReport();
  const answers: CameraStatus['answers'] = {};
  for (const consumer of Object.keys(report.consumers)) {
    const recent = ages.recent(camera.id, consumer, report.stream?.interval_ms ?? 0);
    // What a camera showed that shows nothing now is not current either.
    if (recent) answers[consumer] = report.state === 'live' ? recent : NOT_CURRENT;
  }
  return { report, message: camera.state.message, answers, ...(recording ? { recording } : {}) };
}

/** The latest known counters of every consumer. */
export function* consumersOf(children: Children): Iterable<ConsumerStatistics> {
  for (const [camera, handle] of children.cameras)
    for (const [consumer, report] of Object.entries(handle.recentReport().consumers))
      yield { camera, consumer, report };
}

/** Workers that have a process, according to the latest counters of their cameras. */
export function runningWorkers(children: Children): RunningWorker[] {
  return [...consumersOf(children)].flatMap(({ camera, consumer, report }): RunningWorker[] =>
    report.process?.pid ? [{ camera, consumer, pid: report.process.pid }] : [],
  );
}

function processesOf(children: Children, more: readonly NamedProcess[]): Report['system']['processes'] {
  const out: Report['system']['processes'] = {};
  const workers = runningWorkers(children).map(
    ({ camera, consumer, pid }) => [`worker:${camera}/${consumer}`, pid] as const,
  );
  for (const [name, pid] of [['supervisor', process.pid] as const, ...children.processes, ...more, ...workers]) {
    const usage = readProcessUsage(pid);
    if (usage) out[name] ??= { pss_bytes: usage.pssBytes, cpu_s: usage.cpuSeconds };
  }
  return out;
}

async function reportsOf<T>(handles: ReadonlyMap<string, { report(): Promise<T> }>): Promise<Record<string, T>> {
  const reports = [...handles].map(async ([id, handle]): Promise<[string, T]> => [id, await handle.report()]);
  return Object.fromEntries(await Promise.all(reports));
}
