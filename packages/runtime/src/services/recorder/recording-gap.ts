import type { GapReason, SegmentNote } from '#core/footage';

/** Reasons that explain why a picture that is wanted now cannot be written. */
const OBSTACLES: ReadonlySet<GapReason> = new Set<GapReason>(['disk_full', 'read_only', 'disk_failed', 'not_recorded']);

/** Why nothing is being recorded, and since when: the next segment's note has it. Wall times, milliseconds since 1970. */
export class RecordingGap {
  readonly #onGap: (sinceMs: number, reason: GapReason) => void;
  // Since when nothing was recorded before this process, only the files know.
  #gap: { readonly reason: GapReason; readonly sinceMs: number | null } | undefined = {
    reason: 'node_down',
    sinceMs: null,
  };
  #endMs: number | null = null;

  /** @param onGap Recording has stopped. */
  constructor(onGap: (sinceMs: number, reason: GapReason) => void) {
    this.#onGap = onGap;
  }

  /** For the note of the next segment. */
  get note(): SegmentNote['gap'] {
    return this.#gap ? { reason: this.#gap.reason, since_ms: this.#gap.sinceMs } : null;
  }

  get reason(): GapReason | undefined {
    return this.#gap?.reason;
  }

  /** What earlier recorders have left ends then; null: they left nothing. */
  lookBack(endMs: number | null): void {
    this.#endMs ??= endMs;
    if (this.#gap?.sinceMs === null) this.#gap = { ...this.#gap, sinceMs: endMs };
  }

  /** A segment has begun: there is no gap any more. */
  begun(): void {
    this.#gap = undefined;
  }

  /** A segment has ended. @param reason Undefined: another one follows at once. */
  ended(endMs: number, reason: GapReason | undefined): void {
    this.#endMs = endMs;
    if (reason !== undefined) this.#stop(reason, endMs);
  }

  /** A picture that is wanted cannot be written. One reason gives way to another only when it explains nothing. */
  lost(reason: GapReason, atMs: number): void {
    if (!this.#gap) this.#stop(reason, this.#endMs ?? atMs);
    else if (!OBSTACLES.has(this.#gap.reason)) this.#stop(reason, atMs);
  }

  #stop(reason: GapReason, sinceMs: number): void {
    this.#gap = { reason, sinceMs };
    this.#onGap(sinceMs, reason);
  }
}
