import type { SentUnit } from '#simulated-camera/session';

/** A {@link SentUnit} in JSON: nanoseconds as a decimal string, because JSON has no 64-bit integers. */
export type SentUnitMessage = Omit<SentUnit, 'sentMonotonicNs'> & { readonly sentMonotonicNs: string };

/** What the parent sends to a camera in a process of its own. Anything else is ignored. */
export type CameraCommand =
  | { readonly type: 'step' | 'pause' | 'resume' | 'drop_clients' | 'stop' }
  /** From now on these faults and no others, see `SimulatedCamera.setFaults`. */
  | { readonly type: 'faults'; readonly faults: readonly string[] };

/** What a camera in a process of its own sends to its parent. */
export type CameraEvent =
  | { readonly type: 'ready'; readonly url: string; readonly port: number }
  /** It could not start, or a command was refused. After a failed start the process exits with code 1. */
  | { readonly type: 'failed'; readonly code: string; readonly message: string }
  /** How many sessions play, whenever that changes. */
  | { readonly type: 'playing'; readonly sessions: number }
  /** One unit was sent. Only when asked for with `reportUnits`. */
  | { readonly type: 'unit'; readonly unit: SentUnitMessage }
  /** The answer to `faults`, once they have come into force; also when a fault has ended by itself. */
  | { readonly type: 'faults'; readonly faults: readonly string[] }
  /** The answer to `step`: null when nothing was sent. */
  | { readonly type: 'stepped'; readonly unit: SentUnitMessage | null };

/** The message form of a unit. */
export function toMessage(unit: SentUnit): SentUnitMessage {
  return { ...unit, sentMonotonicNs: unit.sentMonotonicNs.toString() };
}
