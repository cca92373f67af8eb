import { quoted } from '@vigia/base';
import type { CameraReport, ConsumerReport } from '@vigia/contracts';
import type { CameraSnapshot } from '#core/camera-link';
import { addClassCounts } from '#core/consumer';

type ConsumerCounts = CameraSnapshot['consumers'][string];

/** Longest sentence or line of a camera's process, in characters. */
export const TEXT_LIMIT = 1_000;
/** The state of a worker that ended with its camera's process. */
const GONE = { state: 'stopped', reason: 'its camera’s process is gone' } as const;

/**
 * Closes the final counters of a dead process so that their sums still hold: pending pictures count as dropped, those
 * in flight as unavailable, those in the decoder as undecodable.
 */
export function closeOut(last: CameraSnapshot): CameraSnapshot {
  const { capture, supplier } = last;
  const consumers = Object.entries(last.consumers).map(([id, c]): [string, ConsumerCounts] => [
    id,
    {
      ...c,
      pending: 0,
      dropped: { ...c.dropped, closed: c.dropped.closed + c.pending },
      in_flight: 0,
      results: { ...c.results, unavailable: c.results.unavailable + c.in_flight },
      ...(c.kind === 'worker' ? GONE : { state: 'unavailable' as const }),
      process: c.process && { ...c.process, pid: null },
    },
  ]);
  return {
    capture: { ...capture, undecodable: capture.undecodable + capture.inDecoder, inDecoder: 0 },
    // Only a connected process has facts about its streams.
    stream: null,
    main: last.main && { ...last.main, state: 'connecting', reason: null },
    supplier: { ...supplier, inboxDrops: supplier.inboxDrops + supplier.inboxPending, inboxPending: 0 },
    consumers: Object.fromEntries(consumers),
    unsentResults: last.unsentResults,
  };
}

/** The snapshot without the consumers that are not in `ids`. */
export function onlyConsumers(snapshot: CameraSnapshot, ids: ReadonlySet<string>): CameraSnapshot {
  const consumers = Object.fromEntries(Object.entries(snapshot.consumers).filter(([id]) => ids.has(id)));
  return { ...snapshot, consumers };
}

/** Adds the counters of a process to those of its predecessors. */
export function addSnapshots(before: CameraSnapshot | undefined, now: CameraSnapshot): CameraSnapshot {
  if (!before) return now;
  const ids = new Set([...Object.keys(before.consumers), ...Object.keys(now.consumers)]);
  const consumers = [...ids].map((id): [string, ConsumerCounts] => {
    const a = before.consumers[id];
    const b = now.consumers[id];
    return [id, a && b ? addConsumers(a, b) : ((b ?? a) as ConsumerCounts)];
  });
  return {
    capture: addCounts(before.capture, now.capture),
    stream: now.stream,
    main: addMain(before.main, now.main),
    supplier: addCounts(before.supplier, now.supplier),
    consumers: Object.fromEntries(consumers),
    unsentResults: before.unsentResults + now.unsentResults,
  };
}

/** Adds the counts. State and reason are those of the newer process. */
function addMain(before: CameraSnapshot['main'], now: CameraSnapshot['main']): CameraSnapshot['main'] {
  if (!before || !now) return now ?? before;
  return {
    ...now,
    reconnects: before.reconnects + now.reconnects,
    captured: before.captured + now.captured,
    lost_packets: before.lost_packets + now.lost_packets,
  };
}

function addConsumers(a: ConsumerCounts, b: ConsumerCounts): ConsumerCounts {
  return {
    ...b,
    published: a.published + b.published,
    delivered: a.delivered + b.delivered,
    pending: a.pending + b.pending,
    dropped: addCounts(a.dropped, b.dropped),
    in_flight: a.in_flight + b.in_flight,
    results: addCounts(a.results, b.results),
    discarded_answers: a.discarded_answers + b.discarded_answers,
    detections: addClassCounts(a.detections, b.detections),
    results_with: addClassCounts(a.results_with, b.results_with),
    restarts: a.restarts + b.restarts,
    sla_window: { ...b.sla_window, breaches: a.sla_window.breaches + b.sla_window.breaches },
    process: b.process && {
      ...b.process,
      protocol_errors: b.process.protocol_errors + (a.process?.protocol_errors ?? 0),
      log_dropped: b.process.log_dropped + (a.process?.log_dropped ?? 0),
      last_exit: b.process.last_exit ?? a.process?.last_exit ?? null,
    },
  };
}

/** Adds two flat records of counts. A missing key counts as 0. */
function addCounts<T extends object>(a: T, b: T): T {
  const left = a as Record<string, number>;
  const out: Record<string, number> = { ...(b as Record<string, number>) };
  for (const [key, value] of Object.entries(left)) out[key] = (out[key] ?? 0) + value;
  return out as T;
}

/** Converts counters to the format of the report. */
export function reportOf(
  snapshot: CameraSnapshot,
  extra: Pick<CameraReport, 'state' | 'reason' | 'restarts'>,
  ageOf: (consumer: string) => ConsumerReport['age_ms'],
): CameraReport {
  const { capture, supplier } = snapshot;
  const consumers = Object.entries(snapshot.consumers).map(([id, c]): [string, ConsumerReport] => [
    id,
    reportOfConsumer(c, extra.restarts, ageOf(id)),
  ]);
  return {
    state: extra.state,
    reason: extra.reason,
    reconnects: capture.reconnects,
    stream: snapshot.stream,
    main: snapshot.main,
    lost_packets: capture.lostPackets,
    concealed: capture.concealed,
    captured: capture.captured,
    skipped: { no_demand: capture.noDemand, undecodable: capture.undecodable, late: capture.late },
    in_decoder: capture.inDecoder,
    published: supplier.published,
    distributed: supplier.distributed,
    inbox_drops: supplier.inboxDrops,
    inbox_pending: supplier.inboxPending,
    restarts: extra.restarts,
    unsent_results: snapshot.unsentResults,
    consumers: Object.fromEntries(consumers),
  };
}

/** A model's consumer restarts with its camera, a worker also by itself. A worker's output may contain secrets. */
function reportOfConsumer(c: ConsumerCounts, cameraRestarts: number, age: ConsumerReport['age_ms']): ConsumerReport {
  const exit = c.process?.last_exit;
  return {
    ...c,
    reason: c.reason === null ? null : quoted(c.reason, TEXT_LIMIT),
    ...(c.process && exit
      ? {
          process: {
            ...c.process,
            last_exit: {
              ...exit,
              reason: quoted(exit.reason, TEXT_LIMIT),
              stderr: exit.stderr.map((line) => quoted(line, TEXT_LIMIT)),
            },
          },
        }
      : {}),
    age_ms: age,
    restarts: cameraRestarts + c.restarts,
  };
}

/** The counters of a process that has not reported yet. */
export const NOTHING: CameraSnapshot = {
  capture: {
    captured: 0,
    published: 0,
    noDemand: 0,
    undecodable: 0,
    late: 0,
    inDecoder: 0,
    reconnects: 0,
    lostPackets: 0,
    concealed: 0,
  },
  stream: null,
  main: null,
  supplier: { published: 0, distributed: 0, inboxDrops: 0, inboxPending: 0 },
  consumers: {},
  unsentResults: 0,
};
