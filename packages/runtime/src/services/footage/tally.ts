import type { SegmentRow } from './segment-row.ts';
import type { RowSums } from './segment-table.ts';

/** Segments, and their bytes. */
export interface Sum {
  readonly segments: number;
  readonly bytes: number;
}

const NOTHING: Sum = { segments: 0, bytes: 0 };
type Part = Pick<SegmentRow, 'camera' | 'dir' | 'event' | 'bytes'>;

/** Sums over the rows of the index, kept with every change of one. */
export class Tally {
  readonly #sums = new Map<string, Sum>();
  readonly #cameras = new Set<string>();

  constructor(sums: readonly RowSums[]) {
    for (const { segments, ...part } of sums) this.#add(part, segments);
  }

  /** The cameras that have, or had, segments. */
  get cameras(): readonly string[] {
    return [...this.#cameras];
  }

  add(row: Part): void {
    this.#add(row, 1);
  }

  remove(row: Part): void {
    this.#add({ ...row, bytes: -row.bytes }, -1);
  }

  all(): Sum {
    return this.#of('all');
  }

  events(): Sum {
    return this.#of('events');
  }

  ofDir(dir: string): Sum {
    return this.#of(`dir ${dir}`);
  }

  /** Of footage of events in a directory. */
  eventsOfDir(dir: string): Sum {
    return this.#of(`events in ${dir}`);
  }

  ofCamera(camera: string, event: boolean): Sum {
    return this.#of(`camera ${camera} ${event}`);
  }

  #of(name: string): Sum {
    return this.#sums.get(name) ?? NOTHING;
  }

  #add({ camera, dir, event, bytes }: Part, segments: number): void {
    this.#cameras.add(camera);
    const names = ['all', `dir ${dir}`, `camera ${camera} ${event}`, ...(event ? ['events', `events in ${dir}`] : [])];
    for (const name of names) {
      const before = this.#of(name);
      this.#sums.set(name, { segments: before.segments + segments, bytes: before.bytes + bytes });
    }
  }
}
