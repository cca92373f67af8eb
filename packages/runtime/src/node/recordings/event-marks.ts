import type { NodeEvent, NodeItem } from '@vigia/contracts';
import type { PlannedMarks } from '#node/plan';

/** Something happened at a camera: wall times, milliseconds since 1970. */
export interface Mark {
  readonly camera: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** The subject of the alarm; null: something else. */
  readonly alarm: string | null;
}

/** Marks of one camera in a row, at least this far apart. Milliseconds. */
const APART_MS = 1_000;

/** Finds what counts as an event for recording: alarms of a camera, and detections of the classes that were named. */
export class EventMarks {
  readonly #marksOf: (camera: string) => PlannedMarks | undefined;
  readonly #onMark: (mark: Mark) => void;
  readonly #lastMs = new Map<string, number>();

  constructor(marksOf: (camera: string) => PlannedMarks | undefined, onMark: (mark: Mark) => void) {
    this.#marksOf = marksOf;
    this.#onMark = onMark;
  }

  /** An item of the node's stream. */
  readonly handle = (item: NodeItem): void => {
    if (item.type === 'event') {
      const { camera, severity, subject, at } = item.event;
      if (camera !== null && severity === 'alarm' && !isFalse(item.event))
        this.#mark(camera, Date.parse(at), { apartMs: 0, alarm: subject });
    } else if (item.type === 'result') {
      const { camera, status, detections, captured_at: at } = item.result;
      const classes = status === 'ok' ? (this.#marksOf(camera)?.on ?? []) : [];
      if (classes.length > 0 && detections?.some((found) => classes.includes(found.class_name)))
        this.#mark(camera, Date.parse(at), { apartMs: APART_MS, alarm: null });
    }
  };

  #mark(
    camera: string,
    atMs: number,
    { apartMs, alarm }: { readonly apartMs: number; readonly alarm: string | null },
  ): void {
    if (!this.#marksOf(camera) || !Number.isFinite(atMs)) return;
    const before = this.#lastMs.get(camera) ?? Number.NEGATIVE_INFINITY;
    // A clock that was set back must not silence events.
    if (Math.abs(atMs - before) < apartMs) return;
    this.#lastMs.set(camera, atMs);
    this.#onMark({ camera, fromMs: atMs, toMs: atMs, alarm });
  }
}

/** Somebody went to see, and it was none. */
function isFalse({ data }: NodeEvent): boolean {
  return 'acknowledged' in data && data.acknowledged?.outcome === 'not_a_fall';
}
