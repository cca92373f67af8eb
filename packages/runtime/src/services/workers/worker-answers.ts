import { knownSecrets, redact } from '@vigia/base';
import type { ResultMessage, WorkerResult } from '@vigia/contracts';
import type { InFlight, Outcome } from '#core/consumer';
import type { EndReason } from './lifecycle.ts';

/**
 * Matches a worker's answer to its frame in flight, which is settled by it.
 *
 * @returns what is wrong with the answer when that frame is not out; undefined otherwise.
 */
export function acceptAnswer(inFlight: InFlight, result: WorkerResult): string | undefined {
  const flight = inFlight.current;
  if (flight?.sentMs === undefined) return `a result for frame ${result.seq} while none was out`;
  if (result.seq !== flight.seq) return `a result for frame ${result.seq}, frame ${flight.seq} was out`;
  inFlight.answered(flight, outcomeOf(result));
  return undefined;
}

/** The outcome of a frame whose worker is gone, or about to be. */
export function goneOutcome(worker: string, { code, message }: EndReason): Outcome {
  const text = `worker ${worker} ${message}`;
  if (code === 'protocol_error') return { status: 'error', code, message: text };
  return { status: 'unavailable', code: 'worker_gone', message: text };
}

function outcomeOf({ detections = [], data, error }: WorkerResult): Outcome {
  if (error === undefined || error === null)
    return { status: 'ok', detections, ...(data === undefined ? {} : { data: shownData(data) }) };
  if (typeof error === 'string') return { status: 'error', code: 'worker_error', message: error };
  return { status: 'error', ...error };
}

/** Without the secrets that the worker was given. */
function shownData(data: unknown): ResultMessage['data'] {
  return (knownSecrets().length > 0 ? withoutSecrets(data) : data) as ResultMessage['data'];
}

function withoutSecrets(value: unknown): unknown {
  if (typeof value === 'string') return redact(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(withoutSecrets);
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [redact(name), withoutSecrets(inner)]));
}
