import type { SentUnit } from '#simulated-camera/session';

/** A {@link SentUnit} in JSON: nanoseconds as a decimal string, because JSON has no 64-bit integers. */
export type SentUnitMessage = Omit<SentUnit, 'sentMonotonicNs'> & { readonly sentMonotonicNs: string };

/** Messages from the parent to a camera in a process of its own. Others are ignored. */
export type CameraCommand =
  | { readonly type: 'step' | 'pause' | 'resume' | 'drop_clients' | 'stop' }
  /** Replaces the faults, see `SimulatedCamera.setFaults`. */
  | { readonly type: 'faults'; readonly faults: readonly string[] };

/** Messages of a camera in a process of its own to its parent. */
export type CameraEvent =
  | { readonly type: 'ready'; readonly url: string; readonly port: number }
  /** The start failed, or a command was refused. After a failed start the process exits with code 1. */
  | { readonly type: 'failed'; readonly code: string; readonly message: string }
  /** Number of playing sessions, sent whenever it changes. */
  | { readonly type: 'playing'; readonly sessions: number }
  /** One unit was sent. Only with `reportUnits`. */
  | { readonly type: 'unit'; readonly unit: SentUnitMessage }
  /** The answer to `faults`, once they are in force; also sent when a fault has ended by itself. */
  | { readonly type: 'faults'; readonly faults: readonly string[] }
  /** The answer to `step`: null when nothing was sent. */
  | { readonly type: 'stepped'; readonly unit: SentUnitMessage | null };

/** A unit in the form of a message. */
export function toMessage(unit: SentUnit): SentUnitMessage {
  return { ...unit, sentMonotonicNs: unit.sentMonotonicNs.toString() };
}
