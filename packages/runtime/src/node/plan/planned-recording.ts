import { join, resolve } from 'node:path';
import { type Config, durationMs, type RecordConfig, sizeBytes } from '@vigia/contracts';
import { type CameraKeep, type FootageDirSetup, type FootageLimits, HEADROOM_BYTES } from '#core/footage-link';
import { type IngestSetup, relaySocketPath } from '#core/ingest-link';
import { dataDirOf } from '#core/node-dirs';
import { formatBytes } from '#core/terminal';

const MIB = 1024 * 1024;
/** The ring of the seconds before an event: 8 Mbit/s of them, and two groups of pictures more. */
const RING_BYTES_PER_S = 1_000_000;
const RING_LEAST = 8 * MIB;
const DAY_MS = 86_400_000;

/** What happens at a camera that is recorded around events. */
export interface PlannedMarks {
  readonly mode: 'always' | 'on_event';
  readonly beforeMs: number;
  readonly afterMs: number;
  /** Classes whose detection is an event. */
  readonly on: readonly string[];
}

/** Everything about recording that a configuration asks for. */
export interface PlannedRecording {
  readonly ingests: readonly IngestSetup[];
  /** Most recorded cameras whose connections one process holds. */
  readonly camerasPerProcess: number;
  /** By camera. */
  readonly marks: Readonly<Record<string, PlannedMarks>>;
  /** Where footage is. */
  readonly dirs: readonly FootageDirSetup[];
  readonly limits: FootageLimits;
  /** The first directory is vigia's own: the supervisor makes it. The footage process makes one that was named. */
  readonly ownDir: boolean;
}

/** Computes what is recorded, and where. */
export function plannedRecording(
  config: Config,
  runDir: string,
  env: NodeJS.ProcessEnv = process.env,
): PlannedRecording {
  const { node, storage } = config;
  const { path, archive, durability } = storage;
  const first = path === undefined ? join(dataDirOf(env), 'footage') : resolve(path);
  const dirs = [
    // Of the first one the node's budget is the limit; with archives it is its own.
    { path: first, maxBytes: archive.length > 0 ? bytesOf(storage.max_bytes) : null },
    ...archive.map((one) => ({ path: resolve(one.path), maxBytes: bytesOf(one.max_bytes) })),
  ];
  const recorded = Object.entries(config.cameras).flatMap(([camera, { record, source, transport, tls }]) =>
    record === undefined || record.mode === 'never' ? [] : [{ camera, record, source, transport, tls }],
  );
  const ingests = recorded.map(({ camera, record, source, transport, tls }): IngestSetup => {
    const [beforeMs, afterMs] = [durationMs(record.before), durationMs(record.after)];
    const mode = record.mode === 'always' ? 'always' : 'on_event';
    return {
      node,
      camera,
      socketPath: relaySocketPath(runDir, camera),
      source: { url: source, transport, tls },
      policy: { mode, beforeMs, afterMs, durability },
      dirs: dirs.map((dir) => dir.path),
      ringBytes: mode === 'on_event' ? RING_LEAST + Math.ceil((beforeMs / 1000) * RING_BYTES_PER_S) : 0,
    };
  });
  return {
    ingests,
    camerasPerProcess: storage.cameras_per_process,
    marks: Object.fromEntries(
      recorded.map(({ camera, record }, i) => {
        const { mode, beforeMs, afterMs } = (ingests[i] as IngestSetup).policy;
        return [camera, { mode, beforeMs, afterMs, on: record.on }];
      }),
    ),
    dirs,
    limits: {
      maxBytes: archive.length > 0 ? null : bytesOf(storage.max_bytes),
      minFreeBytes: sizeBytes(storage.min_free),
      cameras: Object.fromEntries(recorded.map(({ camera, record }) => [camera, keptOf(record)])),
    },
    ownDir: path === undefined,
  };
}

function keptOf(record: RecordConfig): CameraKeep {
  const keepMs = record.keep === undefined ? null : durationMs(record.keep);
  return {
    keepMs,
    keepEventsMs: record.keep_events === undefined ? keepMs : durationMs(record.keep_events),
    maxBytes: bytesOf(record.max_bytes),
    maxEventBytes: bytesOf(record.max_event_bytes),
  };
}

function bytesOf(size: string | undefined): number | null {
  return size === undefined ? null : sizeBytes(size);
}

/** How `vigia check` names what a camera records. */
export function describeRecording({ ingests, marks, dirs, limits }: PlannedRecording): string[] {
  if (ingests.length === 0) return [];
  const days = (ms: number | null): string =>
    ms === null ? 'as long as there is room' : `${Math.round(ms / DAY_MS)} d`;
  const lines = ingests.map(({ camera }) => {
    const { mode, beforeMs, afterMs } = marks[camera] as PlannedMarks;
    const what = mode === 'always' ? 'always' : `on events, ${beforeMs / 1000} s before and ${afterMs / 1000} s after`;
    return `recording ${camera}: ${what}, kept ${days(limits.cameras[camera]?.keepMs ?? null)}`;
  });
  const least = formatBytes(ingests.length * HEADROOM_BYTES + limits.minFreeBytes);
  return [
    ...lines,
    `footage: ${dirs.map(({ path }) => path).join(', then ')}; ${least} of each disk stay free, or more`,
  ];
}
