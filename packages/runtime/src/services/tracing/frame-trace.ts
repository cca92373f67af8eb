import type { Hops, ResultMessage } from '@vigia/contracts';

/** Longest text of a trace, characters. Longer ones are cut. */
export const TEXT_LIMIT = 256;
/** The longest time from capture to a hop, milliseconds: the longest deadline, and a reserve. */
const HOP_LIMIT_MS = 3_600_000;

/** What a trace needs of a result. Holds no detections. */
export interface FrameTrace
  extends Pick<
    ResultMessage,
    'boot' | 'camera' | 'consumer' | 'model' | 'worker' | 'seq' | 'status' | 'age_ms' | 'age_certain'
  > {
  /** Wall time, milliseconds since 1970. */
  readonly capturedMs: number;
  readonly hops: Hops;
  /** Null for an `ok` result. */
  readonly error: { readonly code: string; readonly message: string } | null;
}

/** One stage of a frame's way. Times are milliseconds since capture. */
export interface Stage {
  readonly name: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** The frame got its result in this stage, before the stage was complete. */
  readonly failed: boolean;
}

/** The stage that each hop ends, in order. */
const STAGES = [
  ['arrived', 'arrive'],
  ['decoded', 'decode'],
  ['taken', 'wait'],
  ['rendered', 'render'],
  ['sent', 'send'],
  ['received', 'answer'],
  ['decided', 'decide'],
] as const satisfies readonly (readonly [keyof Hops, string])[];

/** The part of a result that is traced. Undefined when its times are none. */
export function frameTraceOf(result: ResultMessage): FrameTrace | undefined {
  const { boot, camera, consumer, model, worker, seq, status, age_ms, age_certain, hops_ms: hops, error } = result;
  const capturedMs = Date.parse(result.captured_at);
  if (!(capturedMs >= 0) || !areTimes(hops)) return undefined;
  const cut = error && { code: error.code.slice(0, TEXT_LIMIT), message: error.message.slice(0, TEXT_LIMIT) };
  return { boot, camera, consumer, model, worker, seq, status, age_ms, age_certain, capturedMs, hops, error: cut };
}

/**
 * The stages that a frame passed, without gaps. A frame that got its result early ends in the stage that it did not
 * complete.
 */
export function stagesOf({ hops, status }: FrameTrace): Stage[] {
  const stages: Stage[] = [];
  let fromMs = 0;
  for (const [hop, name] of STAGES) {
    const atMs = hops[hop];
    // A camera process of an earlier version sends no arrival.
    if (atMs === undefined || (atMs === null && status === 'ok')) continue;
    const toMs = Math.max(fromMs, atMs ?? hops.decided);
    stages.push({ name, fromMs, toMs, failed: atMs === null });
    if (atMs === null) break;
    fromMs = toMs;
  }
  return stages;
}

function areTimes(hops: Hops): boolean {
  return STAGES.every(([hop]) => {
    const ms = hops[hop] ?? 0;
    return ms >= 0 && ms <= HOP_LIMIT_MS;
  });
}
